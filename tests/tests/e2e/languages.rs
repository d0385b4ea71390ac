//! Servers that evaluate a language.

use std::path::PathBuf;

use farside::{Language, Session};
use farside_tests::{Server, ServerBuilder, evaluator, evaluator_turn};
use serde::de::DeserializeOwned;

/// The evaluator of JavaScript, unless this machine could not build it.
pub(crate) fn javascript() -> Option<PathBuf> {
    let found = evaluator("javascript");
    if found.is_none() {
        eprintln!("skipped: the evaluator of javascript is not built on this machine");
    }
    found
}

/// A session in which a language can be evaluated, and its server, which lives as long as
/// its guard; none if this machine could not build the evaluator.
pub(crate) async fn speaking(language: &str) -> Option<(Server, Session, Language)> {
    let server = evaluating(language).await?;
    let session = server.session().await;
    let language = session.language(language);
    Some((server, session, language))
}

/// What source text gives.
pub(crate) async fn value<T: DeserializeOwned>(language: &Language, source: &str) -> T {
    let value = language.eval::<T>(source).get().await;
    value.unwrap_or_else(|error| panic!("{source}: {error:?}"))
}

/// A server whose evaluator of a language is ready; none, and a word about it, if this
/// machine could not build the evaluator.
pub(crate) async fn evaluating(language: &str) -> Option<Server> {
    evaluating_with(Server::builder(), language).await
}

/// The same of a server with settings of its own.
pub(crate) async fn evaluating_with(server: ServerBuilder, language: &str) -> Option<Server> {
    let Some(_turn) = evaluator_turn(language) else {
        eprintln!("skipped: the evaluator of {language} is not built on this machine");
        return None;
    };
    let server = server.start();
    let session = server.session().await;
    session.language(language).ready().await.unwrap();
    Some(server)
}
