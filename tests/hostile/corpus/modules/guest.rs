//! A module's case: it is uploaded into a session of its own, functions of it are
//! called, one after the other, and the session is closed.

use std::sync::Arc;

use farside::{ErrorCode, Far, GetError, Module, RawArguments, Session};

use crate::corpus::case::{Case, Kind};
use crate::server::Server;

/// What a guest that runs for ever is stopped by: with much of the processor by one,
/// with little of it by the other.
pub(super) const STOPPED: &[&str] = &["CpuLimit", "DeadlineExceeded"];

/// The same, and what is said of the instance afterwards.
pub(super) const STOPPED_AND_LOST: &[&str] = &["CpuLimit, Poisoned", "DeadlineExceeded, Poisoned"];

/// A call: a function's name, behind `fresh ` for a store of its own, and the arguments
/// as JSON. The name `renew` makes the instance anew.
pub(super) type Step = (&'static str, &'static str);

/// A module made by a function.
pub(super) fn made(
    name: &'static str,
    promised: &'static [&'static str],
    bytes: fn() -> Vec<u8>,
    steps: &'static [Step],
) -> Case {
    Case::new(Kind::Module, name, promised, move |server| run(server, bytes(), steps))
}

/// A module written as text.
pub(super) fn text(
    name: &'static str,
    promised: &'static [&'static str],
    wat: &'static str,
    steps: &'static [Step],
) -> Case {
    let bytes = move || wat.as_bytes().to_vec();
    Case::new(Kind::Module, name, promised, move |server| run(server, bytes(), steps))
}

async fn run(server: Arc<Server>, bytes: Vec<u8>, steps: &'static [Step]) -> String {
    let session = server.session().await;
    let outcome = match session.uploader(bytes).name("m").send().await {
        Ok(module) => all(&module, steps).await,
        Err(error) => match error.failure() {
            Some(failure) => format!("refused: {}", failure.code),
            None => "refused by the client".to_owned(),
        },
    };
    session.close().await.unwrap();
    outcome
}

async fn all(module: &Module, steps: &[Step]) -> String {
    let mut outcomes = Vec::new();
    for (function, arguments) in steps {
        outcomes.push(match *function {
            "renew" => {
                module.renew().await.unwrap();
                continue;
            }
            function => outcome(&call(module, function, arguments)).await,
        });
    }
    if outcomes.is_empty() { "taken".to_owned() } else { outcomes.join(", ") }
}

fn call(module: &Module, function: &str, arguments: &str) -> Far<()> {
    let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
    let arguments = RawArguments(rmp_serde::to_vec(&arguments).unwrap().into());
    match function.strip_prefix("fresh ") {
        Some(function) => module.function(function).unwrap().fresh().call(arguments),
        None => module.call(function, arguments),
    }
}

/// Bytes of a value that is too large to be told.
const LARGE: usize = 100;

/// What became of a reference: its value as JSON, or the code of its failure.
pub(in crate::corpus) async fn outcome(far: &Far<()>) -> String {
    match far.get_raw(None).await {
        Ok((_, bytes)) => match rmp_serde::from_slice::<serde_json::Value>(&bytes) {
            Ok(value) if bytes.len() <= LARGE => value.to_string(),
            Ok(_) => "a large value".to_owned(),
            Err(_) => "a value".to_owned(),
        },
        Err(error) => code(&error),
    }
}

/// The code of a failure, or that the connection is lost.
pub(in crate::corpus) fn code(error: &GetError) -> String {
    error.failure().map_or_else(|| "disconnected".to_owned(), |failure| name(failure.code))
}

fn name(code: ErrorCode) -> String {
    code.name().to_owned()
}

/// Sources evaluated one after the other in a session of their own.
pub(super) fn sources(
    language: &'static str,
    name: &'static str,
    promised: &'static [&'static str],
    sources: &'static [&'static str],
) -> Case {
    let case = Case::new(Kind::Module, name, promised, move |server| async move {
        let session: Session = server.session().await;
        let spoken = session.language(language);
        let mut outcomes = Vec::new();
        for source in sources {
            outcomes.push(outcome(&spoken.eval::<()>(source)).await);
        }
        session.close().await.unwrap();
        outcomes.join(", ")
    });
    case.needing(language)
}
