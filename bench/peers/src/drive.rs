//! The client's side of a peer: runs tasks and says how long each took.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::task::Task;

/// A connection to a peer's server.
pub(crate) trait Peer {
    /// Asks for the square of one number.
    async fn square(&mut self, number: i64) -> Result<i64>;

    /// Asks for the squares of `0..calls` without waiting for each, at most `window`
    /// at once, and adds them up.
    async fn squares(&mut self, calls: u64, window: usize) -> Result<i64>;

    /// Sends bytes there and gets them back.
    async fn echo(&mut self, bytes: Bytes) -> Result<Bytes>;
}

/// Runs the tasks of standard input until it ends, and prints the nanoseconds that
/// each took.
pub(crate) async fn drive(mut peer: impl Peer) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let took = run(&mut peer, line.parse()?).await?;
        println!("{}", took.as_nanos());
    }
    Ok(())
}

async fn run(peer: &mut impl Peer, task: Task) -> Result<Duration> {
    match task {
        Task::Sequential { calls, pause } => sequential(peer, calls, pause).await,
        Task::Pipelined { calls, window } => {
            let begin = Instant::now();
            let sum = peer.squares(calls, window).await?;
            let took = begin.elapsed();
            check(sum, calls)?;
            Ok(took)
        }
        Task::Array { bytes, times } => {
            let array = Bytes::from(vec![7; bytes]);
            let begin = Instant::now();
            for _ in 0..times {
                let back = peer.echo(array.clone()).await?;
                ensure!(back.len() == bytes, "sent {bytes} bytes, got {}", back.len());
            }
            Ok(begin.elapsed())
        }
    }
}

async fn sequential(peer: &mut impl Peer, calls: u64, pause: Duration) -> Result<Duration> {
    let mut sum = 0;
    let mut took = Duration::ZERO;
    for number in 0..calls {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let begin = Instant::now();
        sum += peer.square(i64::try_from(number)?).await?;
        took += begin.elapsed();
    }
    check(sum, calls)?;
    Ok(took)
}

fn check(sum: i64, calls: u64) -> Result<()> {
    let expected: i64 = (0..i64::try_from(calls)?).map(|number| number * number).sum();
    ensure!(sum == expected, "the squares add up to {sum}, not to {expected}");
    Ok(())
}
