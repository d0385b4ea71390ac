//! All that one run found: what is printed, kept as JSON and compared.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::growth::Growth;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::profile;
use crate::row::Row;
use crate::target::Verdict;

/// One run of the bench.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How it was started.
    pub(crate) command: String,
    /// When.
    pub(crate) date: String,
    /// How long it measured.
    pub(crate) plan: Plan,
    /// How long the run took, in seconds.
    pub(crate) seconds: f64,
    /// How the programs were built.
    pub(crate) profile: String,
    /// Where.
    pub(crate) machine: Machine,
    /// How the processes were placed on cores.
    pub(crate) placement: String,
    /// Programs and libraries with their versions.
    pub(crate) versions: Vec<(String, String)>,
    /// Figures.
    pub(crate) rows: Vec<Row>,
    /// Growths.
    pub(crate) growths: Vec<Growth>,
    /// What was left out, and why.
    pub(crate) skipped: Vec<Skipped>,
}

/// A group, or a part of it, that was not measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Skipped {
    /// What.
    pub(crate) what: String,
    /// Why.
    pub(crate) reason: String,
    /// Whether it should have worked.
    pub(crate) failed: bool,
}

/// A target that is missed, for people.
#[derive(Clone, Debug)]
pub(crate) struct Missed {
    /// `group: name`.
    pub(crate) title: String,
    /// What was measured.
    pub(crate) found: String,
    /// What it should be.
    pub(crate) promised: String,
}

impl Report {
    /// A report that holds nothing yet.
    pub(crate) fn new(command: String, plan: Plan, placement: String) -> Report {
        Report {
            command,
            date: httpdate::fmt_http_date(SystemTime::now()),
            plan,
            seconds: 0.0,
            profile: profile::describe(),
            machine: Machine::here(),
            placement,
            versions: Vec::new(),
            rows: Vec::new(),
            growths: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// How many targets are met, and how many missed.
    pub(crate) fn verdicts(&self) -> (usize, usize) {
        let rows = self.rows.iter().map(|row| row.verdict);
        let all: Vec<_> = rows.chain(self.growths.iter().map(|growth| growth.verdict)).collect();
        let count = |wanted| all.iter().filter(|verdict| **verdict == wanted).count();
        (count(Verdict::Met), count(Verdict::Missed))
    }

    /// The rows and growths whose targets are missed.
    pub(crate) fn missed(&self) -> Vec<Missed> {
        let rows = self.rows.iter().filter(|row| row.verdict == Verdict::Missed);
        let rows = rows.map(|row| Missed {
            title: row.title(),
            found: row.show_found(),
            promised: row.show_target(),
        });
        let growths = self.growths.iter().filter(|growth| growth.verdict == Verdict::Missed);
        let growths = growths.map(|growth| Missed {
            title: growth.title(),
            found: growth.show(),
            promised: growth.show_target(),
        });
        rows.chain(growths).collect()
    }

    /// Reads what [`write`](Report::write) wrote.
    pub(crate) fn read(file: &Path) -> Result<Report> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is no report of this bench", file.display()))
    }

    /// Writes the report as JSON, and the folder that it lies in.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).context("the report is no JSON")?;
        text.push(b'\n');
        write(file, &text)
    }
}

/// Writes a file, and the folder that it lies in.
pub(crate) fn write(file: &Path, text: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
