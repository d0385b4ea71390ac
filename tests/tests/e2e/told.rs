//! Failures as texts, for snapshots.

use std::error::Error;
use std::fmt::Write;

use farside::{Failure, Far, Module, Session, UploadError};
use serde::de::DeserializeOwned;

/// All that a failure says: code and message, backtrace, hint, and the same of its
/// causes.
pub(crate) fn told(failure: &Failure) -> String {
    let mut text = String::new();
    for (depth, failure) in std::iter::once(failure).chain(failure.causes()).enumerate() {
        let begin = if depth == 0 { "" } else { "caused by " };
        writeln!(text, "{begin}{}: {failure}", failure.code).unwrap();
        failure.backtrace.iter().for_each(|frame| writeln!(text, "    in {frame}").unwrap());
        failure.hint.iter().for_each(|hint| writeln!(text, "hint: {hint}").unwrap());
    }
    text
}

/// What a reference broke with.
pub(crate) async fn failure<T: DeserializeOwned>(far: &Far<T>) -> Failure {
    match far.get().await {
        Ok(_) => panic!("{far:?} has a value"),
        Err(error) => error.failure().unwrap_or_else(|| panic!("{error:?}")).clone(),
    }
}

/// All that is said of what a reference broke with.
pub(crate) async fn broken<T: DeserializeOwned>(far: &Far<T>) -> String {
    told(&failure(far).await)
}

/// All that is said of an upload that does not succeed.
pub(crate) fn refused(uploaded: Result<Module, UploadError>) -> String {
    let error = match uploaded {
        Ok(module) => panic!("{} was uploaded", module.name()),
        Err(error) => error,
    };
    if let Some(failure) = error.failure() {
        return told(failure);
    }
    let mut text = chain(&error);
    error.hint().iter().for_each(|hint| writeln!(text, "hint: {hint}").unwrap());
    text
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error}\n");
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.for_each(|cause| writeln!(text, "caused by {cause}").unwrap());
    text
}

/// Uploads a module written as text.
pub(crate) async fn upload_text(session: &Session, name: &str, wat: &str) -> Module {
    session.uploader(wat.as_bytes().to_vec()).name(name).send().await.unwrap()
}
