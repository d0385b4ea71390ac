//! What the peers do, done by Farside's client: the same calls, in the same form.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use farside::{Array, Function, Session};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::latency::micros;
use crate::process::Process;
use crate::samples::percentile;
use crate::stage::Stage;

/// Calls under way at once.
const WINDOW: usize = 1024;

/// How often a pipeline fills its window before the time is looked at.
const FILLS: i64 = 16;

/// A session of our own, and the functions called in it.
pub(crate) struct Ours<'a> {
    session: Session,
    square: Function,
    echo: Function,
    server: &'a Process,
}

impl<'a> Ours<'a> {
    /// Connects.
    pub(crate) async fn connect(stage: &'a Stage) -> Result<Ours<'a>> {
        let (session, module) = stage.server.session().await?;
        let (square, echo) = (module.function("square")?, module.function("echo")?);
        Ok(Ours { session, square, echo, server: stage.server.process() })
    }

    /// A call and its value.
    pub(crate) async fn square(&self) -> Result<()> {
        let squared: i64 = self.square.value((1_234_567,)).await?;
        ensure!(squared == 1_524_155_677_489, "a wrong square: {squared}");
        Ok(())
    }

    /// Calls for some time without waiting for each; gives how many came in a second.
    pub(crate) async fn squares(&self, time: Duration) -> Result<f64> {
        let calls = FILLS * i64::try_from(WINDOW)?;
        let expected: i64 = (0..calls).map(|number| number * number).sum();
        let begun = Instant::now();
        let mut rounds = 0;
        while rounds == 0 || begun.elapsed() < time {
            let sum = stream::iter(0..calls)
                .map(|number| self.square.value::<i64>((number,)))
                .buffer_unordered(WINDOW)
                .try_fold(0, async |sum, square| Ok(sum + square))
                .await?;
            ensure!(sum == expected, "the squares add up to {sum}, not to {expected}");
            rounds += 1;
        }
        Ok((calls * rounds) as f64 / begun.elapsed().as_secs_f64())
    }

    /// Sends an array to the guest and gets it back, for some time; gives the median
    /// in microseconds. The server is quiet after, so that it does not burden the peer.
    pub(crate) async fn array(&self, bytes: usize, time: Duration) -> Result<f64> {
        let data = Array::from(vec![1.5_f64; bytes / size_of::<f64>()]);
        let mut took = Vec::new();
        let end = Instant::now() + time;
        while took.is_empty() || Instant::now() < end {
            let begun = Instant::now();
            let back: Array<f64> = self.echo.value((&data,)).await?;
            took.push(micros(begun.elapsed()));
            ensure!(back == data, "other numbers came back than were sent");
        }
        self.server.quiet().await?;
        Ok(percentile(&mut took, 0.5))
    }

    /// Ends the session.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.session.close().await?)
    }
}
