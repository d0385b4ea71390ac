//! Servers that evaluate a language.

use std::fs::File;
use std::path::PathBuf;

use farside::Session;
use farside_tests::{Server, ServerBuilder, evaluator};
use serde::de::DeserializeOwned;

/// The evaluator of JavaScript, unless this machine could not build it.
pub(crate) fn javascript() -> Option<PathBuf> {
    let found = evaluator("javascript");
    if found.is_none() {
        eprintln!("skipped: the evaluator of javascript is not built on this machine");
    }
    found
}

/// What JavaScript gives, once its evaluator is compiled.
pub(crate) async fn eval<T: DeserializeOwned>(session: &Session, source: &str) -> T {
    let language = session.language("javascript");
    language.ready().await.unwrap();
    language.eval::<T>(source).get().await.unwrap()
}

/// A server whose evaluator of a language is ready; none, and a word about it, if this
/// machine could not build the evaluator.
pub(crate) async fn evaluating(language: &str) -> Option<Server> {
    evaluating_with(Server::builder(), language).await
}

/// The same of a server with settings of its own.
pub(crate) async fn evaluating_with(server: ServerBuilder, language: &str) -> Option<Server> {
    let Some(module) = evaluator(language) else {
        eprintln!("skipped: the evaluator of {language} is not built on this machine");
        return None;
    };
    // The first one compiles it, for all who wait here and find the code beside it.
    let turn = File::create(module.with_extension("lock")).unwrap();
    turn.lock().unwrap();
    let server = server.start();
    let session = server.session().await;
    session.language(language).ready().await.unwrap();
    Some(server)
}
