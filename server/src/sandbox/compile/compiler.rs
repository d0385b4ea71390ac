//! The server's side: gives a child the module, and reads what it made.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use super::ended::{ended, not_started, too_long};
use super::order::{Order, Product, decode_answer, without_walls};
use super::pool::{self, Pool};
use super::program::Program;
use super::walls::Raised;
use super::work::work;
use crate::auth::{Owner, OwnerId};
use crate::fair_queue::{FairQueue, QueueFull};

/// Modules compiled at once; others wait for their turn.
const AT_ONCE: u32 = 2;

/// Modules of one owner that may wait for it.
const WAITING: usize = 64;

/// Largest compiled code, in bytes, with its description.
const CODE: u64 = 512 << 20;

/// Bytes kept of what a compiler writes to standard error.
const LAST_WORDS: u64 = 16 * 1024;

/// How many times its CPU time a compiler may take in all.
const PATIENCE: u32 = 4;

/// Has modules compiled, for owners in turn.
pub(crate) struct Compiler {
    place: Place,
    queue: FairQueue<OwnerId>,
}

/// Where that is done.
enum Place {
    /// In child processes of a program.
    Children { program: PathBuf, pool: Pool },
    /// On a thread of this process.
    Here,
}

impl Compiler {
    /// With the program of the setting, of which some are started ahead of need.
    ///
    /// # Errors
    /// That program, if it is not there.
    pub(crate) fn new(setting: &str) -> Result<Compiler, PathBuf> {
        let place = match Program::find(setting)? {
            Program::Child(program) => {
                Place::Children { pool: Pool::new(program.clone()), program }
            }
            Program::Here => Place::Here,
        };
        Ok(Compiler { place, queue: FairQueue::new(AT_ONCE, WAITING) })
    }

    /// Where modules are compiled, for people; with the walls that stand there, once the
    /// first child has said so. Logs which do not.
    pub(crate) async fn look(&self) -> String {
        let Place::Children { pool, .. } = &self.place else {
            tracing::warn!(
                "modules are compiled in this process, since there is no `farside` to do it in a \
                 child (set `compiler` to its path, or call farside_server::run_if_compiler)"
            );
            return "in this process, uncontained".to_owned();
        };
        let walls = pool.walls().await.unwrap_or_else(|why| {
            tracing::warn!(%why, "the compiler does not say which walls stand around it");
            Vec::new()
        });
        let (mut standing, mut missing) = (Vec::new(), Vec::new());
        for Raised { wall, outcome } in walls {
            match outcome {
                Ok(took) => {
                    tracing::debug!(%wall, ?took, "a wall stands around compilers");
                    standing.push(wall.name());
                }
                Err(why) => {
                    tracing::warn!(%wall, %why, "a wall does not stand around compilers");
                    missing.push(wall.name());
                }
            }
        }
        let mut text = "in a child process".to_owned();
        match standing.as_slice() {
            [] => text.push_str(", no walls around it are known"),
            walls => {
                // Writing to a string does not fail.
                let _ = write!(text, " with walls: {}", walls.join(", "));
            }
        }
        if !missing.is_empty() {
            let _ = write!(text, "; without: {}", missing.join(", "));
        }
        text
    }

    /// Compiles a module, when it is its owner's turn, in CPU time of the owner's. Without
    /// an owner it is the operator's.
    pub(crate) async fn compile(
        &self,
        owner: Option<&Owner>,
        order: Order,
        bytes: Bytes,
    ) -> Result<Product, Failure> {
        let id = owner.map_or(OwnerId::OPERATOR, Owner::id);
        let _turn = self.queue.take(id, 1, AT_ONCE).await.map_err(busy)?;
        let begun = Instant::now();
        if let Some(failure) = owner.and_then(|owner| owner.cpu().is_used_up(begun)) {
            return Err(failure);
        }
        let most = order.ceilings.cpu;
        let (product, spent) = self.compile_now(order, bytes).await;
        if let Some(owner) = owner {
            let now = Instant::now();
            // What did not say how much it used has used no more than it may.
            let spent = spent.unwrap_or_else(|| now.saturating_duration_since(begun).min(most));
            owner.cpu().charge(spent, now);
        }
        product
    }

    /// Compiles a module, and tells how much CPU time that took, if that is known.
    async fn compile_now(
        &self,
        order: Order,
        bytes: Bytes,
    ) -> (Result<Product, Failure>, Option<Duration>) {
        match &self.place {
            Place::Children { program, pool } => {
                let child = match pool.take() {
                    Some(child) => Ok(child),
                    None => pool::start(program),
                };
                let answer = match child {
                    Ok(child) => in_child(child, &order, bytes).await,
                    Err(error) => Err(not_started(&error)),
                };
                pool.refill();
                match answer {
                    Ok((product, spent)) => (product, spent.into()),
                    Err(failure) => (Err(failure), None),
                }
            }
            Place::Here => {
                let work = move || work(&order, &bytes).map_err(|error| error.into_failure());
                let product = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
                    Err(Failure::new(ErrorCode::Internal, format!("the compiler died: {error}")))
                });
                (product, None)
            }
        }
    }
}

/// Has a child compile, whether or not it has said yet which walls stand.
///
/// # Errors
/// When it ended without an answer.
async fn in_child(
    mut child: Child,
    order: &Order,
    bytes: Bytes,
) -> Result<(Result<Product, Failure>, Duration), Failure> {
    let time = order.ceilings.cpu * PATIENCE;
    let head = order.encode().map_err(|error| not_started(&io::Error::other(error)))?;
    let run = async {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A compiler that ended early says why elsewhere.
                let _ = stdin.write_all(&head).await;
                let _ = stdin.write_all(&bytes).await;
            }
        };
        let ((), answer, words) = tokio::join!(write, read(stdout, CODE), read(stderr, LAST_WORDS));
        io::Result::Ok((child.wait().await?, answer?, words?))
    };
    let (status, answer, words) = match tokio::time::timeout(time, run).await {
        Ok(run) => run.map_err(|error| not_started(&error))?,
        Err(_) => return Err(too_long(order.ceilings.cpu, Some(time))),
    };
    if status.success()
        && let Some(answer) = decode_answer(&without_walls(answer.into()))
    {
        return Ok(answer);
    }
    Err(ended(order, status, &String::from_utf8_lossy(&words)))
}

/// All that comes, up to so many bytes.
async fn read(from: Option<impl AsyncReadExt + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn busy(QueueFull { waiting }: QueueFull) -> Failure {
    let message = format!("{waiting} modules of this owner wait to be compiled already");
    Failure::new(ErrorCode::Unavailable, message).with_hint("try again in a moment")
}
