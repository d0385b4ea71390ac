//! What a client is told to measure.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};

/// One measurement, written as its name and its numbers: `pipelined 500 1024`. Times
/// are in milliseconds, rests in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Squares, each asked for when the last one came, and after a rest that is not
    /// measured: the median of the calls in microseconds.
    Sequential { time: Duration, rest: Duration },
    /// Squares, at most `window` of them asked for at once: how many come in a second.
    Pipelined { time: Duration, window: usize },
    /// Bytes that go there and come back: the median in microseconds.
    Array { time: Duration, bytes: usize },
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(line: &str) -> Result<Task> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, time, number] = words[..] else { bail!("not a task: {line}") };
        let read = |word: &str| word.parse::<u64>().with_context(|| format!("no number: {word}"));
        let (time, number) = (Duration::from_millis(read(time)?), read(number)?);
        Ok(match name {
            "sequential" => Task::Sequential { time, rest: Duration::from_micros(number) },
            "pipelined" => Task::Pipelined { time, window: usize::try_from(number)? },
            "array" => Task::Array { time, bytes: usize::try_from(number)? },
            _ => bail!("not a task: {line}"),
        })
    }
}
