//! Why a command failed, and the one place that makes text and an exit code of it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use farside::{
    ConnectError, DescribeError, Disconnected, ErrorCode, Failure, GetError, RenewError,
    SessionError, UploadError, WaitError,
};
use farside_server::config::ConfigError;
use rustyline::error::ReadlineError;
use serde_json::{Value, json};

use crate::commands::new::NewError;
use crate::commands::serve::ServeError;
use crate::delivery::DeliveryError;
use crate::exit::Exit;
use crate::lookup::LookupError;
use crate::output::note;
use crate::repl::command::ReplError;
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
    #[error("it is no more: its lease ran out, it was closed, or the server was restarted")]
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
    Wait(#[from] WaitError),
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
    /// A reference that is none, or is gone already.
    #[error("{0}")]
    Release(Failure),
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
    #[error(transparent)]
    Repl(#[from] ReplError),
    /// The terminal can't be used.
    #[error("{0}")]
    Terminal(#[from] ReadlineError),
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
        if self.nobody_reads() {
            return Exit::Done;
        }
        match as_json {
            true => note(self.to_json()),
            false => note(self.to_text()),
        }
        Verdict::of(&self.why).exit
    }

    /// Tells it to a person who knows what it is about: of source text that failed, the
    /// language's own traceback says all.
    pub(crate) fn report_in_conversation(&self) -> Exit {
        let verdict = Verdict::of(&self.why);
        match verdict.failure.and_then(failure::traceback) {
            Some(traceback) => {
                note(format_args!("\x1b[31m{traceback}\x1b[0m"));
                verdict.exit
            }
            None => self.report(false),
        }
    }

    /// What the server says that it is, if it was the server.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        Verdict::of(&self.why).failure.map(|failure| failure.code)
    }

    fn nobody_reads(&self) -> bool {
        matches!(
            &self.why,
            Why::System(error) | Why::Delivery(DeliveryError::Print(error))
                if error.kind() == io::ErrorKind::BrokenPipe
        )
    }

    /// Whether nothing more can be said: the connection is lost, or nobody reads.
    pub(crate) fn ends_conversation(&self) -> bool {
        match &self.why {
            Why::Disconnected(_) => true,
            Why::Get(error) => matches!(error, GetError::Disconnected(_)),
            Why::Describe(error) => matches!(error, DescribeError::Disconnected(_)),
            Why::Renew(error) => matches!(error, RenewError::Disconnected(_)),
            Why::Wait(error) => matches!(error, WaitError::Disconnected(_)),
            _ => self.nobody_reads(),
        }
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anstream::adapter::strip_str;
    use farside_protocol::value::ArgumentError;
    use farside_server::StartError;
    use farside_server::storage::{Doing, StorageError};
    use insta::assert_snapshot;

    use super::*;

    const URL: &str = "ws://127.0.0.1:7327";

    /// A fault as it is read without colour, and its exit code.
    fn told(what: &str, why: impl Into<Why>) -> String {
        let fault = Fault::new(what, why);
        let text = strip_str(&fault.to_text()).to_string();
        format!("{text}\n(exit {})", Verdict::of(&fault.why).exit.number())
    }

    #[test]
    fn no_connection() {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = ConnectError::NoServer { url: URL.to_owned(), source };
        assert_snapshot!(told("cannot connect", error), @r"
        error: cannot connect: no server listens at ws://127.0.0.1:7327: connection refused

        hint: start one with `farside serve`, or name another address with FARSIDE_URL
        (exit 3)
        ");
        let failure = Failure::new(ErrorCode::Unauthenticated, "the token is wrong");
        let error = ConnectError::WrongToken { url: URL.to_owned(), failure: failure.into() };
        assert_snapshot!(told("cannot connect", error), @r"
        error: cannot connect: ws://127.0.0.1:7327 does not accept the token: the token is wrong

        hint: the server's operator makes one with `farside token new NAME`; the server's own is printed by `farside token show` where it runs. FARSIDE_TOKEN takes either
        (exit 4)
        ");
        let reason = Disconnected::Transport {
            source: Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)),
        };
        let error = GetError::Disconnected(Arc::new(reason));
        assert_snapshot!(told("cannot get far:65543", error), @r"
        error: cannot get far:65543: the connection is lost: the transport failed: connection reset

        hint: the session outlives the connection: try again once the server is there
        (exit 3)
        ");
    }

    #[test]
    fn no_session() {
        let what = format!("cannot go on with the current session of {URL}");
        assert_snapshot!(told(&what, Why::Expired), @r"
        error: cannot go on with the current session of ws://127.0.0.1:7327: it is no more: its lease ran out, it was closed, or the server was restarted

        hint: `farside session new` begins another one; modules and references have to be made again
        (exit 6)
        ");
        assert_snapshot!(told("cannot close the session", Why::NoSession), @r"
        error: cannot close the session: there is no current session

        hint: `farside session list` shows those that there are
        (exit 6)
        ");
        assert_snapshot!(told("cannot get far:_", Why::NoLast), @r"
        error: cannot get far:_: far:_ stands for the last reference made here, and there is none

        hint: `farside call --far` makes one
        (exit 2)
        ");
    }

    #[test]
    fn names_and_words() {
        let error = LookupError::Unknown {
            what: "function",
            name: "greeet".to_owned(),
            nearest: vec!["greet".to_owned()],
        };
        assert_snapshot!(told("cannot call greeet", error), @r"
        error: cannot call greeet: the session has no function `greeet`

        hint: did you mean `greet`?
        (exit 6)
        ");
        let error = WordError::Unfit(ArgumentError::Missing {
            function: "greet".to_owned(),
            param: "name".to_owned(),
            expected: "string".to_owned(),
        });
        let signature = "greet(name: string) -> string".to_owned();
        assert_snapshot!(told("cannot call greet", Why::Words { error, signature }), @r"
        error: cannot call greet: greet needs an argument for `name` (string)

        hint: it is declared as greet(name: string) -> string
        (exit 2)
        ");
    }

    #[test]
    fn what_a_guest_did() {
        let panic = Failure {
            backtrace: vec!["stats::mean at src/lib.rs:12:5".to_owned()],
            ..Failure::new(ErrorCode::Trap, "stats.mean panicked: \u{1b}[2Jempty")
        };
        let failure = Failure::new(ErrorCode::Trap, "argument `mean` is broken")
            .with_hint("`farside renew stats` gives it a fresh instance")
            .with_cause(panic);
        assert_snapshot!(told("cannot call stats.spread", GetError::Failed(failure)), @r"
        error: cannot call stats.spread: argument `mean` is broken

        caused by: stats.mean panicked: \u{1b}[2Jempty

        backtrace of the guest, innermost first:
           0: stats::mean at src/lib.rs:12:5

        hint: `farside renew stats` gives it a fresh instance
        (exit 1)
        ");
    }

    #[test]
    fn this_machine() {
        let path = "/s/farside/x.json".into();
        assert_snapshot!(told("cannot keep a session", StateError::Damaged { path }), @r"
        error: cannot keep a session: /s/farside/x.json is damaged

        hint: `farside session new` writes it anew
        (exit 9)
        ");
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let address = "127.0.0.1:7327".parse().unwrap();
        assert_snapshot!(told("cannot serve", ServeError::Listen { address, source }), @r"
        error: cannot serve: cannot listen on 127.0.0.1:7327: address in use

        hint: another program listens there; a second server beside one of yours takes a free port with --listen 127.0.0.1:0, and a folder of its own with --data DIR
        (exit 9)
        ");
        let source = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let address = "[2001:db8::1]:7327".parse().unwrap();
        assert_snapshot!(told("cannot serve", ServeError::Listen { address, source }), @r"
        error: cannot serve: cannot listen on [2001:db8::1]:7327: address not available

        hint: the address is none of this machine's; 127.0.0.1 always is
        (exit 9)
        ");
        let source = tracing_subscriber::EnvFilter::try_new("a=b=c").unwrap_err();
        let filter = "a=b=c".to_owned();
        assert_snapshot!(told("cannot serve", ServeError::Filter { filter, source }), @r#"
        error: cannot serve: `log` cannot be `a=b=c`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5

        hint: a filter is a level, or such as info,farside_server=debug
        (exit 2)
        "#);
    }

    #[test]
    fn a_data_folder_that_is_no_good() {
        let path = || PathBuf::from("/d/storage");
        let start = |error: StorageError| told("cannot serve", ServeError::Start(error.into()));
        assert_snapshot!(start(StorageError::DiskFull { path: path() }), @"
        error: cannot serve: the disk of /d/storage is full

        hint: free some space, or choose a data folder on another disk with --data
        (exit 9)
        ");
        assert_snapshot!(start(StorageError::ReadOnly { path: path() }), @"
        error: cannot serve: /d/storage is on a read-only file system

        hint: choose a data folder elsewhere with --data
        (exit 9)
        ");
        let doing = Doing::Write;
        assert_snapshot!(start(StorageError::Permission { doing, path: path() }), @"
        error: cannot serve: no permission to write to /d/storage

        hint: give the server's account that right, or choose another data folder with --data
        (exit 9)
        ");
        assert_snapshot!(start(StorageError::InUse { folder: "/d".into() }), @"
        error: cannot serve: data folder /d is in use by another farside server

        hint: stop that server, or choose another data folder with --data
        (exit 9)
        ");
        let source = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let error = StartError::DataFolder { folder: "/d".into(), source };
        assert_snapshot!(told("cannot serve", ServeError::Start(error)), @"
        error: cannot serve: the data folder /d can't be used: read-only filesystem or storage medium

        hint: choose a folder that this account can write to with --data
        (exit 9)
        ");
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let data = "/d".into();
        assert_snapshot!(told("cannot serve", ServeError::Address { data, source }), @"
        error: cannot serve: cannot keep the address in /d: no storage space

        hint: choose a folder that this account can write to with --data
        (exit 9)
        ");
    }

    #[test]
    fn another_servers_token() {
        let error = |listens: Option<&str>| TokenError::Elsewhere {
            url: URL.to_owned(),
            data: "/d".into(),
            listens: listens.map(|address| address.parse().unwrap()),
        };
        assert_snapshot!(told("cannot connect", error(Some("127.0.0.1:80"))), @"
        error: cannot connect: ws://127.0.0.1:7327 wants a token, and the data folder /d is that of the server at ws://127.0.0.1:80

        hint: FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which `farside token show --data DIR` prints
        (exit 4)
        ");
        assert_snapshot!(told("cannot connect", error(None)), @"
        error: cannot connect: ws://127.0.0.1:7327 wants a token, and the data folder /d is that of no running server

        hint: FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which `farside token show --data DIR` prints
        (exit 4)
        ");
    }

    #[test]
    fn a_script_gets_one_object() {
        let failure = Failure::new(ErrorCode::Gone, "far:65543 is gone: it was released");
        let fault = Fault::new("cannot get far:65543", GetError::Failed(failure));
        assert_snapshot!(fault.to_json(), @r#"{"error":"cannot get far:65543: far:65543 is gone: it was released","exit":6,"failure":{"backtrace":[],"cause":null,"code":"Gone","hint":null,"message":"far:65543 is gone: it was released","value":null},"hint":null}"#);
    }

    #[test]
    fn every_error_code_has_its_exit_code() {
        let lines = ErrorCode::ALL.iter().map(|code| {
            let why = Why::Get(GetError::Failed(Failure::new(*code, "")));
            format!("{} {code}", Verdict::of(&why).exit.number())
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        assert_snapshot!(lines.join("\n"), @r"
        1 Cancelled
        1 GuestError
        1 Poisoned
        1 Trap
        2 InvalidArgument
        4 Forbidden
        4 Unauthenticated
        5 CpuLimit
        5 DeadlineExceeded
        5 MemoryLimit
        5 QuotaExceeded
        5 ValueTooLarge
        6 Gone
        6 NotFound
        6 NotMaterializable
        6 SessionExpired
        7 CompileFailed
        7 CompileLimit
        7 InvalidModule
        7 UnsupportedImport
        8 BadRequest
        8 Internal
        8 StorageFailed
        8 Unavailable
        8 VersionMismatch
        ");
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let fault = Fault::new("cannot print", io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(fault.report(false), Exit::Done);
    }
}
