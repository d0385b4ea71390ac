//! The regression gate: a report against an earlier one of the same plan.

use anyhow::{Result, ensure};

use crate::growth::Growth;
use crate::report::Report;
use crate::row::Row;
use crate::samples::Samples;
use crate::target::Better;
use crate::unit::Unit;

/// How much a count may rise: averages over many calls end in a fraction.
const COUNT_SPREAD: f64 = 0.02;

/// What came of a comparison. Titles are `group: name`.
#[derive(Debug, PartialEq)]
pub(crate) struct Comparison {
    /// How many rows and growths both reports have.
    pub(crate) common: usize,
    /// Those that became worse than their spread explains.
    pub(crate) worse: Vec<Regression>,
    /// Those that the earlier report has alone, although they were asked for.
    pub(crate) gone: Vec<String>,
}

/// A row that became worse than its spread explains.
#[derive(Debug, PartialEq)]
pub(crate) struct Regression {
    /// The row's title.
    pub(crate) row: String,
    /// What became worse, and from what to what.
    pub(crate) change: String,
}

/// Whether two reports can be compared at all: sizes and times differ with the plan.
pub(crate) fn ensure_alike(now: &Report, then: &Report) -> Result<()> {
    ensure!(
        now.plan == then.plan,
        "the earlier report is of a {} run, this one is {}\n\nhint: compare runs of one kind",
        then.plan.name(),
        now.plan.name()
    );
    Ok(())
}

/// Compares the rows and growths of now with those of then. A row became worse if its
/// median is worse by more than a share `spread` and the middle halves of its runs do
/// not overlap; a count, if it rose. Rows that have something beside them are compared
/// by their ratio to it, which depends less on the machine; others by their figure.
pub(crate) fn compare(
    now: &Report,
    then: &Report,
    spread: f64,
    wanted: impl Fn(&str) -> bool,
) -> Comparison {
    let mut comparison = Comparison { common: 0, worse: Vec::new(), gone: Vec::new() };
    let mut add = |title: String, found: Option<Option<String>>| match found {
        Some(change) => {
            comparison.common += 1;
            comparison.worse.extend(change.map(|change| Regression { row: title, change }));
        }
        None if wanted(&title) => comparison.gone.push(title),
        None => {}
    };
    for then in &then.rows {
        let now = now.rows.iter().find(|row| row.title() == then.title());
        add(then.title(), now.map(|now| worse_row(now, then, spread)));
    }
    for then in &then.growths {
        let now = now.growths.iter().find(|growth| growth.title() == then.title());
        add(then.title(), now.map(|now| worse_growth(now, then, spread)));
    }
    comparison
}

/// How a row became worse, if it did.
fn worse_row(now: &Row, then: &Row, spread: f64) -> Option<String> {
    let (unit, what, new, old) = match (&now.ratio, &then.ratio) {
        (Some(new), Some(old)) => (Unit::Times, "ratio", new, old),
        _ => (now.unit, "figure", &now.ours, &then.ours),
    };
    let spread = if unit == Unit::Count { COUNT_SPREAD } else { spread };
    is_worse(now.better, new, old, spread)
        .then(|| format!("{what} {} -> {}", unit.show(old.median), unit.show(new.median)))
}

fn is_worse(better: Better, new: &Samples, old: &Samples, spread: f64) -> bool {
    let ((new_low, new_high), (old_low, old_high)) = (new.quartiles(), old.quartiles());
    match better {
        Better::Lower => new.median > old.median * (1.0 + spread) && new_low > old_high,
        Better::Higher => new.median < old.median / (1.0 + spread) && new_high < old_low,
    }
}

