//! What can go wrong, as it crosses the wire.

use std::fmt::{self, Write};
use std::sync::Arc;

use bytes::Bytes;

use crate::caps;
use crate::codec::{self, DecodeError, Decoder, Wire};

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
    /// The failure that led to this one; others that it led to share it.
    pub cause: Option<Arc<Failure>>,
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
    pub fn with_cause(mut self, cause: impl Into<Arc<Failure>>) -> Failure {
        let mut cause = cause.into();
        let excess = (cause.causes().count() + 1).saturating_sub(caps::CAUSE_DEPTH);
        for _ in 0..excess {
            let Some(deeper) = cause.cause.clone() else { break };
            cause = deeper;
        }
        self.cause = Some(cause);
        self
    }

    /// The same failure with no more of its own than the wire carries: to be kept.
    #[must_use]
    pub fn clipped(mut self) -> Failure {
        cut(&mut self.message, caps::FAILURE_TEXT_BYTES);
        self.hint.iter_mut().for_each(|hint| cut(hint, caps::FAILURE_TEXT_BYTES));
        self.backtrace.truncate(caps::BACKTRACE_FRAMES);
        self.backtrace.iter_mut().for_each(|frame| cut(frame, caps::BACKTRACE_FRAME_BYTES));
        self.detail = self.detail.filter(|detail| detail.len() <= caps::INLINE_BYTES);
        self
    }

    /// Its code and the beginning of its message, for a peer who reads too slowly.
    #[must_use]
    pub fn brief(&self) -> Failure {
        Failure::new(self.code, clip(&self.message, caps::FAILURE_BRIEF_BYTES, &mut { usize::MAX }))
    }

    /// Bytes of its texts and detail, without those of its causes.
    #[must_use]
    pub fn own_len(&self) -> usize {
        let texts = self.hint.iter().chain(&self.backtrace).map(String::len).sum::<usize>();
        self.message.len() + texts + self.detail.as_ref().map_or(0, Bytes::len)
    }

    /// The failure as a value for guests, without its type's name: a map of `code`,
    /// `message`, `hint`, `backtrace`, `detail` and `cause`, which is such a map again.
    #[must_use]
    pub fn to_value(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_value(self, caps::CAUSE_DEPTH, &mut out);
        out
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

fn put_value(failure: &Failure, depth: usize, out: &mut Vec<u8>) {
    let name = |name, out: &mut Vec<u8>| codec::put_str(out, name);
    // A map of six.
    out.push(0x86);
    name("code", out);
    codec::put_str(out, failure.code.name());
    name("message", out);
    codec::put_str(out, &failure.message);
    name("hint", out);
    match &failure.hint {
        Some(hint) => codec::put_str(out, hint),
        None => codec::put_nil(out),
    }
    name("backtrace", out);
    codec::put_array(out, failure.backtrace.len() as u32);
    failure.backtrace.iter().for_each(|frame| codec::put_str(out, frame));
    name("detail", out);
    match &failure.detail {
        // It was scanned when it came.
        Some(detail) => out.extend_from_slice(detail),
        None => codec::put_nil(out),
    }
    name("cause", out);
    match &failure.cause {
        Some(cause) if depth > 0 => put_value(cause, depth - 1, out),
        _ => codec::put_nil(out),
    }
}

/// On the wire a failure's texts and detail never take more than
/// [`caps::FAILURE_BYTES`]: long texts are cut, and what does not fit is left out,
/// first at the far end of the chain.
impl Wire for Failure {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut room = caps::FAILURE_BYTES;
        encode(self, &mut room, caps::CAUSE_DEPTH, out);
    }

    fn decode(input: &mut Decoder) -> Result<Failure, DecodeError> {
        decode(input, caps::CAUSE_DEPTH)
    }
}

fn encode(failure: &Failure, room: &mut usize, depth: usize, out: &mut Vec<u8>) {
    codec::put_array(out, 6);
    codec::put_uint(out, u64::from(failure.code.number()));
    codec::put_str(out, clip(&failure.message, caps::FAILURE_TEXT_BYTES, room));
    match &failure.hint {
        Some(hint) => codec::put_str(out, clip(hint, caps::FAILURE_TEXT_BYTES, room)),
        None => codec::put_nil(out),
    }
    let frames = failure.backtrace.len().min(caps::BACKTRACE_FRAMES);
    codec::put_array(out, frames as u32);
    for frame in &failure.backtrace[..frames] {
        codec::put_str(out, clip(frame, caps::BACKTRACE_FRAME_BYTES, room));
    }
    match &failure.detail {
        Some(detail) if detail.len() <= caps::INLINE_BYTES.min(*room) => {
            *room -= detail.len();
            codec::put_bin(out, detail);
        }
        _ => codec::put_nil(out),
    }
    match &failure.cause {
        Some(cause) if depth > 0 => encode(cause, room, depth - 1, out),
        _ => codec::put_nil(out),
    }
}

/// Cuts a text, and gives back the memory of what goes.
fn cut(text: &mut String, cap: usize) {
    if text.len() > cap {
        text.truncate(text.floor_char_boundary(cap));
        text.shrink_to_fit();
    }
}

