//! The server's side: starts a child, gives it the module, and reads what it made.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::child::ARGUMENT;
use super::order::{Order, Product, decode_answer};
use super::program::Program;
use super::work::work;
use crate::config::ByteSize;

/// Modules compiled at once; others wait for their turn.
const AT_ONCE: usize = 2;

/// Largest compiled code, in bytes, with its description.
const CODE: u64 = 512 << 20;

/// Bytes kept of what a compiler writes to standard error.
const LAST_WORDS: u64 = 16 * 1024;

/// How many times its CPU time a compiler may take in all.
const PATIENCE: u32 = 4;

/// Has modules compiled.
pub(crate) struct Compiler {
    program: Program,
    turns: Arc<Semaphore>,
}

impl Compiler {
    /// With the program of the setting.
    ///
    /// # Errors
    /// That program, if it is not there.
    pub(crate) fn new(setting: &str) -> Result<Compiler, PathBuf> {
        let program = Program::find(setting)?;
        Ok(Compiler { program, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Where modules are compiled, for people.
    pub(crate) fn place(&self) -> String {
        self.program.to_string()
    }

    /// Whether what happens in the compiler stays there.
    pub(crate) fn is_contained(&self) -> bool {
        matches!(self.program, Program::Child(_))
    }

    /// Compiles a module.
    pub(crate) async fn compile(&self, order: Order, bytes: Bytes) -> Result<Product, Failure> {
        let _turn = Arc::clone(&self.turns).acquire_owned().await;
        match &self.program {
            Program::Child(program) => {
                let mut command = Command::new(program);
                command.arg(ARGUMENT).env_clear();
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                command.kill_on_drop(true);
                self.in_child(command, &order, bytes).await
            }
            Program::Here => {
                let work = move || work(&order, &bytes).map_err(|error| error.into_failure());
                tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
                    Err(Failure::new(ErrorCode::Internal, format!("the compiler died: {error}")))
                })
            }
        }
    }

    async fn in_child(
        &self,
        mut command: Command,
        order: &Order,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        let time = order.ceilings.cpu * PATIENCE;
        let head = order.encode().map_err(|error| not_started(&io::Error::other(error)))?;
        let run = async {
            let mut child = command.spawn()?;
            let (stdin, stdout, stderr) =
                (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let write = async {
                if let Some(mut stdin) = stdin {
                    // A compiler that ended early says why elsewhere.
                    let _ = stdin.write_all(&head).await;
                    let _ = stdin.write_all(&bytes).await;
                }
            };
            let ((), answer, words) =
                tokio::join!(write, read(stdout, CODE), read(stderr, LAST_WORDS));
            io::Result::Ok((child.wait().await?, answer?, words?))
        };
        let (status, answer, words) = match tokio::time::timeout(time, run).await {
            Ok(run) => run.map_err(|error| not_started(&error))?,
            Err(_) => return Err(too_long(order.ceilings.cpu, Some(time))),
        };
        if status.success()
            && let Some(answer) = decode_answer(&answer.into())
        {
            return answer;
        }
        Err(ended(order, status, &String::from_utf8_lossy(&words)))
    }
}

/// All that comes, up to so many bytes.
async fn read(from: Option<impl AsyncReadExt + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn not_started(error: &io::Error) -> Failure {
    Failure::new(ErrorCode::Internal, format!("the compiler can't be started: {error}"))
        .with_hint("the operator sets its program with the setting `compiler`")
}

fn too_long(cpu: Duration, waited: Option<Duration>) -> Failure {
    let message = match waited {
        Some(waited) => format!("compiling the module did not end within {waited:?}"),
        None => format!("compiling the module took more than {cpu:?} of CPU time"),
    };
    Failure::new(ErrorCode::CompileLimit, message)
        .with_hint("split the module, or raise limits.compile_cpu on the server")
}

/// Why a compiler ended without an answer.
fn ended(order: &Order, status: ExitStatus, words: &str) -> Failure {
    tracing::warn!(%status, "a compiler ended without an answer: {}", words.trim_end());
    if is_out_of_time(status) {
        return too_long(order.ceilings.cpu, None);
    }
    if words.contains("memory allocation of") {
        let most = ByteSize::new(order.ceilings.memory);
        let message = format!("compiling the module took more than {most} of memory");
        return Failure::new(ErrorCode::CompileLimit, message)
            .with_hint("split the module, or raise limits.compile_memory on the server");
    }
    Failure::new(ErrorCode::CompileFailed, format!("the compiler failed ({status})"))
        .with_hint("the server's log says more; the module is valid, and this is a defect")
}

/// Whether the system ended a process because its CPU time was used up.
#[cfg(unix)]
fn is_out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;

    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    by(Signal::XCPU) || by(Signal::KILL)
}

#[cfg(not(unix))]
fn is_out_of_time(_status: ExitStatus) -> bool {
    false
}
