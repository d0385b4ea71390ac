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
    pub(crate) note: String,
}

impl Spec {
    /// A row of times or sizes: lower is better.
    pub(crate) fn lower(group: &'static str, name: impl Into<String>, unit: Unit) -> Spec {
        let name = name.into();
        Spec { group, name, unit, better: Better::Lower, target: None, note: String::new() }
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
    pub(crate) fn note(mut self, note: impl AsRef<str>) -> Spec {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(note.as_ref());
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
    pub(crate) note: String,
}

impl Row {
    /// The row of a spec and of what was measured for it.
    pub(crate) fn new(spec: Spec, ours: Samples, beside: Option<Beside>) -> Result<Row> {
        let Spec { group, name, unit, better, target, note } = spec;
        let ratio = beside.as_ref().map(|beside| ours.over(&beside.samples)).transpose()?;
        let found = ratio.as_ref().map(|ratio| ratio.median);
        let verdict = target.map_or(Verdict::Open, |target| target.judge(ours.median, found));
        let group = group.to_owned();
        Ok(Row { group, name, unit, better, ours, beside, ratio, target, verdict, note })
    }
}
