//! What a guest may ask of the host: to log, to report its panic, and, where the
//! policy grants them, a clock and random bytes.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use farside_protocol::{LogLevel, RefId, caps};
use serde::{Deserialize, Serialize};
use wasmtime::{Caller, Engine, Extern, Linker, Memory, StoreContextMut, UpdateDeadline};

use super::budget::{Budget, Share};
use super::ending::Demand;
use super::executor::Stop;
use super::host_calls::HostCalls;
use super::nested;

/// The module name of all imports.
pub(super) const IMPORT_MODULE: &str = "farside";

/// What one panic report may hold, in bytes.
const PANIC_BYTES: u32 = 8 * 1024;

/// Random bytes per request, so that none holds its thread for long.
const RANDOM_BYTES: u32 = 64 * 1024;

/// What guests are allowed beyond computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grants {
    pub(crate) clock: bool,
    pub(crate) random: bool,
    /// To call the session's functions, which evaluators may.
    pub(crate) calls: bool,
}

/// What guests find where they ask for what is not in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) grants: Grants,
    /// Whether the same calls give the same results: the clock stands still, and random
    /// numbers are a sequence.
    pub(super) is_deterministic: bool,
    /// Which sequence.
    pub(super) seed: u64,
}

/// Where a guest's log lines go.
pub(crate) trait LogSink: Send + Sync {
    /// Takes one line of the call `of`.
    fn line(&self, of: RefId, level: LogLevel, text: &str);
}

/// The host's side of one store.
pub(super) struct Host {
    pub(super) share: Share,
    pub(super) panic: Option<String>,
    log: Option<CallLog>,
    /// The byte that tells the guest to end what it does.
    pub(super) interrupt: Option<(Memory, usize)>,
    /// What those who may stop the call have to say.
    stop: Option<Stop>,
    /// Where the fixed sequence of numbers is.
    fixed: u64,
}

/// Where the lines of one call go, and how much more it may log; how often more it may
/// call the host, and whom it may call by that.
pub(crate) struct CallLog {
    of: RefId,
    sink: Arc<dyn LogSink>,
    bytes_left: usize,
    host_calls: HostCalls,
    caller: Option<nested::Caller>,
}

impl CallLog {
    /// The call `of` may log up to `bytes`, and call the host so often.
    pub(crate) fn new(
        of: RefId,
        sink: Arc<dyn LogSink>,
        bytes: usize,
        host_calls: HostCalls,
    ) -> CallLog {
        CallLog { of, sink, bytes_left: bytes, host_calls, caller: None }
    }

    /// The same for a call that may call others.
    pub(crate) fn of_caller(mut self, caller: nested::Caller) -> CallLog {
        self.caller = Some(caller);
        self
    }
}

/// What a line counts as beside its text.
const LINE_BYTES: usize = 16;

impl CallLog {
    /// Passes a text on, as several lines where it is longer than a message may be.
    fn take(&mut self, level: LogLevel, text: &[u8]) {
        let mut chars = decoded(text).peekable();
        while self.bytes_left > 0 {
            let mut line = String::new();
            let room = self.bytes_left.saturating_sub(LINE_BYTES).min(caps::INLINE_BYTES);
            while let Some(char) = chars.next_if(|char| line.len() + char.len_utf8() <= room) {
                line.push(char);
            }
            let ended = chars.peek().is_none();
            let fits =
                self.bytes_left >= LINE_BYTES && (ended || line.len() + 4 > caps::INLINE_BYTES);
            self.bytes_left = self.bytes_left.saturating_sub(LINE_BYTES + line.len());
            if fits || !line.is_empty() {
                self.sink.line(self.of, level, &line);
            }
            if !fits || self.bytes_left == 0 {
                self.bytes_left = 0;
                let note = "the log of this call is cut here: it reached limits.log_bytes";
                self.sink.line(self.of, LogLevel::Warn, note);
            }
            if ended {
                return;
            }
        }
    }
}

/// The characters of a text; bytes that are none become U+FFFD, as they do elsewhere.
fn decoded(text: &[u8]) -> impl Iterator<Item = char> {
    text.utf8_chunks().flat_map(|chunk| {
        let wrong = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(wrong)
    })
}

impl Host {
    pub(super) fn new(share: Share, log: Option<CallLog>) -> Host {
        Host { share, panic: None, log, interrupt: None, stop: None, fixed: 0 }
    }

