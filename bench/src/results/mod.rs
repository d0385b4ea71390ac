//! RESULTS.md: a report for readers. First what was measured where, then the targets
//! that are missed with their causes, then all rows.

mod missed;
mod tables;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::report::{self, Report};
use crate::unit::Unit;

/// Writes a report as Markdown. The causes that people wrote into an earlier version
/// of the file stay.
pub(crate) fn write(report: &Report, file: &Path) -> Result<()> {
    let earlier = std::fs::read_to_string(file).unwrap_or_default();
    let text = text(report, &earlier)?;
    report::write(file, text.as_bytes())
}

fn text(report: &Report, earlier: &str) -> Result<String> {
    let mut text = String::new();
    let (met, missed) = report.verdicts();
    writeln!(text, "# Results\n")?;
    writeln!(
        text,
        "Farside beside its physical limits and beside other systems, in one run on one \
         machine. **{met} targets are met, {missed} are missed.**\n"
    )?;
    write_circumstances(&mut text, report)?;
    writeln!(
        text,
        "How to read it: a figure is the median of several runs, with the smallest and the \
         largest in brackets. What stands beside it was measured in turns with it, run by run, \
         and so was the ratio, Farside's figure over the one beside. Of rates (/s, MB/s) the \
         higher is better, of all else the lower. Idle rows rest before each call, so that \
         cores fall asleep and have to be woken; in awake rows they are kept awake. Raised \
         digits are the notes below a table.\n"
    )?;
    missed::write(&mut text, report, earlier)?;
    tables::write(&mut text, report)?;
    if !report.skipped.is_empty() {
        writeln!(text, "## Not measured\n")?;
        for skipped in &report.skipped {
            writeln!(text, "- {}: {}", skipped.what, skipped.reason)?;
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

fn write_circumstances(text: &mut String, report: &Report) -> Result<()> {
    let machine = &report.machine;
    writeln!(text, "| | |\n|---|---|")?;
    writeln!(text, "| command | `{}` |", report.command)?;
    writeln!(text, "| run | {}, {:.0} s, {} |", report.plan.name(), report.seconds, report.date)?;
    writeln!(
        text,
        "| machine | {}, {} cores, {} of memory, {} |",
        machine.cpu,
        machine.cores,
        Unit::Bytes.show(machine.memory as f64),
        machine.kernel
    )?;
    writeln!(text, "| placement | {} |", report.placement)?;
    writeln!(text, "| build | `{}` |", report.profile)?;
    let versions: Vec<_> =
        report.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(text, "| versions | {} |\n", versions.join(", "))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::{Growth, Pace};
    use crate::plan::Plan;
    use crate::row::{Beside, Row, Spec};
    use crate::samples::Samples;
    use crate::target::Target;

    /// A report of each kind of row, without what differs between machines.
    pub(super) fn report() -> Report {
        let mut report = Report::new("cargo xtask bench".to_owned(), Plan::Full, String::new());
        let samples = |runs: &[f64]| Samples::new(runs.to_vec()).unwrap();
        let beside =
            || Some(Beside { name: "bare echo".to_owned(), samples: samples(&[10.0, 10.0, 10.0]) });
        let call = |name: &'static str, most: f64| {
            let spec = Spec::lower("sequential", name, Unit::Micros);
            spec.target(Target::ratio_at_most(most)).note("back to back").note(name)
        };
        let runs = || samples(&[15.0, 14.0, 19.0]);
        report.rows = vec![
            Row::new(call("call", 1.25), runs(), beside()).unwrap(),
            Row::new(call("put", 1.6), runs(), beside()).unwrap(),
            Row::new(Spec::lower("chain", "trips", Unit::Count), samples(&[1.0]), None).unwrap(),
        ];
        let points = vec![(1.0, 1.0), (10.0, 100.0)];
        let growth = Growth::fit("growth", "cost", "things", Unit::Micros, Pace::Linear, points);
        report.growths.push(growth.unwrap().note("by hand"));
        report
    }

    #[test]
    fn a_report_reads_well() {
        let text = text(&report(), "").unwrap();
        let (_, missed_and_tables) = text.split_once("notes below a table.\n\n").unwrap();
        insta::assert_snapshot!(missed_and_tables, @r"
        ## Missed targets

        - **sequential: call**: 1.50 x (1.40 - 1.90) beside bare echo; promised <= 1.25 x.
          Cause: not looked into yet
        - **growth: cost**: n^2.00, over all sizes n^2.00; promised <= n^1.15.
          Cause: not looked into yet

        ## sequential

        | | Farside | beside it | ratio | target | |
        |---|--:|--:|--:|--:|---|
        | call <sup>1 2</sup> | 15 us (14 - 19) | bare echo: 10 us (10 - 10) | 1.50 x (1.40 - 1.90) | <= 1.25 x | **missed** |
        | put <sup>1 3</sup> | 15 us (14 - 19) | bare echo: 10 us (10 - 10) | 1.50 x (1.40 - 1.90) | <= 1.60 x | met |

        1. back to back
        2. call
        3. put

        ## chain

        | | Farside | beside it | ratio | target | |
        |---|--:|--:|--:|--:|---|
        | trips | 1 |  |  |  |  |

        ## growth

        Each cost is fitted to a power of the size: n^0 stays, n^1 grows in proportion. What is judged is the fit over the two upper decades, where constants weigh least, and of a cost that should stay the largest as a multiple of that of the smallest size.

        | | grows like | target | | cost at each size |
        |---|---|---|---|---|
        | cost <sup>1</sup> | n^2.00, over all sizes n^2.00 | <= n^1.15 | **missed** | things: 1: 1 us, 10: 100 us |

        1. by hand
        ");
    }
}
