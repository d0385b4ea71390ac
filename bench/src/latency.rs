//! How long one thing takes, done again and again, each time waiting for the answer.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cores::Cores;
use crate::samples::percentile;
use crate::spin::Awake;

/// How long the machine rests before each call of an idle row: enough for both cores
/// to fall asleep.
const REST: Duration = Duration::from_millis(2);

/// The least number of calls of a run.
const LEAST: usize = 25;

/// What the cores do while nobody calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cadence {
    /// They sleep: each call comes after a rest, and has to wake them.
    Idle,
    /// They are kept awake by spinners that give way; calls follow each other at once.
    Awake,
}

impl Cadence {
    /// The state for a row's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cadence::Idle => "idle",
            Cadence::Awake => "awake",
        }
    }

    /// What the state means, for a row's note.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Cadence::Idle => "2 ms of rest before each call, so that cores fall asleep",
            Cadence::Awake => "calls back to back, cores kept awake by idle-class spinners",
        }
    }

    /// Puts the machine into this state, until the guard is dropped.
    pub(crate) fn enter(self, cores: &Cores) -> Result<Option<Awake>> {
        match self {
            Cadence::Idle => Ok(None),
            Cadence::Awake => Awake::keep(cores).map(Some),
        }
    }

    /// How long nobody does anything before each call.
    pub(crate) fn pause(self) -> Duration {
        match self {
            Cadence::Idle => REST,
            Cadence::Awake => Duration::ZERO,
        }
    }

    /// What goes before each call.
    pub(crate) async fn rest(self) {
        if self == Cadence::Idle {
            tokio::time::sleep(REST).await;
        }
    }

    /// Calls for some time; gives the microseconds of each call.
    pub(crate) async fn measure(
        self,
        time: Duration,
        call: impl AsyncFnMut() -> Result<()>,
    ) -> Result<Vec<f64>> {
        self.measure_at_least(LEAST, time, call).await
    }

    /// Calls for some time, and so often at least; gives the microseconds of each call.
    pub(crate) async fn measure_at_least(
        self,
        least: usize,
        time: Duration,
        call: impl AsyncFnMut() -> Result<()>,
    ) -> Result<Vec<f64>> {
        self.repeat(least, time, call, async |()| Ok(())).await
    }

    /// Calls for some time; gives the median of the calls, in microseconds.
    pub(crate) async fn median(
        self,
        time: Duration,
        call: impl AsyncFnMut() -> Result<()>,
    ) -> Result<f64> {
        Ok(percentile(&mut self.measure(time, call).await?, 0.5))
    }

    /// The same of calls that leave something behind, which is cleared up off the clock.
    pub(crate) async fn median_then<T>(
        self,
        time: Duration,
        call: impl AsyncFnMut() -> Result<T>,
        clear_up: impl AsyncFnMut(T) -> Result<()>,
    ) -> Result<f64> {
        Ok(percentile(&mut self.repeat(LEAST, time, call, clear_up).await?, 0.5))
    }

    async fn repeat<T>(
        self,
        least: usize,
        time: Duration,
        mut call: impl AsyncFnMut() -> Result<T>,
        mut clear_up: impl AsyncFnMut(T) -> Result<()>,
    ) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        let end = Instant::now() + time;
        while took.len() < least || Instant::now() < end {
            self.rest().await;
            let begun = Instant::now();
            let left = call().await?;
            took.push(micros(begun.elapsed()));
            clear_up(left).await?;
        }
        Ok(took)
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
