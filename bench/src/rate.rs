//! How often something happens in a second, and what the server spends on it.

use std::time::Instant;

use anyhow::Result;

use crate::latency::micros;
use crate::process::Process;
use crate::samples::Samples;

/// One run of something that happens many times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// How often in a second.
    pub(crate) per_second: f64,
    /// Processor time of the server for each, in microseconds.
    pub(crate) server_micros: f64,
    /// Cores' worth of time that the server was busy.
    pub(crate) server_busy: f64,
}

impl Rate {
    /// Makes a run, which gives how often it happened.
    pub(crate) async fn measure(
        server: &Process,
        run: impl AsyncFnOnce() -> Result<u64>,
    ) -> Result<Rate> {
        let used = server.cpu_time()?;
        let begun = Instant::now();
        let count = run().await? as f64;
        let took = begun.elapsed();
        let used = server.cpu_time()?.saturating_sub(used);
        Ok(Rate {
            per_second: count / took.as_secs_f64(),
            server_micros: micros(used) / count,
            server_busy: used.as_secs_f64() / took.as_secs_f64(),
        })
    }
}

/// The rates of some runs.
pub(crate) fn per_second(runs: &[Rate]) -> Result<Samples> {
    Samples::new(runs.iter().map(|run| run.per_second).collect())
}

/// The server's time in some runs.
pub(crate) fn server_micros(runs: &[Rate]) -> Result<Samples> {
    Samples::new(runs.iter().map(|run| run.server_micros).collect())
}

/// How busy the server was, for a note: it tells which side bounds the rate.
pub(crate) fn busy(runs: &[Rate]) -> Result<String> {
    let busy = Samples::new(runs.iter().map(|run| run.server_busy).collect())?;
    Ok(format!("the server was busy for {:.0} % of a core", busy.median * 100.0))
}
