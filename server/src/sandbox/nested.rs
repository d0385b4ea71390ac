//! What an evaluator asks of the session that it runs in: which functions there are, calls
//! of them, and which of its objects are released.
//!
//! An answer stays here until the guest has taken it: first it learns how long the
//! answer is, then it says where it wants it. Nothing of the guest runs in between.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, RefId, caps};
use wasmtime::Linker;

use super::host::{Host, IMPORT_MODULE, TooEarly, bytes_of};

/// The imports of this file, with their types.
pub(super) const PROVIDED: [(&str, &str); 4] = [
    ("call", "(i32, i32, i32, i32) -> i64"),
    ("functions", "(i64) -> i64"),
    ("released", "() -> i64"),
    ("take", "(i32, i32)"),
];

/// A call for a guest on its way to its end. Dropping it cancels the call.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Bytes, Arc<Failure>>> + Send>>;

/// The session as its guests see it.
pub(crate) trait Callees: Send + Sync {
    /// The session's functions as a value; none if they are those of that version.
    fn functions(&self, known: u64) -> Result<Option<Bytes>, Failure>;

    /// The objects that the evaluator of a running call need not keep any more.
    fn released(&self, caller: RefId) -> Vec<u64>;

    /// Calls a function for a running call, which waits for it until its own deadline.
    fn call(
        self: Arc<Self>,
        caller: RefId,
        deadline: Instant,
        function: &str,
        arguments: &[u8],
    ) -> Answering;
}

/// A running call as one that can call others.
pub(crate) struct Caller {
    of: RefId,
    deadline: Instant,
    callees: Arc<dyn Callees>,
    /// What the guest has not taken yet.
    answer: Bytes,
}

impl Caller {
    pub(crate) fn new(of: RefId, deadline: Instant, callees: Arc<dyn Callees>) -> Caller {
        Caller { of, deadline, callees, answer: Bytes::new() }
    }
}

/// Set in an answer's length if the answer is a failure.
const FAILED: u64 = 1 << 63;

/// A guest asked for what belongs to a call while it was in none.
#[derive(Debug, thiserror::Error)]
#[error("{IMPORT_MODULE}.{import} was asked for outside of a call")]
struct NoCall {
    import: &'static str,
}

/// A guest wants another number of bytes than the answer has.
#[derive(Debug, thiserror::Error)]
#[error("{IMPORT_MODULE}.take was given room for {room} bytes, and the answer has {len}")]
struct OtherLength {
    room: u32,
    len: usize,
}

/// Lets guests ask their session.
pub(super) fn provide(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        IMPORT_MODULE,
        "call",
        |mut guest: wasmtime::Caller<'_, Host>, (name, name_len, at, len): (u32, u32, u32, u32)| {
            Box::new(async move {
                guest.data_mut().count_host_call()?;
                let stop = guest.data().stop().cloned();
                // Once its own call has to end, there is nothing to begin or wait for.
                let ended = || {
                    let why = stop.as_ref().and_then(|stop| stop.ending().why());
                    why.map(|why| Err(Arc::new(why.clone())))
                };
                let answer = match ended() {
                    Some(ended) => ended,
                    None => {
                        let mut answering = begin(&mut guest, (name, name_len), (at, len))?;
                        poll_fn(|context| match ended() {
                            Some(ended) => Poll::Ready(ended),
                            None => answering.as_mut().poll(context),
                        })
                        .await
                    }
                };
                let caller = guest.data_mut().caller().ok_or(NoCall { import: "call" })?;
                let (answer, failed) = match answer {
                    Ok(value) => (value, 0),
                    Err(failure) => (failure.to_value().into(), FAILED),
                };
                caller.answer = answer;
                wasmtime::Result::Ok(caller.answer.len() as u64 | failed)
            })
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "functions",
        |mut guest: wasmtime::Caller<'_, Host>, known: u64| -> wasmtime::Result<u64> {
            guest.data_mut().count_host_call()?;
            let caller = guest.data_mut().caller().ok_or(NoCall { import: "functions" })?;
            let (answer, failed) = match caller.callees.functions(known) {
                Ok(functions) => (functions.unwrap_or_default(), 0),
                Err(failure) => (failure.to_value().into(), FAILED),
            };
            caller.answer = answer;
            Ok(caller.answer.len() as u64 | failed)
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "released",
        |mut guest: wasmtime::Caller<'_, Host>| -> wasmtime::Result<u64> {
            guest.data_mut().count_host_call()?;
            let caller = guest.data_mut().caller().ok_or(NoCall { import: "released" })?;
            let released = caller.callees.released(caller.of);
            caller.answer = released.iter().flat_map(|id| id.to_le_bytes()).collect();
            Ok(caller.answer.len() as u64)
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "take",
        |mut guest: wasmtime::Caller<'_, Host>, at: u32, room: u32| {
            let (target, host) = bytes_of(&mut guest, "take", at, room)?;
            let caller = host.caller().ok_or(NoCall { import: "take" })?;
            let answer = std::mem::take(&mut caller.answer);
            if answer.len() != target.len() {
                return Err(OtherLength { room, len: answer.len() }.into());
            }
            target.copy_from_slice(&answer);
            Ok(())
        },
    )?;
    Ok(())
}

fn begin(
    guest: &mut wasmtime::Caller<'_, Host>,
    (name, name_len): (u32, u32),
    (at, len): (u32, u32),
) -> wasmtime::Result<Answering> {
    // A module's name, a dot and a function's.
    if name_len as usize > 2 * caps::NAME_BYTES + 1 {
        let message = format!("a function's name of {name_len} bytes names nothing");
        let failure = Arc::new(Failure::new(ErrorCode::NotFound, message));
        return Ok(Box::pin(async { Err(failure) }));
    }
    let (name, _) = bytes_of(guest, "call", name, name_len)?;
    let name = String::from_utf8_lossy(name).into_owned();
    let (arguments, host) = bytes_of(guest, "call", at, len)?;
    let caller = host.caller().ok_or(NoCall { import: "call" })?;
    caller.answer = Bytes::new();
    let callees = Arc::clone(&caller.callees);
    Ok(callees.call(caller.of, caller.deadline, &name, arguments))
}

/// The same for a module that is being compiled: there is no session yet.
pub(super) fn provide_too_early(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        IMPORT_MODULE,
        "call",
        |_: u32, _: u32, _: u32, _: u32| -> wasmtime::Result<u64> {
            Err(TooEarly { import: "call" }.into())
        },
    )?;
    linker.func_wrap(IMPORT_MODULE, "functions", |_: u64| -> wasmtime::Result<u64> {
        Err(TooEarly { import: "functions" }.into())
    })?;
    linker.func_wrap(IMPORT_MODULE, "released", || -> wasmtime::Result<u64> {
        Err(TooEarly { import: "released" }.into())
    })?;
    linker.func_wrap(IMPORT_MODULE, "take", |_: u32, _: u32| -> wasmtime::Result<()> {
        Err(TooEarly { import: "take" }.into())
    })?;
    Ok(())
}
