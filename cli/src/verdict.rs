//! What a reason for failing means: the exit code, and what to do about it. The
//! one place that knows, for every error that a command can end with.

use farside::{
    ConnectError, DescribeError, Disconnected, ErrorCode, Failure, GetError, RenewError,
    SessionError, UploadError, WaitError,
};
use farside_server::TokensFileError;
use farside_server::config::ConfigError;

use crate::commands::new::NewError;
use crate::commands::serve::ServeError;
use crate::delivery::DeliveryError;
use crate::exit::Exit;
use crate::fault::Why;
use crate::lookup::LookupError;
use crate::shell::state::StateError;
use crate::shell::token::TokenError;
use crate::show::failure;
use crate::words::{SourceError, WordError};

/// What to do about a session that is no more.
const EXPIRED: &str =
    "`farside session new` begins another one; modules and references have to be made again";

/// What to do where nothing was made yet.
const NO_LAST: &str = "`farside call --far` makes one";

/// How a command ends for a reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict<'a> {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to do about it, where that is known.
    pub(crate) hint: Option<String>,
    /// What the server said, where that is the reason.
    pub(crate) failure: Option<&'a Failure>,
}

impl Verdict<'_> {
    /// The verdict on a reason.
    pub(crate) fn of(why: &Why) -> Verdict<'_> {
        match why {
            Why::Connect(error) => connect(error),
            Why::Session(error) => session(error),
            Why::Expired => local(Exit::NotFound, Some(EXPIRED)),
            Why::NoSession => {
                local(Exit::NotFound, Some("`farside session list` shows those that there are"))
            }
            Why::Upload(error) => upload(error),
            Why::Describe(error) => describe(error),
            Why::Get(error) => match error {
                GetError::Failed(failure) => failed(failure),
                GetError::Decode { .. } => local(Exit::Server, error.hint()),
                GetError::Disconnected(reason) => disconnected(reason),
            },
            Why::Wait(error) => match error {
                WaitError::TooMany { .. } => local(Exit::Usage, error.hint()),
                WaitError::Failed(failure) => failed(failure),
                WaitError::Disconnected(reason) => disconnected(reason),
            },
            Why::Renew(error) => match error {
                RenewError::Failed(failure) => failed(failure),
                RenewError::Disconnected(reason) => disconnected(reason),
            },
            Why::Disconnected(reason) => disconnected(reason),
            Why::Lookup(error) => match error {
                LookupError::Ambiguous { .. } => local(Exit::Usage, Some(error.hint())),
                LookupError::NoModules | LookupError::Unknown { .. } => {
                    local(Exit::NotFound, Some(error.hint()))
                }
            },
            Why::Words { error, signature } => words(error, signature),
            Why::Release(failure) => failed(failure),
            Why::NoLast => local(Exit::Usage, Some(NO_LAST)),
            Why::Delivery(error) => match error {
                DeliveryError::NoValue { .. } => local(Exit::Server, None::<String>),
                DeliveryError::File { .. } | DeliveryError::Print(_) => {
                    local(Exit::Local, None::<String>)
                }
            },
            Why::State(error) => match error {
                StateError::NoHome { .. } => local(Exit::Local, Some("set HOME or XDG_STATE_HOME")),
                StateError::Unusable { .. } => {
                    local(Exit::Local, Some("XDG_STATE_HOME can name another folder"))
                }
                StateError::Damaged { .. } => {
                    local(Exit::Local, Some("`farside session new` writes it anew"))
                }
            },
            Why::Token(error) => match error {
                TokenError::Config(source) => local(config(source), error.hint()),
                TokenError::File(_) => local(Exit::Local, error.hint()),
                TokenError::Tokens(source) => local(tokens(source), error.hint()),
                TokenError::Elsewhere { .. } => local(Exit::Denied, error.hint()),
            },
            Why::Config(error) => local(config(error), error.hint()),
            Why::New(error) => match error {
                NewError::Name { .. } => local(Exit::Usage, error.hint()),
                NewError::Exists { .. }
                | NewError::NoSdk { .. }
                | NewError::NoSources
                | NewError::NotText { .. }
                | NewError::Write { .. } => local(Exit::Local, error.hint()),
            },
            Why::Serve(error) => match error {
                ServeError::Config(source) => local(config(source), error.hint()),
                ServeError::Filter { .. } => local(Exit::Usage, error.hint()),
                ServeError::Listen { .. }
                | ServeError::Start(_)
                | ServeError::Address { .. }
                | ServeError::Broke { .. } => local(Exit::Local, error.hint()),
            },
            Why::Repl(error) => local(Exit::Usage, Some(error.hint())),
            Why::System(_) | Why::Terminal(_) => local(Exit::Local, None::<String>),
            Why::Interrupted => local(Exit::Interrupted, None::<String>),
        }
    }
}

/// The exit code for settings that are not to be had.
fn config(error: &ConfigError) -> Exit {
    match error {
        ConfigError::Read { .. } => Exit::Local,
        ConfigError::Syntax { .. }
        | ConfigError::UnknownKey { .. }
        | ConfigError::Value { .. }
        | ConfigError::NotOfOwners { .. }
        | ConfigError::HalfTls { .. }
        | ConfigError::Exposed { .. }
        | ConfigError::Lease { .. } => Exit::Usage,
    }
}

/// The exit code for a file of tokens that has not what is asked for.
fn tokens(error: &TokensFileError) -> Exit {
    match error {
        TokensFileError::Name { .. }
        | TokensFileError::Record { .. }
        | TokensFileError::Limits { .. }
        | TokensFileError::Exists { .. }
        | TokensFileError::Unknown { .. } => Exit::Usage,
        TokensFileError::Read { .. }
        | TokensFileError::Open { .. }
        | TokensFileError::Form { .. }
        | TokensFileError::Write { .. } => Exit::Local,
    }
}