    /// What another store for the same session and call is made with.
    pub(super) fn into_budget_and_log(self) -> (Arc<Budget>, Option<CallLog>) {
        (Arc::clone(self.share.budget()), self.log)
    }

    /// Who may stop the call that runs.
    pub(super) fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Who may stop the call that enters now.
    pub(super) fn stopped_by(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// Counts one call of the host by the guest.
    ///
    /// # Errors
    /// When it was one too many; the guest ends with that.
    pub(super) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        match &mut self.log {
            Some(log) => Ok(log.host_calls.count()?),
            None => Ok(()),
        }
    }

    /// The next number of a seed's sequence, which is the same in every store:
    /// SplitMix64, by G. L. Steele and others (OOPSLA 2014).
    fn next_fixed(&mut self, seed: u64) -> u64 {
        self.fixed = self.fixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = self.fixed.wrapping_add(seed);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Another call enters.
    pub(super) fn begin_call(&mut self, log: CallLog) {
        self.log = Some(log);
        self.share.refused = None;
    }

    /// The call that entered last has ended.
    pub(super) fn forget_call(&mut self) {
        (self.panic, self.log, self.stop) = (None, None, None);
        self.fixed = 0;
    }

    /// The running call as one that can call others.
    pub(super) fn caller(&mut self) -> Option<&mut nested::Caller> {
        self.log.as_mut()?.caller.as_mut()
    }

    fn log_line(&mut self, level: LogLevel, text: &[u8]) {
        if let Some(log) = &mut self.log {
            log.take(level, text);
        }
    }
}

/// Ends a guest that did not end by itself; why is in [`Stop`].
#[derive(Debug, thiserror::Error)]
#[error("the guest was made to stop")]
struct MadeToStop;

/// What happens at a tick of the epoch to a guest that can be stopped without being lost:
/// it is told to end, or made to, and gives up its thread.
pub(super) fn tick(mut context: StoreContextMut<'_, Host>) -> wasmtime::Result<UpdateDeadline> {
    let host = context.data();
    let demand = host.stop.as_ref().map_or(Demand::Nothing, |stop| stop.ending().demand());
    match (demand, host.interrupt) {
        (Demand::Interrupt, Some((memory, at))) => memory.write(&mut context, at, &[1])?,
        (Demand::Trap, _) => return Err(MadeToStop.into()),
        (Demand::Nothing | Demand::Interrupt, _) => {}
    }
    Ok(UpdateDeadline::Yield(1))
}

/// A guest's pointer or length leads outside its memory.
#[derive(Debug, thiserror::Error)]
#[error(
    "{IMPORT_MODULE}.{import} was given {len} bytes at {at:#x}, which lie outside the guest's memory"
)]
struct OutOfMemory {
    import: &'static str,
    at: u32,
    len: u32,
}

/// Ends a guest that asks for so many random bytes at once that it would hold its thread.
#[derive(Debug, thiserror::Error)]
#[error(
    "{IMPORT_MODULE}.random was asked for {0} bytes; it gives {RANDOM_BYTES} at once, and more to \
     those who ask again"
)]
struct TooManyRandomBytes(u32);

/// Ends a guest that reported a panic; the text is in [`Host::panic`].
#[derive(Debug, thiserror::Error)]
#[error("the guest panicked")]
struct Panicked;

pub(super) fn bytes_of<'a>(
    caller: &'a mut Caller<'_, Host>,
    import: &'static str,
    at: u32,
    len: u32,
) -> wasmtime::Result<(&'a mut [u8], &'a mut Host)> {
    let outside = OutOfMemory { import, at, len };
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(outside.into());
    };
    let (data, host) = memory.data_and_store_mut(caller);
    match data.get_mut(at as usize..).and_then(|rest| rest.get_mut(..len as usize)) {
        Some(bytes) => Ok((bytes, host)),
        None => Err(outside.into()),
    }
}

/// A guest asked for what it can't have while it is prepared.
#[derive(Debug, thiserror::Error)]
#[error(
    "it calls {IMPORT_MODULE}.{import}, which would be the same in every instance; call it later"
)]
pub(super) struct TooEarly {
    pub(super) import: &'static str,
}

impl Grants {
    /// What evaluators find: an interpreter imports a clock and random numbers in any
    /// case, and is given fixed ones where they are not granted.
    pub(super) const EVALUATOR: Grants = Grants { clock: true, random: true, calls: true };
}

