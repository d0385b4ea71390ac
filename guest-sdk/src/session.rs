//! The session that an evaluator runs in: its functions, and calls of them.
//!
//! This is for evaluators, which the server's operator provides. A module that uses it
//! can't be uploaded by clients.

use crate::imports;

/// Set in an answer's length if the answer is a failure.
const FAILED: u64 = 1 << 63;

/// Calls a function of the session, `module.function`, with a MessagePack list of
/// arguments, or a map of them by parameter name. Waits for its end, and gives the
/// value's bytes.
///
/// # Errors
/// The failure, as a MessagePack map of `code`, `message`, `hint`, `backtrace`, `detail`
/// and `cause`.
pub fn call(function: &str, arguments: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    take(imports::call(function, arguments))
}

/// The session's functions as a MessagePack map of their `version`, a number above 0,
/// and the `modules`. Those are maps of `name`, `docs` and `functions`; and these are of
/// `name`, `docs` and `params`, the parameters' names. None if they are still those of
/// the `known` version.
#[must_use]
pub fn functions(known: u64) -> Option<Vec<u8>> {
    take(imports::functions(known)).ok().filter(|functions| !functions.is_empty())
}

/// The objects that nobody refers to any more, of those that the evaluator has given as
/// results, since this was last asked. A result that is no plain value is given as the
/// extension [`OBJECT`](farside_protocol::value::OBJECT), with an id of the evaluator's.
#[must_use]
pub fn released() -> Vec<u64> {
    let ids = take(imports::released()).unwrap_or_default();
    ids.as_chunks().0.iter().map(|id| u64::from_le_bytes(*id)).collect()
}

/// Takes an answer, of which the length is known.
fn take(answer: u64) -> Result<Vec<u8>, Vec<u8>> {
    let mut bytes = vec![0; (answer & !FAILED) as usize];
    imports::take(&mut bytes);
    if answer & FAILED == 0 { Ok(bytes) } else { Err(bytes) }
}
