//! Takes measurements in turns, and keeps what they gave.

use anyhow::Result;

use crate::growth::Growth;
use crate::plan::Plan;
use crate::report::{Report, Skipped};
use crate::row::{Beside, Row, Spec};
use crate::samples::Samples;
use crate::table;

/// Whether a filter lets the row of a title, `group: name`, pass.
pub(crate) fn is_asked_for(filter: Option<&str>, title: &str) -> bool {
    filter.is_none_or(|filter| title.contains(filter))
}

/// One run of the bench while it goes on.
#[derive(Debug)]
pub(crate) struct Runner {
    plan: Plan,
    filter: Option<String>,
    report: Report,
    /// The group whose heading was printed last.
    heading: String,
}

impl Runner {
    /// A runner that measures the rows whose `group: name` contains the filter.
    pub(crate) fn new(filter: Option<String>, report: Report) -> Runner {
        Runner { plan: report.plan, filter, report, heading: String::new() }
    }

    /// How long to measure.
    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    /// Whether a row is asked for. Ask before a setup that takes long; rows that are
    /// not asked for are not measured in any case.
    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        let title = format!("{group}: {name}");
        is_asked_for(self.filter.as_deref(), &title)
    }

    /// Whether any of some rows is asked for.
    pub(crate) fn wants_any(&self, group: &str, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(group, name))
    }

    /// Measures a row: ours, what is beside it, ours, what is beside it, and so on.
    /// Each closure makes one run and gives one figure in the row's unit.
    pub(crate) async fn pair(
        &mut self,
        spec: Spec,
        ours: impl AsyncFnMut() -> Result<f64>,
        beside: &str,
        theirs: impl AsyncFnMut() -> Result<f64>,
    ) -> Result<()> {
        if !self.wants(spec.group, &spec.name) {
            return Ok(());
        }
        let (ours, theirs) = self.alternate(ours, theirs).await?;
        self.add(spec, Samples::new(ours)?, Some((beside, Samples::new(theirs)?)))
    }

    /// Makes runs of two kinds in turns, for rows that come of the same runs. One
    /// run of each goes before and is not counted: it warms what is cold.
    pub(crate) async fn alternate<A, B>(
        &self,
        mut ours: impl AsyncFnMut() -> Result<A>,
        mut theirs: impl AsyncFnMut() -> Result<B>,
    ) -> Result<(Vec<A>, Vec<B>)> {
        ours().await?;
        theirs().await?;
        let (mut our_runs, mut their_runs) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.runs() {
            our_runs.push(ours().await?);
            their_runs.push(theirs().await?);
        }
        Ok((our_runs, their_runs))
    }

    /// Adds a row that was measured, if it is asked for.
    pub(crate) fn add(
        &mut self,
        spec: Spec,
        ours: Samples,
        beside: Option<(&str, Samples)>,
    ) -> Result<()> {
        if !self.wants(spec.group, &spec.name) {
            return Ok(());
        }
        let beside = beside.map(|(name, samples)| Beside { name: name.to_owned(), samples });
        let row = Row::new(spec, ours, beside)?;
        self.print(&row.group, &table::row(&row));
        self.report.rows.push(row);
        Ok(())
    }

    /// Adds a growth, if it is asked for.
    pub(crate) fn add_growth(&mut self, growth: Growth) {
        if self.wants(&growth.group, &growth.name) {
            self.print(&growth.group, &table::growth(&growth));
            self.report.growths.push(growth);
        }
    }

    /// Says that something is left out, and why.
    pub(crate) fn skip(&mut self, what: &str, reason: impl Into<String>) {
        let (what, reason) = (what.to_owned(), reason.into());
        println!("  skipped {what}: {reason}");
        self.report.skipped.push(Skipped { what, reason, failed: false });
    }

    /// Keeps what came of a part of the bench: one that fails does not end the rest.
    pub(crate) fn settle(&mut self, what: &str, outcome: Result<()>) {
        if let Err(error) = outcome {
            let (what, reason) = (what.to_owned(), format!("{error:#}"));
            println!("  FAILED {what}: {reason}");
            self.report.skipped.push(Skipped { what, reason, failed: true });
        }
    }

    /// Notes the version of something that is measured.
    pub(crate) fn version(&mut self, of: &str, version: impl Into<String>) {
        self.report.versions.push((of.to_owned(), version.into()));
    }

    /// What was found.
    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    fn print(&mut self, group: &str, text: &str) {
        if self.heading != group {
            group.clone_into(&mut self.heading);
            println!("\n{}", table::heading(group));
        }
        println!("{text}");
    }
}
