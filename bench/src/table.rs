//! The report as a table for people, one line for each row.

use crate::growth::Growth;
use crate::report::Report;
use crate::row::Row;
use crate::target::Verdict;

/// The line above the rows of a group.
pub(crate) fn heading(group: &str) -> String {
    line([group, "farside", "beside", "", "ratio", "target"], Verdict::Open)
}

/// A row's line.
pub(crate) fn row(row: &Row) -> String {
    let name = row.beside.as_ref().map(|beside| beside.name.as_str()).unwrap_or_default();
    let (ours, theirs) = (row.show_ours(), row.show_theirs());
    let (ratio, target) = (row.show_ratio(), row.show_target());
    let indented = format!("  {}", row.name);
    line([&indented, &ours, &theirs, name, &ratio, &target], row.verdict)
}

fn line(cells: [&str; 6], verdict: Verdict) -> String {
    let [name, ours, theirs, beside, ratio, target] = cells;
    let line = format!(
        "{name:<60}{ours:>28}{theirs:>28}  {beside:<25}{ratio:>22}{target:>11} {}",
        verdict.text()
    );
    line.trim_end().to_owned()
}

/// A growth's lines.
pub(crate) fn growth(growth: &Growth) -> String {
    format!(
        "  {}\n      {}; {} {}\n      {}: {}",
        growth.name,
        growth.show(),
        growth.show_target(),
        growth.verdict.text(),
        growth.sizes,
        growth.show_points()
    )
}

/// What the whole run comes to.
pub(crate) fn summary(report: &Report) -> String {
    let (met, missed) = report.verdicts();
    let mut text = format!("targets: {met} met, {missed} missed; {:.0} s", report.seconds);
    for missed in report.missed() {
        text.push_str(&format!(
            "\n  missed: {}: {}, not {}",
            missed.title, missed.found, missed.promised
        ));
    }
    text
}
