//! RESULTS.md: a report for readers, with the rows that missed their targets and
//! room for the causes.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::growth::Growth;
use crate::report::{self, Report};
use crate::row::Row;
use crate::target::Verdict;
use crate::unit::Unit;

/// Where causes stand: what follows it in an existing file is kept.
const CAUSES: &str = "## Causes";

/// Writes a report as Markdown. The causes that people wrote into an earlier version
/// of the file stay.
pub(crate) fn write(report: &Report, file: &Path) -> Result<()> {
    let earlier = std::fs::read_to_string(file).unwrap_or_default();
    let mut text = text(report)?;
    text.push_str(&causes(report, &earlier));
    report::write(file, text.as_bytes())
}

fn text(report: &Report) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "# Results\n")?;
    writeln!(
        text,
        "Medians of alternating runs, with the smallest and the largest; what stands beside a \
         figure was measured in turns with it. Ratios are taken run by run. Rates: higher is \
         better; the rest: lower.\n"
    )?;
    let machine = &report.machine;
    writeln!(text, "- command: `{}`", report.command)?;
    writeln!(text, "- date: {}", report.date)?;
    writeln!(
        text,
        "- machine: {}, {} cores, {}, {}",
        machine.cpu,
        machine.cores,
        Unit::Bytes.show(machine.memory as f64),
        machine.kernel
    )?;
    writeln!(text, "- placement: {}", report.placement)?;
    let versions: Vec<_> =
        report.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(text, "- versions: {}", versions.join(", "))?;
    let (met, missed) = report.verdicts();
    writeln!(text, "- targets: {met} met, {missed} missed\n")?;

    for group in groups(report) {
        writeln!(text, "## {group}\n")?;
        write_rows(&mut text, report.rows.iter().filter(|row| row.group == group))?;
        write_growths(&mut text, report.growths.iter().filter(|row| row.group == group))?;
    }
    if !report.skipped.is_empty() {
        writeln!(text, "## Not measured\n")?;
        for skipped in &report.skipped {
            writeln!(text, "- {}: {}", skipped.what, skipped.reason)?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// The groups in the order in which they were measured.
fn groups(report: &Report) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    let rows = report.rows.iter().map(|row| row.group.as_str());
    for group in rows.chain(report.growths.iter().map(|growth| growth.group.as_str())) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn write_rows<'a>(text: &mut String, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(text, "| | farside | spread | beside | | ratio | target | |")?;
    writeln!(text, "|---|--:|--:|--:|---|--:|--:|---|")?;
    for row in &rows {
        let unit = row.unit;
        let spread = |low, high| format!("{} - {}", unit.show(low), unit.show(high));
        let (theirs, name) = row.beside.as_ref().map_or_else(Default::default, |beside| {
            (unit.show(beside.samples.median), beside.name.clone())
        });
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            unit.show(row.ours.median),
            spread(row.ours.min, row.ours.max),
            theirs,
            name,
            row.ratio.as_ref().map(|ratio| format!("{:.2}", ratio.median)).unwrap_or_default(),
            row.target.map(|target| target.show(unit)).unwrap_or_default(),
            bold(row.verdict)
        )?;
    }
    text.push('\n');
    for row in rows.iter().filter(|row| !row.note.is_empty()) {
        writeln!(text, "- {}: {}", row.name, row.note)?;
    }
    text.push('\n');
    Ok(())
}

fn write_growths<'a>(text: &mut String, growths: impl Iterator<Item = &'a Growth>) -> Result<()> {
    let growths: Vec<_> = growths.collect();
    if growths.is_empty() {
        return Ok(());
    }
    writeln!(text, "| | grows like | at most | | |\n|---|--:|--:|---|---|")?;
    for growth in &growths {
        writeln!(
            text,
            "| {} | n^{:.2} | n^{:.2} | {} | {}: {} |",
            growth.name,
            growth.power,
            growth.most,
            bold(growth.verdict),
            growth.sizes,
            growth.show_points()
        )?;
    }
    text.push('\n');
    for growth in growths.iter().filter(|growth| !growth.note.is_empty()) {
        writeln!(text, "- {}: {}", growth.name, growth.note)?;
    }
    text.push('\n');
    Ok(())
}

fn bold(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "**missed**",
        Verdict::Open => "",
    }
}

/// The causes as they stand in an earlier version of the file, with an item more for
/// each target that is missed and not among them.
fn causes(report: &Report, earlier: &str) -> String {
    let mut text = match earlier.find(CAUSES) {
        Some(place) => earlier[place..].to_owned(),
        None => format!("{CAUSES}\n\nWhat is behind the targets that are missed.\n"),
    };
    for row in report.missed() {
        if !text.contains(&row) {
            text.push_str(&format!("\n- {row}: not looked into yet\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::Pace;
    use crate::plan::Plan;

    fn report() -> Report {
        let mut report = Report::new("bench".to_owned(), Plan::Quick, "anywhere".to_owned());
        let points = vec![(1.0, 1.0), (10.0, 100.0)];
        let growth = Growth::fit("growth", "cost", "things", Unit::Micros, Pace::Linear, points);
        report.growths.push(growth.unwrap());
        report
    }

    #[test]
    fn causes_that_people_wrote_stay() {
        let first = causes(&report(), "");
        assert_eq!(
            first,
            "## Causes\n\nWhat is behind the targets that are missed.\n\n\
             - growth: cost: not looked into yet\n"
        );
        let written = "# Results\n## Causes\n- growth: cost: a list is searched\n";
        assert_eq!(causes(&report(), written), "## Causes\n- growth: cost: a list is searched\n");
    }
}