/// A reason that is found on this side of the connection.
fn local<'a>(exit: Exit, hint: Option<impl Into<String>>) -> Verdict<'a> {
    Verdict { exit, hint: hint.map(Into::into), failure: None }
}

/// What the server said.
fn failed(failure: &Failure) -> Verdict<'_> {
    Verdict { exit: of_code(failure.code), hint: hint_of(failure), failure: Some(failure) }
}

fn session(error: &SessionError) -> Verdict<'_> {
    match error {
        SessionError::Failed(failure) => failed(failure),
        SessionError::Connect(error) => connect(error),
        SessionError::Disconnected(reason) => disconnected(reason),
        SessionError::Timeout { .. } => local(Exit::Unreachable, error.hint()),
        other => local(Exit::Server, other.hint()),
    }
}

fn upload(error: &UploadError) -> Verdict<'_> {
    match error {
        UploadError::Failed(failure) if failure.code == ErrorCode::BadRequest => {
            Verdict { exit: Exit::Usage, ..failed(failure) }
        }
        UploadError::Failed(failure) => failed(failure),
        UploadError::Disconnected(reason) => disconnected(reason),
        UploadError::Read { .. } => local(Exit::Local, error.hint()),
        UploadError::Text { .. } => local(Exit::Module, error.hint()),
        UploadError::Name { .. } => local(Exit::Usage, Some("--name gives it another one")),
        other => local(Exit::Server, other.hint()),
    }
}

fn describe(error: &DescribeError) -> Verdict<'_> {
    match error {
        DescribeError::Failed(failure) => failed(failure),
        DescribeError::UnknownModule { .. } => local(Exit::NotFound, error.hint()),
        DescribeError::Unreadable { .. } => local(Exit::Server, error.hint()),
        DescribeError::Disconnected(reason) => disconnected(reason),
    }
}

fn connect(error: &ConnectError) -> Verdict<'_> {
    let exit = match error {
        ConnectError::Scheme { .. }
        | ConnectError::Tls { .. }
        | ConnectError::NeedsTls { .. }
        | ConnectError::NoTls { .. }
        | ConnectError::Url { .. } => Exit::Usage,
        ConnectError::Ca { .. } => Exit::Local,
        ConnectError::NoToken { .. } | ConnectError::WrongToken { .. } => Exit::Denied,
        ConnectError::Version { .. } => Exit::Server,
        ConnectError::Refused { failure, .. } => of_code(failure.code),
        _ => Exit::Unreachable,
    };
    Verdict { exit, hint: error.hint(), failure: None }
}

fn disconnected(reason: &Disconnected) -> Verdict<'_> {
    let (exit, hint) = match reason {
        Disconnected::Refused { failure } => (of_code(failure.code), hint_of(failure)),
        Disconnected::Closed | Disconnected::Transport { .. } => {
            let again = "the session outlives the connection: try again once the server is there";
            (Exit::Unreachable, Some(again.to_owned()))
        }
        Disconnected::BadMessage { .. } | Disconnected::Unexpected { .. } | Disconnected::Ended => {
            (Exit::Server, reason.hint().map(str::to_owned))
        }
    };
    Verdict { exit, hint, failure: None }
}

fn words<'a>(error: &WordError, signature: &str) -> Verdict<'a> {
    let declared = || Some(format!("it is declared as {signature}"));
    let (exit, hint) = match error {
        WordError::Mismatch { .. } | WordError::Unfit(_) | WordError::Twice { .. } => {
            (Exit::Usage, declared())
        }
        WordError::Source { source: SourceError::Unreadable { .. }, .. } => {
            let escaped = "to pass text that begins with @ write @@".to_owned();
            (Exit::Local, Some(escaped))
        }
        WordError::Source { .. } | WordError::Encode { .. } => (Exit::Usage, None),
        WordError::NoLast => (Exit::Usage, Some(NO_LAST.to_owned())),
    };
    Verdict { exit, hint, failure: None }
}

fn hint_of(failure: &Failure) -> Option<String> {
    let expired = (failure.code == ErrorCode::SessionExpired).then_some(EXPIRED);
    failure::hint(failure).or(expired).map(str::to_owned)
}

/// The exit code for an error of the server's.
fn of_code(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::GuestError | ErrorCode::Trap | ErrorCode::Cancelled | ErrorCode::Poisoned => {
            Exit::Failed
        }
        ErrorCode::InvalidArgument => Exit::Usage,
        ErrorCode::Unauthenticated | ErrorCode::Forbidden => Exit::Denied,
        ErrorCode::DeadlineExceeded
        | ErrorCode::CpuLimit
        | ErrorCode::MemoryLimit
        | ErrorCode::QuotaExceeded
        | ErrorCode::ValueTooLarge => Exit::Limit,
        ErrorCode::NotFound
        | ErrorCode::Gone
        | ErrorCode::SessionExpired
        | ErrorCode::NotMaterializable => Exit::NotFound,
        ErrorCode::InvalidModule
        | ErrorCode::UnsupportedImport
        | ErrorCode::CompileFailed
        | ErrorCode::CompileLimit => Exit::Module,
        ErrorCode::BadRequest
        | ErrorCode::StorageFailed
        | ErrorCode::Unavailable
        | ErrorCode::VersionMismatch
        | ErrorCode::Internal => Exit::Server,
    }
}
