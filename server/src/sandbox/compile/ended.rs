//! Why a compiler ended without an answer, for its client and for the log.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use farside_protocol::{ErrorCode, Failure};

use super::order::Order;
use crate::config::ByteSize;

/// It could not be started, or spoken to.
pub(super) fn not_started(error: &io::Error) -> Failure {
    Failure::new(ErrorCode::Internal, format!("the compiler can't be started: {error}"))
        .with_hint("the operator sets its program with the setting `compiler`")
}

/// It took more processor time than it may, or than was waited for.
pub(super) fn too_long(cpu: Duration, waited: Option<Duration>) -> Failure {
    let message = match waited {
        Some(waited) => format!("compiling the module did not end within {waited:?}"),
        None => format!("compiling the module took more than {cpu:?} of CPU time"),
    };
    Failure::new(ErrorCode::CompileLimit, message)
        .with_hint("split the module, or raise limits.compile_cpu on the server")
}

/// It ended in this way, with these last words.
pub(super) fn ended(order: &Order, status: ExitStatus, words: &str) -> Failure {
    let end = End::of(status);
    let why = match end {
        End::Walls => "; it made a system call that its walls forbid",
        End::Time | End::Killed | End::Other => "",
    };
    tracing::warn!(%status, "a compiler ended without an answer{why}: {}", words.trim_end());
    if words.contains("memory allocation of") {
        let most = ByteSize::new(order.ceilings.memory);
        let message = format!("compiling the module took more than {most} of memory");
        return Failure::new(ErrorCode::CompileLimit, message)
            .with_hint("split the module, or raise limits.compile_memory on the server");
    }
    let failed = |message| Failure::new(ErrorCode::CompileFailed, message);
    match end {
        End::Time => too_long(order.ceilings.cpu, None),
        End::Killed => failed("the compiler was killed".to_owned()).with_hint(
            "the machine may have run out of memory, or somebody ended it; try again in a moment",
        ),
        End::Walls | End::Other => failed(format!("the compiler failed ({status})"))
            .with_hint("the server's log says more; the module is valid, and this is a defect"),
    }
}

/// How the system ended a process.
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix tells by which signal"))]
enum End {
    /// Its CPU time was used up.
    Time,
    /// From outside, or for want of memory.
    Killed,
    /// It tried what it may not.
    Walls,
    Other,
}

impl End {
    #[cfg(unix)]
    fn of(status: ExitStatus) -> End {
        use std::os::unix::process::ExitStatusExt;

        use rustix::process::Signal;

        match status.signal().and_then(Signal::from_named_raw) {
            Some(Signal::XCPU) => End::Time,
            Some(Signal::KILL) => End::Killed,
            Some(Signal::SYS) => End::Walls,
            _ => End::Other,
        }
    }

    #[cfg(not(unix))]
    fn of(_status: ExitStatus) -> End {
        End::Other
    }
}
