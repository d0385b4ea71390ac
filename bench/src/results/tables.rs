//! A table for each group of rows, and one for its growths, with the notes below.

use std::fmt::Write as _;

use anyhow::Result;

use crate::growth::Growth;
use crate::report::Report;
use crate::row::Row;
use crate::target::Verdict;

/// Writes all of them, in the order in which they were measured.
pub(super) fn write(text: &mut String, report: &Report) -> Result<()> {
    for group in groups(report) {
        writeln!(text, "## {group}\n")?;
        write_rows(text, report.rows.iter().filter(|row| row.group == group))?;
        write_growths(text, report.growths.iter().filter(|row| row.group == group))?;
    }
    Ok(())
}

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

/// The notes of a table, each of which is written once.
#[derive(Default)]
struct Notes<'a> {
    notes: Vec<&'a str>,
}

impl<'a> Notes<'a> {
    /// Takes a row's notes; gives the numbers for the row's name.
    fn take(&mut self, notes: impl IntoIterator<Item = &'a str>) -> String {
        let numbers: Vec<_> = notes.into_iter().map(|note| self.number(note)).collect();
        if numbers.is_empty() {
            String::new()
        } else {
            format!(" <sup>{}</sup>", numbers.join(" "))
        }
    }

    fn number(&mut self, note: &'a str) -> String {
        let place = self.notes.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.notes.push(note);
            self.notes.len() - 1
        });
        (place + 1).to_string()
    }

    fn write(&self, text: &mut String) -> Result<()> {
        text.push('\n');
        for (place, note) in self.notes.iter().enumerate() {
            writeln!(text, "{}. {note}", place + 1)?;
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        Ok(())
    }
}

fn write_rows<'a>(text: &mut String, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(text, "| | Farside | beside it | ratio | target | |\n|---|--:|--:|--:|--:|---|")?;
    let mut notes = Notes::default();
    for row in rows {
        let numbers = notes.take(row.notes.iter().map(String::as_str));
        let beside =
            row.beside.as_ref().map(|beside| format!("{}: {}", beside.name, row.show_theirs()));
        writeln!(
            text,
            "| {}{numbers} | {} | {} | {} | {} | {} |",
            row.name,
            row.show_ours(),
            beside.unwrap_or_default(),
            row.show_ratio(),
            row.show_target(),
            verdict(row.verdict)
        )?;
    }
    notes.write(text)
}

fn write_growths<'a>(text: &mut String, growths: impl Iterator<Item = &'a Growth>) -> Result<()> {
    let mut growths = growths.peekable();
    if growths.peek().is_none() {
        return Ok(());
    }
    writeln!(
        text,
        "Each cost is fitted to a power of the size: n^0 stays, n^1 grows in proportion. What is \
         judged is the fit over the two upper decades, where constants weigh least, and of a \
         cost that should stay the largest as a multiple of that of the smallest size.\n"
    )?;
    writeln!(text, "| | grows like | target | | cost at each size |\n|---|---|---|---|---|")?;
    let mut notes = Notes::default();
    for growth in growths {
        let numbers = notes.take((!growth.note.is_empty()).then_some(growth.note.as_str()));
        writeln!(
            text,
            "| {}{numbers} | {} | {} | {} | {}: {} |",
            growth.name,
            growth.show(),
            growth.show_target(),
            verdict(growth.verdict),
            growth.sizes,
            growth.show_points()
        )?;
    }
    notes.write(text)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "**missed**",
        Verdict::Open => "",
    }
}