/// What is shown, as text of at most so many bytes; no more of it is made.
#[must_use]
pub fn beginning(shown: impl fmt::Display, cap: usize) -> String {
    struct Beginning {
        text: String,
        cap: usize,
    }
    impl Write for Beginning {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let mut room = self.cap - self.text.len();
            let begun = clip(part, room, &mut room);
            self.text.push_str(begun);
            if begun.len() < part.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut beginning = Beginning { text: String::new(), cap };
    // An error says that the rest was not wanted.
    let _ = write!(beginning, "{shown}");
    beginning.text
}

/// The beginning of a text, as far as its cap and the room left allow.
fn clip<'t>(text: &'t str, cap: usize, room: &mut usize) -> &'t str {
    let clipped = &text[..text.floor_char_boundary(cap.min(*room))];
    *room -= clipped.len();
    clipped
}

fn decode(input: &mut Decoder, depth: usize) -> Result<Failure, DecodeError> {
    let found = input.array()?;
    if found != 6 {
        return Err(DecodeError::FieldCount { message: "a failure", expected: 6, found });
    }
    let number = u16::decode(input)?;
    let code = ErrorCode::from_number(number)
        .ok_or(DecodeError::UnknownNumber { of: "error code", number: u64::from(number) })?;
    let message = String::decode(input)?;
    let hint = Option::decode(input)?;
    let backtrace: Vec<String> = Vec::decode(input)?;
    codec::check_len("a backtrace", &backtrace, caps::BACKTRACE_FRAMES)?;
    let detail = Option::decode(input)?;
    let cause = if input.is_nil()? {
        None
    } else if depth == 0 {
        return Err(DecodeError::TooLong { what: "a chain of causes", cap: caps::CAUSE_DEPTH });
    } else {
        Some(Arc::new(decode(input, depth - 1)?))
    };
    Ok(Failure { code, message, hint, backtrace, detail, cause })
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

    fn over_the_wire(failure: &Failure) -> (usize, Failure) {
        let mut bytes = Vec::new();
        failure.encode(&mut bytes);
        let len = bytes.len();
        (len, Failure::decode(&mut Decoder::new(bytes.into())).unwrap())
    }

    #[test]
    fn the_longest_failure_fits_a_frame_and_keeps_its_own_detail() {
        let mut failure = Failure::new(ErrorCode::Trap, "ä".repeat(1 << 20));
        for _ in 0..100 {
            failure = Failure::new(ErrorCode::GuestError, "ä".repeat(1 << 20))
                .with_hint("x".repeat(1 << 20))
                .with_cause(failure);
            failure.backtrace = vec!["frame".repeat(1000); 1000];
            failure.detail = Some(vec![0; caps::INLINE_BYTES].into());
        }
        let (len, received) = over_the_wire(&failure);
        assert!(len < caps::FRAME_BYTES);
        assert_eq!(received.causes().count(), caps::CAUSE_DEPTH);
        assert_eq!(received.message, "ä".repeat(caps::FAILURE_TEXT_BYTES / 2));
        assert_eq!(received.backtrace.len(), caps::BACKTRACE_FRAMES);
        assert_eq!(received.detail, failure.detail);
    }

    #[test]
    fn a_detail_that_is_too_long_is_left_out() {
        let mut failure = Failure::new(ErrorCode::GuestError, "no");
        failure.detail = Some(vec![0; caps::INLINE_BYTES + 1].into());
        assert_eq!(over_the_wire(&failure).1, Failure::new(ErrorCode::GuestError, "no"));
    }

    #[test]
    fn what_is_kept_is_no_more_than_what_is_told() {
        let mut failure = Failure::new(ErrorCode::Trap, "ä".repeat(1 << 20)).with_hint("short");
        failure.backtrace = vec!["frame".repeat(100_000); 1000];
        failure.detail = Some(vec![0; caps::INLINE_BYTES + 1].into());
        let clipped = failure.clone().clipped();
        assert_eq!(clipped, over_the_wire(&failure).1);
        let frames = caps::BACKTRACE_FRAMES * caps::BACKTRACE_FRAME_BYTES;
        assert_eq!(clipped.own_len(), caps::FAILURE_TEXT_BYTES + 5 + frames);
        assert_eq!(clipped.message.capacity(), clipped.message.len());
        let brief = failure.with_cause(clipped).brief();
        assert_eq!(brief, Failure::new(ErrorCode::Trap, "ä".repeat(128)));
    }

    #[test]
    fn a_beginning_is_cut_between_characters() {
        assert_eq!(beginning("äöü", 4), "äö");
        assert_eq!(beginning("äöü", 3), "ä");
        assert_eq!(beginning(format_args!("{}-{}", 12, 34), 4), "12-3");
        assert_eq!(beginning("all of it", 100), "all of it");
    }

    #[test]
    fn advice_and_causes_are_told_in_order() {
        let first = Failure::new(ErrorCode::Trap, "the guest panicked").with_hint("renew it");
        let failure = Failure::new(ErrorCode::Poisoned, "the instance is poisoned")
            .with_cause(Failure::new(ErrorCode::Poisoned, "an argument failed").with_cause(first));
        let chain: Vec<_> = failure.causes().map(ToString::to_string).collect();
        assert_eq!(chain, ["an argument failed", "the guest panicked"]);
        assert_eq!(failure.root().hint.as_deref(), Some("renew it"));
        let source = std::error::Error::source(&failure).unwrap();
        assert_eq!(source.to_string(), "an argument failed");
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
