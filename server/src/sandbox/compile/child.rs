//! The compiler's side of the pipe.

use std::env;
use std::io::{self, Read, Write};
use std::process;

use bytes::Bytes;

use super::order::{Ceilings, Order, encode_answer};
use super::program;
use super::work::work;

/// The one argument with which a program is started as a compiler.
pub(super) const ARGUMENT: &str = "compile-for-farside";

/// Makes this program the compiler of its own servers: call it first in `main`.
///
/// A server compiles clients' modules in child processes. In a process that was
/// started as one, this compiles what comes on standard input and never returns; in
/// any other it notes that this program can be started so. A program that does not
/// call it uses `farside`, where that is beside it or on the path.
pub fn run_if_compiler() {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) && arguments.next().is_none() {
        // Exit codes are for people; the server looks at what was written.
        process::exit(i32::from(compile().is_err()));
    }
    program::can_compile();
}

fn compile() -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let Some((order, bytes)) = Order::decode(&Bytes::from(input)) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no order"));
    };
    limit(&order.ceilings)?;
    let answer = work(&order, &bytes).map_err(super::super::module::ModuleError::into_failure);
    let mut out = io::stdout().lock();
    out.write_all(&encode_answer(&answer))?;
    if let Ok(product) = &answer {
        out.write_all(&product.code)?;
    }
    out.flush()
}

/// Bounds this process, before anything of the module is looked at.
#[cfg(unix)]
fn limit(ceilings: &Ceilings) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let cpu = ceilings.cpu.as_secs().max(1);
    let limit = |resource, current, maximum| {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
    };
    limit(Resource::Cpu, cpu, cpu + 1)?;
    // Not the address space: guests' memories are reserved in it.
    #[cfg(target_os = "linux")]
    limit(Resource::Data, ceilings.memory, ceilings.memory)?;
    limit(Resource::Core, 0, 0)?;
    Ok(())
}

/// Elsewhere only the time that the server waits bounds it.
#[cfg(not(unix))]
fn limit(_ceilings: &Ceilings) -> io::Result<()> {
    Ok(())
}
