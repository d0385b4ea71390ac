//! What became of each case, as a table.

use std::collections::BTreeMap;
use std::time::Duration;

use farside_tests::corpus::Case;

/// One case and what came of it.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) outcome: String,
    pub(crate) is_kept: bool,
    pub(crate) took: Duration,
    /// The most memory that the server held, where the system tells it.
    pub(crate) peak: Option<u64>,
    /// The most that its compilers held.
    pub(crate) children: u64,
}

#[derive(Default)]
pub(crate) struct Table {
    /// Whether it is printed row by row.
    is_shown: bool,
    rows: Vec<Row>,
    /// Cases left out, by the language that they need.
    left_out: BTreeMap<&'static str, usize>,
}

impl Table {
    /// A table without rows; if it is shown, its head is printed.
    pub(crate) fn begin(is_shown: bool) -> Table {
        if is_shown {
            println!(
                "{:<6} {:<58} {:>7} {:>9} {:>9}  outcome (promised, where that is more)",
                "who", "case", "time", "peak", "compiler"
            );
        }
        Table { is_shown, ..Table::default() }
    }

    /// Adds a row; if the table is shown, it is printed.
    pub(crate) fn add(&mut self, row: Row) {
        if self.is_shown {
            row.print();
        }
        self.rows.push(row);
    }

    pub(crate) fn leave_out(&mut self, language: &'static str) {
        *self.left_out.entry(language).or_default() += 1;
    }

    /// The cases of which a promise is broken, a line each.
    pub(crate) fn broken(&self) -> Vec<String> {
        let broken = self.rows.iter().filter(|row| !row.is_kept);
        broken
            .map(|Row { case, outcome, .. }| {
                format!("{}: promised {}; {outcome}", case.name(), case.promised())
            })
            .collect()
    }

    /// Prints what all of it comes to.
    pub(crate) fn sum_up(&self) {
        let time: Duration = self.rows.iter().map(|row| row.took).sum();
        let kept = self.rows.iter().filter(|row| row.is_kept).count();
        for (language, count) in &self.left_out {
            println!(
                "{count} cases left out: the evaluator of {language} is not built on this machine"
            );
        }
        println!("{kept} of {} as promised, in {:.0} s", self.rows.len(), time.as_secs_f64());
    }
}

impl Row {
    fn print(&self) {
        let Row { case, outcome, is_kept, took, peak, children } = self;
        let promised = case.promised();
        let outcome = match (is_kept, promised == *outcome) {
            (false, _) => format!("BROKEN: {outcome} ({promised})"),
            (true, true) => promised,
            (true, false) => format!("{outcome} ({promised})"),
        };
        println!(
            "{:<6} {:<58} {:>5.2} s {:>9} {:>9}  {outcome}",
            case.kind().to_string(),
            case.name(),
            took.as_secs_f64(),
            peak.map_or_else(|| "-".to_owned(), mib),
            if *children > 0 { mib(*children) } else { "-".to_owned() },
        );
    }
}

/// Bytes for people.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
