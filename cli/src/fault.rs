//! Why a command failed, and the one place that makes text and an exit code of it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use farside::{
    ConnectError, DescribeError, Disconnected, GetError, RenewError, SessionError, UploadError,
};
use farside_server::config::ConfigError;
use serde_json::{Value, json};

use crate::commands::new::NewError;
use crate::commands::serve::ServeError;
use crate::delivery::DeliveryError;
use crate::exit::Exit;
use crate::lookup::LookupError;
use crate::output::note;
use crate::shell::state::StateError;
use crate::shell::token::TokenError;
use crate::show::failure;
use crate::show::plain::plain;
use crate::verdict::Verdict;
use crate::words::WordError;

/// What failed, and why.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What could not be done: `cannot call hello.greet`.
    what: String,
    why: Why,
}

/// Why something failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session that was to be gone on with is no more.
    #[error("it has expired")]
    Expired,
    /// There is no session to do it with.
    #[error("there is no current session")]
    NoSession,
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Describe(#[from] DescribeError),
    #[error(transparent)]
    Get(#[from] GetError),
    #[error(transparent)]
    Renew(#[from] RenewError),
    #[error(transparent)]
    Disconnected(#[from] Arc<Disconnected>),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The words given to a function.
    #[error("{error}")]
    Words {
        error: WordError,
        /// The function as it is declared.
        signature: String,
    },
    /// `far:_` where there is none.
    #[error("far:_ stands for the last reference made here, and there is none")]
    NoLast,
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    New(#[from] NewError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Standard output can't be written, or the system grants no threads or signals.
    #[error("{0}")]
    System(#[from] io::Error),
    /// The person said so.
    #[error("it was interrupted")]
    Interrupted,
}

/// Puts a fault together where something failed.
pub(crate) trait Blame<T> {
    /// The same result, whose error says what could not be done.
    ///
    /// # Errors
    /// The same.
    fn blame(self, what: &str) -> Result<T, Fault>;
}

impl<T, E: Into<Why>> Blame<T> for Result<T, E> {
    fn blame(self, what: &str) -> Result<T, Fault> {
        self.map_err(|why| Fault::new(what, why))
    }
}

impl Fault {
    /// A fault with its reason.
    pub(crate) fn new(what: impl Into<String>, why: impl Into<Why>) -> Fault {
        Fault { what: what.into(), why: why.into() }
    }

    /// Tells it on standard error, as text or as JSON, and gives the exit code.
    pub(crate) fn report(&self, as_json: bool) -> Exit {
        // Whoever read standard output has had enough of it.
        if let Why::System(error) | Why::Delivery(DeliveryError::Print(error)) = &self.why
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return Exit::Done;
        }
        match as_json {
            true => note(self.to_json()),
            false => note(self.to_text()),
        }
        Verdict::of(&self.why).exit
    }

    /// What failed, why, and what to do, in lines.
    fn to_text(&self) -> String {
        let Verdict { hint, failure, .. } = Verdict::of(&self.why);
        let mut text = format!("\x1b[1;31merror\x1b[0m: {}", self.headline());
        let details = failure.map(failure::details).unwrap_or_default();
        if !details.is_empty() {
            text += &format!("\n\n{details}");
        }
        if let Some(hint) = hint {
            text += &format!("\n\n\x1b[1;36mhint\x1b[0m: {}", plain(&hint));
        }
        text
    }

    fn to_json(&self) -> Value {
        let Verdict { exit, hint, failure } = Verdict::of(&self.why);
        json!({
            "error": self.headline(),
            "hint": hint,
            "exit": exit.number(),
            "failure": failure.map(failure::to_json),
        })
    }

    /// What failed and why, in one line.
    pub(crate) fn headline(&self) -> String {
        if let Some(failure) = Verdict::of(&self.why).failure {
            return format!("{}: {}", self.what, failure::headline(failure));
        }
        let mut text = format!("{}: {}", self.what, self.why);
        let mut source = self.why.source();
        while let Some(error) = source {
            let said = error.to_string();
            // Some errors have their source's words in their own.
            if !text.ends_with(&said) {
                text += &format!(": {said}");
            }
            source = error.source();
        }
        plain(&text).into_owned()
    }
}
