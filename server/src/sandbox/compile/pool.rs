//! Compilers that have started, and wait for an order.
//!
//! Each compiles one module, or none, and ends; so nothing of one module can be left for
//! another. One that was taken is replaced once it is done. They end with the server,
//! which holds the other ends of their pipes.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::child::ARGUMENT;
use super::order::{Head, decode_walls};
use super::walls::Raised;

/// Compilers that wait, at most.
const IDLE: usize = 2;

/// How long one may take to start.
const START: Duration = Duration::from_secs(5);

/// The compilers of one server that wait.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    program: PathBuf,
    runtime: Handle,
    /// Held to look and to change, never while one is started.
    idle: Mutex<Idle>,
    /// What the first one said; an error is why it said nothing.
    walls: watch::Sender<Option<Result<Vec<Raised>, String>>>,
}

#[derive(Default)]
struct Idle {
    children: Vec<Child>,
    starting: usize,
}

/// The process of a compiler, with its pipes.
pub(super) fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(ARGUMENT).env_clear().kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn()
}

impl Pool {
    /// Starts the first ones, in the runtime that this is called in.
    pub(super) fn new(program: PathBuf) -> Pool {
        let shared = Shared {
            program,
            runtime: Handle::current(),
            idle: Mutex::default(),
            walls: watch::Sender::new(None),
        };
        let pool = Pool(Arc::new(shared));
        pool.refill();
        pool
    }

    /// Which walls compilers have: what the first one said, once it has.
    pub(super) async fn walls(&self) -> Result<Vec<Raised>, String> {
        let mut walls = self.0.walls.subscribe();
        let said = walls.wait_for(Option::is_some).await;
        // The sender lives as long as this.
        said.ok().and_then(|said| said.clone()).unwrap_or_else(|| Err("it is gone".to_owned()))
    }

    /// Takes one that waits; none if none does.
    pub(super) fn take(&self) -> Option<Child> {
        let mut idle = self.0.lock();
        while let Some(mut child) = idle.children.pop() {
            // One may have been killed from outside.
            if matches!(child.try_wait(), Ok(None)) {
                return Some(child);
            }
        }
        None
    }

    /// Starts as many as are wanting.
    pub(super) fn refill(&self) {
        let mut idle = self.0.lock();
        let wanting = IDLE.saturating_sub(idle.children.len() + idle.starting);
        idle.starting += wanting;
        drop(idle);
        for _ in 0..wanting {
            let shared = Arc::downgrade(&self.0);
            let program = self.0.program.clone();
            self.0.runtime.spawn(async move {
                let ready = async { ready(start(&program)?).await };
                let ready = tokio::time::timeout(START, ready).await;
                let ready = ready.unwrap_or_else(|late| Err(io::Error::from(late)));
                if let Some(shared) = shared.upgrade() {
                    shared.started(ready);
                }
            });
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One has started, or has not; then the next compilation tries again.
    fn started(&self, ready: io::Result<(Child, Vec<Raised>)>) {
        let mut idle = self.lock();
        idle.starting -= 1;
        let walls = match ready {
            Ok((child, walls)) => {
                idle.children.push(child);
                Ok(walls)
            }
            Err(error) => {
                tracing::debug!(%error, "a compiler did not start ahead of need");
                Err(error.to_string())
            }
        };
        drop(idle);
        self.walls.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(walls);
            }
            is_first
        });
    }
}

/// Waits until a compiler has said which walls stand.
async fn ready(mut child: Child) -> io::Result<(Child, Vec<Raised>)> {
    let Some(stdout) = &mut child.stdout else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let mut head = [0; Head::BYTES];
    stdout.read_exact(&mut head).await?;
    let len = Head::decode(head).ok_or(io::ErrorKind::InvalidData)?.len;
    let mut body = vec![0; len];
    stdout.read_exact(&mut body).await?;
    let walls = decode_walls(&body).ok_or(io::ErrorKind::InvalidData)?;
    Ok((child, walls))
}
