//! What can go wrong, as it crosses the wire.

use std::fmt;

use bytes::Bytes;

use crate::caps;

macro_rules! error_codes {
    ($( $(#[$doc:meta])* $number:literal = $Code:ident, )*) => {
        /// What kind of error it is. Names and numbers are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $( $(#[$doc])* $Code, )* }

        impl ErrorCode {
            /// Every code, in the order of the numbers.
            pub const ALL: &[ErrorCode] = &[ $( ErrorCode::$Code, )* ];

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $( ErrorCode::$Code => $number, )* }
            }

            /// The code with a number from the wire.
            #[must_use]
            pub fn from_number(number: u16) -> Option<ErrorCode> {
                match number { $( $number => Some(ErrorCode::$Code), )* _ => None }
            }

            /// The name, as it is written in `--json` output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( ErrorCode::$Code => stringify!($Code), )* }
            }
        }
    };
}

error_codes! {
    /// The peer broke the protocol.
    1 = BadRequest,
    /// The token is missing or wrong.
    2 = Unauthenticated,
    /// The token does not allow this.
    3 = Forbidden,
    /// There is no such session, module, function or reference.
    4 = NotFound,
    /// The bytes are no valid WebAssembly module that Farside runs.
    5 = InvalidModule,
    /// The module imports what Farside does not provide.
    6 = UnsupportedImport,
    /// The module is valid, but compiling it failed.
    7 = CompileFailed,
    /// Compiling took more time or memory than allowed.
    8 = CompileLimit,
    /// An argument does not fit the function's parameter.
    9 = InvalidArgument,
    /// The function returned its own error; `detail` is its value.
    10 = GuestError,
    /// The guest trapped or panicked.
    11 = Trap,
    /// The call did not finish in time.
    12 = DeadlineExceeded,
    /// The call used more CPU time than allowed.
    13 = CpuLimit,
    /// The session's instances needed more memory than allowed.
    14 = MemoryLimit,
    /// An allowance of the session or owner is used up.
    15 = QuotaExceeded,
    /// The call was cancelled.
    16 = Cancelled,
    /// An earlier failure left the instance unusable until it is renewed.
    17 = Poisoned,
    /// The reference was released or evicted.
    18 = Gone,
    /// The session was closed or its lease ran out.
    19 = SessionExpired,
    /// A value is larger or nested deeper than allowed.
    20 = ValueTooLarge,
    /// The reference names no plain value.
    21 = NotMaterializable,
    /// The storage could not keep or give back bytes.
    22 = StorageFailed,
    /// The server is at its capacity or shutting down; try again later.
    23 = Unavailable,
    /// Client and server, or guest and server, speak different versions.
    24 = VersionMismatch,
    /// A defect of the server.
    25 = Internal,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error as a peer is told it: what, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub code: ErrorCode,
    /// What failed and why, as a lowercase fragment.
    pub message: String,
    /// What to do about it, where a likely cause is known.
    pub hint: Option<String>,
    /// The guest's stack, innermost first, with demangled names.
    pub backtrace: Vec<String>,
    /// For [`ErrorCode::GuestError`], the error value as MessagePack.
    pub detail: Option<Bytes>,
    /// The failure that led to this one.
    pub cause: Option<Box<Failure>>,
}

impl Failure {
    /// A failure without hint, backtrace, detail or cause.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure { code, message, hint: None, backtrace: Vec::new(), detail: None, cause: None }
    }

    /// The same failure with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with the one that led to it. A chain longer than
    /// [`caps::CAUSE_DEPTH`] loses the causes nearest to this end, since the
    /// first one is what explains the rest.
    #[must_use]
    pub fn with_cause(mut self, cause: Failure) -> Failure {
        let mut cause = cause;
        let excess = (cause.causes().count() + 1).saturating_sub(caps::CAUSE_DEPTH);
        for _ in 0..excess {
            match cause.cause.take() {
                Some(deeper) => cause = *deeper,
                None => break,
            }
        }
        self.cause = Some(Box::new(cause));
        self
    }

    /// The causes, nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &Failure> {
        std::iter::successors(self.cause.as_deref(), |failure| failure.cause.as_deref())
    }

    /// The failure at the end of the chain, or this one.
    #[must_use]
    pub fn root(&self) -> &Failure {
        self.causes().last().unwrap_or(self)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_number_and_name() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
        }
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn a_long_chain_of_causes_keeps_the_first_one() {
        let mut failure = Failure::new(ErrorCode::Trap, "first");
        for step in 0..100 {
            failure = Failure::new(ErrorCode::Trap, format!("step {step}")).with_cause(failure);
        }
        assert_eq!(failure.causes().count(), caps::CAUSE_DEPTH);
        assert_eq!(failure.root().message, "first");
        assert_eq!(failure.message, "step 99");
    }
}