/// Everything that an evaluator may import: beside what others may, its session's
/// functions. Where the clock is not granted it stands still, and where random numbers
/// are not, they are the same in every instance.
pub(super) fn evaluator_linker(engine: &Engine, policy: Policy) -> wasmtime::Result<Linker<Host>> {
    let mut linker = basic_linker(engine)?;
    nested::provide(&mut linker)?;
    let Policy { grants, is_deterministic, .. } = policy;
    provide_clock(&mut linker, is_deterministic || !grants.clock)?;
    provide_random(&mut linker, (is_deterministic || !grants.random).then_some(policy.seed))?;
    Ok(linker)
}

/// Everything that a module may import.
pub(super) fn linker(engine: &Engine, policy: Policy) -> wasmtime::Result<Linker<Host>> {
    let mut linker = basic_linker(engine)?;
    let Policy { grants, is_deterministic, .. } = policy;
    if grants.clock {
        provide_clock(&mut linker, is_deterministic)?;
    }
    if grants.random {
        provide_random(&mut linker, is_deterministic.then_some(policy.seed))?;
    }
    Ok(linker)
}

/// A clock, which may stand still at 1970.
fn provide_clock(linker: &mut Linker<Host>, stands_still: bool) -> wasmtime::Result<()> {
    let clock = move |mut caller: Caller<'_, Host>| -> wasmtime::Result<i64> {
        caller.data_mut().count_host_call()?;
        if stands_still {
            return Ok(0);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
    };
    linker.func_wrap(IMPORT_MODULE, "clock", clock).map(drop)
}

/// Random bytes; with a seed, the same sequence of them in every instance.
fn provide_random(linker: &mut Linker<Host>, seed: Option<u64>) -> wasmtime::Result<()> {
    let random = move |mut caller: Caller<'_, Host>, at: u32, len: u32| {
        caller.data_mut().count_host_call()?;
        if len > RANDOM_BYTES {
            return Err(TooManyRandomBytes(len).into());
        }
        let (bytes, host) = bytes_of(&mut caller, "random", at, len)?;
        match seed {
            None => rand::fill(bytes),
            Some(seed) => {
                for chunk in bytes.chunks_mut(size_of::<u64>()) {
                    chunk.copy_from_slice(&host.next_fixed(seed).to_le_bytes()[..chunk.len()]);
                }
            }
        }
        wasmtime::Result::Ok(())
    };
    linker.func_wrap(IMPORT_MODULE, "random", random).map(drop)
}

/// The same for a module that is being compiled. What changes from one instance to
/// the next is not there yet.
pub(super) fn compiler_linker(engine: &Engine, grants: Grants) -> wasmtime::Result<Linker<Host>> {
    let mut linker = basic_linker(engine)?;
    if grants.clock {
        linker.func_wrap(IMPORT_MODULE, "clock", || -> wasmtime::Result<i64> {
            Err(TooEarly { import: "clock" }.into())
        })?;
    }
    if grants.random {
        linker.func_wrap(IMPORT_MODULE, "random", |_: u32, _: u32| -> wasmtime::Result<()> {
            Err(TooEarly { import: "random" }.into())
        })?;
    }
    if grants.calls {
        nested::provide_too_early(&mut linker)?;
    }
    Ok(linker)
}

/// What every module may import.
fn basic_linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        IMPORT_MODULE,
        "log",
        |mut caller: Caller<'_, Host>, level: u32, at: u32, len: u32| {
            let level = match level {
                1 => LogLevel::Error,
                2 => LogLevel::Warn,
                3 => LogLevel::Info,
                _ => LogLevel::Debug,
            };
            caller.data_mut().count_host_call()?;
            let (text, host) = bytes_of(&mut caller, "log", at, len)?;
            host.log_line(level, text);
            Ok(())
        },
    )?;
    linker.func_wrap(
        IMPORT_MODULE,
        "panic",
        |mut caller: Caller<'_, Host>, at: u32, len: u32| -> wasmtime::Result<()> {
            let (text, host) = bytes_of(&mut caller, "panic", at, len.min(PANIC_BYTES))?;
            host.panic = Some(String::from_utf8_lossy(text).into_owned());
            Err(Panicked.into())
        },
    )?;
    Ok(linker)
}
