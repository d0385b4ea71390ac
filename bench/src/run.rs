//! `farside-bench run`: every row, the table, and the files.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::runtime::Builder;

use crate::compare::{self, Comparison};
use crate::cores::{Cores, Place};
use crate::crowd::raise_descriptors;
use crate::ours;
use crate::peers;
use crate::plan::Plan;
use crate::report::Report;
use crate::results;
use crate::runner::{Runner, is_asked_for};
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
    /// How much worse a median may be before `--compare` fails, as a share; the middle
    /// halves of the runs must lie apart too, and counts may not rise
    #[arg(long, value_name = "SHARE", default_value_t = 0.25, requires = "compare")]
    spread: f64,
}

impl Run {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        // Read first: a file that is not there should not be told after the run.
        let earlier = self.compare.as_deref().map(Report::read).transpose()?;
        let begun = Instant::now();
        let report = self.begin()?;
        if let Some(earlier) = &earlier {
            compare::ensure_alike(&report, earlier)?;
        }
        let mut report = self.measure(report)?;
        report.seconds = begun.elapsed().as_secs_f64();
        report.write(&self.json)?;
        if let Some(file) = &self.results {
            results::write(&report, file)?;
        }
        println!("\n{}", table::summary(&report));
        if let Some(warning) = too_long(&report) {
            eprintln!("{warning}");
        }
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

    /// A report of this run that holds nothing yet.
    fn begin(&self) -> Result<Report> {
        let plan = if self.quick { Plan::Quick } else { Plan::Full };
        Ok(Report::new(command(), plan, Cores::here()?.describe()))
    }

    fn measure(&self, report: Report) -> Result<Report> {
        let cores = Cores::here()?;
        // Before the first server starts, which inherits it.
        raise_descriptors()?;
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
        let wanted = |title: &str| is_asked_for(self.rows.as_deref(), title);
        let Comparison { common, worse, gone } =
            compare::compare(report, earlier, self.spread, wanted);
        ensure!(common > 0, "the earlier report has no row of this run");
        println!(
            "\ncompared with {}: {common} rows in common, {} worse by more than {:.0} %",
            earlier.date,
            worse.len(),
            self.spread * 100.0
        );
        for regression in &worse {
            println!("  worse: {}: {}", regression.row, regression.change);
        }
        for title in gone {
            println!("  gone: {title}");
        }
        Ok(worse.is_empty())
    }
}

/// What to say of a run that took longer than its plan promises.
fn too_long(report: &Report) -> Option<String> {
    let most = report.plan.most_time()?.as_secs_f64();
    (report.seconds > most).then(|| {
        format!(
            "warning: the {} run took {:.0} s, more than the {most:.0} s that it may take",
            report.plan.name(),
            report.seconds
        )
    })
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
