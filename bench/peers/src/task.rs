//! What a client is told to do.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};

/// One measurement, written as its name and its numbers: `pipelined 10000 128`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Squares, each asked for when the last one came, after a pause that is not
    /// part of the time.
    Sequential { calls: u64, pause: Duration },
    /// Squares, asked for while others are on their way, at most so many.
    Pipelined { calls: u64, window: usize },
    /// Bytes that go there and come back.
    Array { bytes: usize, times: u64 },
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(line: &str) -> Result<Task> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().with_context(|| format!("no number: {word}"));
        Ok(match words[..] {
            ["sequential", calls, pause] => Task::Sequential {
                calls: number(calls)?,
                pause: Duration::from_micros(number(pause)?),
            },
            ["pipelined", calls, window] => {
                Task::Pipelined { calls: number(calls)?, window: usize::try_from(number(window)?)? }
            }
            ["array", bytes, times] => {
                Task::Array { bytes: usize::try_from(number(bytes)?)?, times: number(times)? }
            }
            _ => bail!("not a task: {line}"),
        })
    }
}
