//! Arguments and values on their way into messages.
//!
//! While one is serialized, the thread knows which session it is for, so that a
//! [`Far`](crate::Far) met on the way can say that it does not belong there.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, Payload, RefId, SessionId, caps};
use rmp_serde::encode::Error;
use serde::Serialize;

/// A buffer of this size is kept for the next message; a larger one becomes the
/// payload itself.
const SCRATCH_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where small values are serialized, before they are copied to their size.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// The session that the value being serialized is for.
    static RECIPIENT: Cell<Option<SessionId>> = const { Cell::new(None) };
    /// What a reference in that value had against it.
    static OBJECTION: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// What `write` writes, as a payload for messages of `session`.
///
/// # Errors
/// What a reference in it objects to, or why it has no MessagePack form; `what`
/// names it in the text.
pub(crate) fn encode(
    session: SessionId,
    what: impl FnOnce() -> String,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<Bytes, Failure> {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    let written = {
        let _scope = Scope { outer: RECIPIENT.replace(Some(session)) };
        write(&mut buffer)
    };
    if let Err(error) = written {
        SCRATCH.set(buffer);
        return Err(match OBJECTION.take() {
            Some(objection) => {
                let message = format!("{} can't be sent: {}", what(), objection.message);
                Failure { message, ..objection }
            }
            None => {
                let message = format!("{} can't be sent: {error}", what());
                Failure::new(ErrorCode::InvalidArgument, message)
            }
        });
    }
    if buffer.len() as u64 > caps::VALUE_BYTES {
        let message = format!("{} can't be sent: it has {} bytes", what(), buffer.len());
        return Err(Failure::new(ErrorCode::ValueTooLarge, message));
    }
    Ok(if buffer.len() > SCRATCH_BYTES {
        Bytes::from(buffer)
    } else {
        let bytes = Bytes::copy_from_slice(&buffer);
        SCRATCH.set(buffer);
        bytes
    })
}

/// Ends the serialization for a session, also when it panics.
struct Scope {
    outer: Option<SessionId>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        RECIPIENT.set(self.outer);
    }
}

/// A value's MessagePack, structs as maps by field name.
pub(crate) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map())
}

/// A reference of `home` is about to stand in a value.
///
/// # Errors
/// When the value is for another session.
pub(crate) fn admit(home: SessionId, id: RefId) -> Result<(), &'static str> {
    match RECIPIENT.get() {
        Some(session) if session != home => {
            let message = format!("{id} is of session {home}, and this is session {session}");
            Err(object(
                Failure::new(ErrorCode::InvalidArgument, message)
                    .with_hint("`get` the value and `put` it into this session"),
            ))
        }
        _ => Ok(()),
    }
}

/// A reference that broke before it was sent is about to stand in a value; gives
/// the text to fail the serialization with.
pub(crate) fn refuse_broken(cause: &Failure) -> &'static str {
    let failure = Failure::new(cause.code, "it uses a reference that is broken");
    object(failure.with_cause(cause.clone()))
}

fn object(objection: Failure) -> &'static str {
    OBJECTION.set(Some(objection));
    "a reference that can't be sent"
}

/// Bytes as they ride in a message: in it, or announced by it.
pub(crate) fn payload(bytes: Bytes) -> (Payload, Option<Bytes>) {
    if bytes.len() <= caps::INLINE_BYTES {
        (Payload::Inline(bytes), None)
    } else {
        (Payload::Transfer { size: bytes.len() as u64 }, Some(bytes))
    }
}
