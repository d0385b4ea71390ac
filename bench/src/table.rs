//! The report as a table for people, one line for each row.

use crate::growth::Growth;
use crate::report::Report;
use crate::row::Row;

/// The line above the rows of a group.
pub(crate) fn heading(group: &str) -> String {
    format!(
        "{group:<57}{:>11}{:>24}  {:>11} {:<28}{:>8}  {:>9}",
        "farside", "spread", "beside", "", "ratio", "target"
    )
}

/// A row's line.
pub(crate) fn row(row: &Row) -> String {
    let unit = row.unit;
    let spread = format!("{} - {}", unit.show(row.ours.min), unit.show(row.ours.max));
    let (theirs, name) = row.beside.as_ref().map_or_else(Default::default, |beside| {
        (unit.show(beside.samples.median), beside.name.clone())
    });
    let ratio = row.ratio.as_ref().map(|ratio| format!("{:.2} x", ratio.median));
    let line = format!(
        "  {:<55}{:>11}{:>24}  {:>11} {:<28}{:>8}  {:>9} {}",
        row.name,
        unit.show(row.ours.median),
        spread,
        theirs,
        name,
        ratio.unwrap_or_default(),
        row.target.map(|target| target.show(unit)).unwrap_or_default(),
        row.verdict.text()
    );
    line.trim_end().to_owned()
}

/// A growth's lines.
pub(crate) fn growth(growth: &Growth) -> String {
    format!(
        "  {:<55}{:>11}{:>24}  {:>11} {:<28}{:>8}  {:>9} {}\n      {}: {}",
        growth.name,
        format!("n^{:.2}", growth.power),
        "",
        "",
        "",
        "",
        format!("<= n^{:.2}", growth.most),
        growth.verdict.text(),
        growth.sizes,
        growth.show_points()
    )
}

/// What the whole run comes to.
pub(crate) fn summary(report: &Report) -> String {
    let (met, missed) = report.verdicts();
    let mut text = format!("targets: {met} met, {missed} missed");
    for row in report.missed() {
        text.push_str("\n  missed: ");
        text.push_str(&row);
    }
    text
}
