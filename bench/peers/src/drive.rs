//! The client's side of a peer: runs tasks and says what they gave.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::task::Task;

/// The least number of calls that a median is taken of.
const LEAST: usize = 25;

/// How often a pipeline of some window fills it before the time is looked at.
const FILLS: usize = 16;

/// A connection to a peer's server.
pub(crate) trait Peer {
    /// Asks for the square of one number.
    async fn square(&mut self, number: i64) -> Result<i64>;

    /// Asks for the squares of `0..calls`, at most `window` at once, and adds them up.
    async fn squares(&mut self, calls: i64, window: usize) -> Result<i64>;

    /// Sends bytes there and gets them back.
    async fn echo(&mut self, bytes: Bytes) -> Result<Bytes>;
}

/// Runs the tasks of standard input until it ends, and prints the figure of each.
pub(crate) async fn drive(mut peer: impl Peer) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let figure = match line.parse()? {
            Task::Sequential { time, rest } => sequential(&mut peer, time, rest).await?,
            Task::Pipelined { time, window } => pipelined(&mut peer, time, window).await?,
            Task::Array { time, bytes } => array(&mut peer, time, bytes).await?,
        };
        println!("{figure}");
    }
    Ok(())
}

async fn sequential(peer: &mut impl Peer, time: Duration, rest: Duration) -> Result<f64> {
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while took.len() < LEAST || Instant::now() < end {
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        let begun = Instant::now();
        let square = peer.square(1_234_567).await?;
        took.push(begun.elapsed());
        ensure!(square == 1_524_155_677_489, "a wrong square: {square}");
    }
    Ok(median_micros(took))
}

async fn pipelined(peer: &mut impl Peer, time: Duration, window: usize) -> Result<f64> {
    let calls = i64::try_from(window * FILLS)?;
    let expected: i64 = (0..calls).map(|number| number * number).sum();
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || begun.elapsed() < time {
        let sum = peer.squares(calls, window).await?;
        ensure!(sum == expected, "the squares add up to {sum}, not to {expected}");
        rounds += 1;
    }
    Ok((calls * rounds) as f64 / begun.elapsed().as_secs_f64())
}

async fn array(peer: &mut impl Peer, time: Duration, bytes: usize) -> Result<f64> {
    let array = Bytes::from(vec![7; bytes]);
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while took.is_empty() || Instant::now() < end {
        let begun = Instant::now();
        let back = peer.echo(array.clone()).await?;
        took.push(begun.elapsed());
        ensure!(back == array, "other bytes came back than were sent");
    }
    Ok(median_micros(took))
}

fn median_micros(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took[took.len() / 2].as_secs_f64() * 1e6
}