/// How a growth, which is a fit without runs, became worse: it misses its target and
/// is worse than before by the spread.
fn worse_growth(now: &Growth, then: &Growth, spread: f64) -> Option<String> {
    let is_steeper = now.power > now.most && now.power > then.power + spread;
    let is_higher =
        now.most_rise.is_some_and(|most| now.rise > most) && now.rise > then.rise * (1.0 + spread);
    (is_steeper || is_higher).then(|| format!("{} -> {}", then.show(), now.show()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::Pace;
    use crate::plan::Plan;
    use crate::row::Spec;

    fn report(rows: &[(&str, f64)]) -> Report {
        let mut report = Report::new("bench".to_owned(), Plan::Quick, "anywhere".to_owned());
        for (name, figure) in rows {
            let spec = Spec::lower("group", *name, Unit::Count);
            let samples = Samples::new(vec![*figure]).unwrap();
            report.rows.push(Row::new(spec, samples, None).unwrap());
        }
        report
    }

    #[test]
    fn a_row_is_worse_beyond_spread_and_overlap() {
        let check = |better, old: [f64; 5], new: [f64; 5], worse| {
            let samples = |runs: [f64; 5]| Samples::new(runs.to_vec()).unwrap();
            assert_eq!(is_worse(better, &samples(new), &samples(old), 0.25), worse, "{new:?}");
        };
        check(Better::Lower, [1.0; 5], [1.2; 5], false);
        check(Better::Lower, [1.0; 5], [1.3; 5], true);
        check(Better::Lower, [1.3; 5], [1.0; 5], false);
        // One run that went astray, then or now, hides nothing.
        check(Better::Lower, [1.0, 1.0, 1.0, 1.0, 9.0], [1.3; 5], true);
        check(Better::Lower, [1.0; 5], [1.3, 1.3, 1.3, 1.3, 0.9], true);
        check(Better::Lower, [1.0, 1.0, 1.0, 1.4, 1.4], [1.3; 5], false);
        check(Better::Higher, [1.0; 5], [0.7; 5], true);
        check(Better::Higher, [1.0; 5], [0.9; 5], false);
        check(Better::Higher, [1.0, 1.0, 1.0, 0.7, 0.7], [0.7; 5], false);
    }

    #[test]
    fn counts_may_not_rise() {
        let check = |old, new, worse| {
            let (now, then) = (report(&[("count", new)]), report(&[("count", old)]));
            let comparison = compare(&now, &then, 0.25, |_| true);
            assert_eq!(!comparison.worse.is_empty(), worse, "{old} -> {new}");
        };
        check(10.0, 10.1, false);
        check(10.0, 11.0, true);
        check(10.0, 9.0, false);
    }

    #[test]
    fn rows_that_are_gone_are_named_if_they_were_asked_for() {
        let (now, then) = (report(&[("kept", 1.0)]), report(&[("kept", 1.0), ("gone", 1.0)]));
        let comparison = compare(&now, &then, 0.25, |_| true);
        assert_eq!((comparison.common, comparison.gone), (1, vec!["group: gone".to_owned()]));
        assert!(compare(&now, &then, 0.25, |title| title.contains("kept")).gone.is_empty());
    }

    #[test]
    fn growths_are_compared_too() {
        let report = |costs: [f64; 3]| {
            let points = [1.0, 10.0, 100.0].into_iter().zip(costs).collect();
            let growth = Growth::fit("growth", "x", "n", Unit::Micros, Pace::Constant, points);
            Report { growths: vec![growth.unwrap()], ..report(&[]) }
        };
        let check = |costs, worse| {
            let comparison = compare(&report(costs), &report([1.0; 3]), 0.25, |_| true);
            assert_eq!((comparison.common, comparison.worse.len()), (1, worse), "{costs:?}");
        };
        check([1.0, 1.1, 1.2], 0);
        check([1.0, 10.0, 100.0], 1);
        check([1.0, 10.0, 1.0], 1);
    }

    #[test]
    fn runs_of_two_kinds_are_not_compared() {
        let quick = report(&[]);
        let full = Report { plan: Plan::Full, ..quick.clone() };
        assert!(ensure_alike(&quick, &quick).is_ok());
        let error = ensure_alike(&quick, &full).unwrap_err().to_string();
        assert!(error.starts_with("the earlier report is of a full run, this one is quick"));
    }
}
