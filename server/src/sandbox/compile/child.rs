//! The compiler's side of the pipe.
//!
//! A child raises its walls, says which stand, and only then reads its order, so that it
//! can be started before there is one. It compiles one module and ends; it ends as well
//! when the server does, which closes the pipe.

use std::env;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::process;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rayon_core::ThreadPoolBuilder;

use super::order::{Order, encode_answer, encode_walls};
use super::walls::{self, Wall};
use super::work::work;
use super::{probe, program};

/// The first argument of a program that is started as a compiler, and the only one but
/// for a probe.
pub(super) const ARGUMENT: &str = "compile-for-farside";

/// Makes this program the compiler of its own servers: call it first in `main`.
///
/// A server compiles clients' modules in child processes. In a process that was
/// started as one, this compiles what comes on standard input and never returns; in
/// any other it notes that this program can be started so. A program that does not
/// call it uses `farside`, where that is beside it or on the path.
pub fn run_if_compiler() {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) {
        // Exit codes are for people; the server looks at what was written.
        let end = |result: io::Result<()>| process::exit(i32::from(result.is_err()));
        match (arguments.next(), arguments.next()) {
            (None, _) => end(compile()),
            (Some(second), None) if second == probe::ARGUMENT => end(probe::run()),
            _ => {}
        }
    }
    program::can_compile();
}

fn compile() -> io::Result<()> {
    // It reads files.
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let walls = walls::raise(&Wall::ALL);
    let mut out = io::stdout().lock();
    out.write_all(&encode_walls(&walls))?;
    out.flush()?;
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    if input.is_empty() {
        // The server ended, or needs no compiler any more.
        return Ok(());
    }
    let Some((order, bytes)) = Order::decode(&Bytes::from(input)) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no order"));
    };
    walls::bound(&order)?;
    ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(io::Error::other)?;
    let answer = work(&order, &bytes).map_err(super::super::module::ModuleError::into_failure);
    out.write_all(&encode_answer(&answer, cpu_time()))?;
    if let Ok(product) = &answer {
        out.write_all(&product.code)?;
    }
    out.flush()
}

/// CPU time of this process, all threads together; none where the system does not tell.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}
