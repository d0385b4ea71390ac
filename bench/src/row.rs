//! One row of the table: a figure, what was measured beside it, and the verdict.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::samples::Samples;
use crate::target::{Better, Target, Verdict};
use crate::unit::Unit;

/// What a row will measure. The name says the sizes and the state of the machine,
/// so that rows of one name can be compared between runs.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) better: Better,
    pub(crate) target: Option<Target>,
    pub(crate) notes: Vec<String>,
}

impl Spec {
    /// A row of times or sizes: lower is better.
    pub(crate) fn lower(group: &'static str, name: impl Into<String>, unit: Unit) -> Spec {
        let name = name.into();
        Spec { group, name, unit, better: Better::Lower, target: None, notes: Vec::new() }
    }

    /// A row of rates: higher is better.
    pub(crate) fn higher(group: &'static str, name: impl Into<String>, unit: Unit) -> Spec {
        Spec { better: Better::Higher, ..Spec::lower(group, name, unit) }
    }

    /// The same with a target.
    pub(crate) fn target(self, target: Target) -> Spec {
        Spec { target: Some(target), ..self }
    }

    /// The same with a note: how it is measured, and what bounds it. Notes add up.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Spec {
        self.notes.push(note.into());
        self
    }
}

/// A limit or a peer, measured in turns with ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Beside {
    /// What it is.
    pub(crate) name: String,
    /// What it gave, in the row's unit.
    pub(crate) samples: Samples,
}

/// What a row measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Rows of one subject.
    pub(crate) group: String,
    /// What was measured, unique in its group.
    pub(crate) name: String,
    /// The unit of all its figures but the ratio.
    pub(crate) unit: Unit,
    /// Which way is better.
    pub(crate) better: Better,
    /// Farside's figures.
    pub(crate) ours: Samples,
    /// The limit or peer.
    pub(crate) beside: Option<Beside>,
    /// Ours over beside, run by run.
    pub(crate) ratio: Option<Samples>,
    /// What is promised.
    pub(crate) target: Option<Target>,
    /// Whether it is kept.
    pub(crate) verdict: Verdict,
    /// How it was measured, and what bounds it.
    pub(crate) notes: Vec<String>,
}

impl Row {
    /// What names the row in all reports: `group: name`.
    pub(crate) fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    /// The row of a spec and of what was measured for it.
    pub(crate) fn new(spec: Spec, ours: Samples, beside: Option<Beside>) -> Result<Row> {
        let Spec { group, name, unit, better, target, notes } = spec;
        let ratio = beside.as_ref().map(|beside| ours.over(&beside.samples)).transpose()?;
        let found = ratio.as_ref().map(|ratio| ratio.median);
        let verdict = target.map_or(Verdict::Open, |target| target.judge(ours.median, found));
        let group = group.to_owned();
        Ok(Row { group, name, unit, better, ours, beside, ratio, target, verdict, notes })
    }

    /// Farside's figure with its spread, for people: `20 us (19 - 24)`.
    pub(crate) fn show_ours(&self) -> String {
        self.ours.show(self.unit)
    }

    /// What stands beside it, for people: `18 us (17 - 20)`.
    pub(crate) fn show_theirs(&self) -> String {
        self.beside.as_ref().map(|beside| beside.samples.show(self.unit)).unwrap_or_default()
    }

    /// The ratio with its spread, for people: `1.11 x (1.05 - 1.2)`.
    pub(crate) fn show_ratio(&self) -> String {
        self.ratio.as_ref().map(|ratio| ratio.show(Unit::Times)).unwrap_or_default()
    }

    /// What the target speaks of, for people.
    pub(crate) fn show_found(&self) -> String {
        match (&self.target, &self.beside) {
            (Some(target), Some(beside)) if target.is_of_ratio() => {
                format!("{} beside {}", self.show_ratio(), beside.name)
            }
            _ => self.show_ours(),
        }
    }

    /// The target for people, if there is one.
    pub(crate) fn show_target(&self) -> String {
        self.target.map(|target| target.show(self.unit)).unwrap_or_default()
    }
}
