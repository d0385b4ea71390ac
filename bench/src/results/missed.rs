//! The targets that are missed, each with its cause. Causes are written by people, into
//! the file, and stay there while the target is missed.

use std::fmt::Write as _;

use anyhow::Result;

use crate::report::Report;

const HEADING: &str = "## Missed targets";

/// What stands in front of a cause.
const CAUSE: &str = "\n  Cause: ";

const UNKNOWN: &str = "not looked into yet";

/// Writes the section, with the causes of an earlier version of the file.
pub(super) fn write(text: &mut String, report: &Report, earlier: &str) -> Result<()> {
    let all = report.missed();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(text, "{HEADING}\n")?;
    for missed in all {
        let begin = begin(&missed.title);
        let cause = cause(earlier, &begin).unwrap_or(UNKNOWN);
        writeln!(text, "{begin}{}; promised {}.{CAUSE}{cause}", missed.found, missed.promised)?;
    }
    text.push('\n');
    Ok(())
}

/// How the item of a row begins.
fn begin(title: &str) -> String {
    format!("- **{title}**: ")
}

/// The cause that an earlier version of the file states for a row.
fn cause<'a>(earlier: &'a str, begin: &str) -> Option<&'a str> {
    let (_, section) = earlier.split_once(HEADING)?;
    let section = section.split("\n## ").next()?;
    let (_, rest) = section.split_once(begin)?;
    let item = rest.split("\n- **").next()?;
    let (_, cause) = item.split_once(CAUSE)?;
    Some(cause.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    fn check(earlier: &str, cause: &str) {
        let mut text = String::new();
        write(&mut text, &report(), earlier).unwrap();
        let found = text.split_once("- **growth: cost**: ").unwrap().1;
        assert_eq!(found.split_once(CAUSE).unwrap().1.trim_end(), cause, "{earlier}");
    }

    #[test]
    fn causes_that_people_wrote_stay() {
        check("", UNKNOWN);
        let item = "## Missed targets\n\n- **growth: cost**: n^9; promised n^1.\n  Cause: ";
        check(&format!("{item}a list\n  is searched\n"), "a list\n  is searched");
        check(&format!("{item}a list\n- **a: b**: 1\n  Cause: x\n"), "a list");
        check(&format!("{item}a list\n\n## sequential\n\nnothing"), "a list");
    }

    #[test]
    fn targets_that_are_met_again_need_no_cause() {
        let mut report = report();
        report.rows.clear();
        report.growths.clear();
        let mut text = String::new();
        write(&mut text, &report, "## Missed targets\n\n- **a: b**: 1\n  Cause: x\n").unwrap();
        assert_eq!(text, "");
    }
}
