//! `farside-bench run`: every row, the table, and the files.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::runtime::Builder;

use crate::compare;
use crate::cores::{Cores, Place};
use crate::ours;
use crate::peers;
use crate::plan::Plan;
use crate::report::Report;
use crate::results;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::table;

/// Measure all, or some rows
#[derive(Args)]
pub(crate) struct Run {
    /// Measure in under two minutes: short runs, small sizes
    #[arg(long)]
    quick: bool,
    /// Measure only rows whose `group: name` contains this
    #[arg(long, value_name = "FILTER")]
    rows: Option<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/latest.json")]
    json: PathBuf,
    /// Write the report as Markdown; causes written into an earlier one are kept
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Fail if a row is worse than in this earlier report (JSON)
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// How much worse a median may be before `--compare` fails, as a share; no run may
    /// be as good as the worst one of the earlier report then
    #[arg(long, value_name = "SHARE", default_value_t = 0.25, requires = "compare")]
    spread: f64,
}

impl Run {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        // Read first: a file that is not there should not be told after the run.
        let earlier = self.compare.as_deref().map(Report::read).transpose()?;
        let report = self.measure()?;
        report.write(&self.json)?;
        if let Some(file) = &self.results {
            results::write(&report, file)?;
        }
        println!("\n{}", table::summary(&report));
        let mut code = ExitCode::SUCCESS;
        if report.skipped.iter().any(|skipped| skipped.failed) {
            code = ExitCode::FAILURE;
        }
        if let Some(earlier) = earlier
            && !self.holds_against(&report, &earlier)?
        {
            code = ExitCode::FAILURE;
        }
        Ok(code)
    }

    fn measure(&self) -> Result<Report> {
        let cores = Cores::here()?;
        let plan = if self.quick { Plan::Quick } else { Plan::Full };
        let report = Report::new(command(), plan, cores.describe());
        // The machine has what this process was started with, before it is bound.
        cores.bind(Place::Client).context("cannot bind to a core")?;
        let mut runner = Runner::new(self.rows.clone(), report);

        // One thread: this process has one core.
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start")?;
        runtime.block_on(async {
            let stage = Stage::set(cores)?;
            note_versions(&mut runner, &stage).await?;
            ours::measure(&mut runner, &stage).await;
            peers::measure(&mut runner, &stage).await;
            anyhow::Ok(())
        })?;
        Ok(runner.into_report())
    }

    fn holds_against(&self, report: &Report, earlier: &Report) -> Result<bool> {
        let common = compare::in_common(report, earlier);
        ensure!(common > 0, "the earlier report has no row of this run");
        let regressions = compare::regressions(report, earlier, self.spread);
        println!(
            "\ncompared with {}: {common} rows in common, {} worse by more than {:.0} %",
            earlier.date,
            regressions.len(),
            self.spread * 100.0
        );
        for regression in &regressions {
            println!("  worse: {}: {}", regression.row, regression.change);
        }
        Ok(regressions.is_empty())
    }
}

/// Notes what is measured, and what it was made with.
async fn note_versions(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let client = stage.server.client().await?;
    let versions = client.server();
    runner.version("server", &versions.server);
    runner.version("wasmtime", &versions.wasmtime);
    for (name, program, arguments) in [
        ("commit", "git", ["describe", "--always", "--dirty"].as_slice()),
        ("compiler", "rustc", ["--version"].as_slice()),
    ] {
        // A copy without history, or a machine without a compiler, can be measured too.
        if let Ok(output) = Command::new(program).args(arguments).output()
            && output.status.success()
        {
            runner.version(name, String::from_utf8_lossy(&output.stdout).trim());
        }
    }
    Ok(())
}

/// The command that a reader can repeat.
fn command() -> String {
    let arguments: Vec<String> = env::args().skip(2).collect();
    format!("cargo xtask bench {}", arguments.join(" ")).trim_end().to_owned()
}
