//! The regression gate: a report against an earlier one.

use crate::growth::Growth;
use crate::report::Report;
use crate::row::Row;
use crate::samples::Samples;
use crate::target::Better;

/// A row that became worse than its spread explains.
#[derive(Debug, PartialEq)]
pub(crate) struct Regression {
    /// The row's group and name.
    pub(crate) row: String,
    /// What became worse, and from what to what.
    pub(crate) change: String,
}

/// The rows that became worse. A row did if its median is worse by more than a share
/// `spread` and no run of now is as good as the worst run of then. Rows that have
/// something beside them are compared by their ratio to it, which depends less on
/// the machine; others by their figure.
pub(crate) fn regressions(now: &Report, then: &Report, spread: f64) -> Vec<Regression> {
    let rows = now.rows.iter().filter_map(|row| {
        let earlier = then.rows.iter().find(|it| it.group == row.group && it.name == row.name)?;
        worse_row(row, earlier, spread)
    });
    let growths = now.growths.iter().filter_map(|growth| {
        let same = |it: &&Growth| it.group == growth.group && it.name == growth.name;
        worse_growth(growth, then.growths.iter().find(same)?, spread)
    });
    rows.chain(growths).collect()
}

/// How many rows of a report are in an earlier one too.
pub(crate) fn in_common(now: &Report, then: &Report) -> usize {
    let known =
        |row: &&Row| then.rows.iter().any(|it| it.group == row.group && it.name == row.name);
    now.rows.iter().filter(known).count()
}

fn worse_row(now: &Row, then: &Row, spread: f64) -> Option<Regression> {
    let (what, new, old) = match (&now.ratio, &then.ratio) {
        (Some(new), Some(old)) => ("ratio", new, old),
        _ => ("figure", &now.ours, &then.ours),
    };
    is_worse(now.better, new, old, spread).then(|| Regression {
        row: format!("{}: {}", now.group, now.name),
        change: format!("{what} {:.3} -> {:.3}", old.median, new.median),
    })
}

fn is_worse(better: Better, new: &Samples, old: &Samples, spread: f64) -> bool {
    match better {
        Better::Lower => new.median > old.median * (1.0 + spread) && new.min > old.max,
        Better::Higher => new.median < old.median / (1.0 + spread) && new.max < old.min,
    }
}

/// A growth is a fit without runs: it became worse if its power rose by the spread.
fn worse_growth(now: &Growth, then: &Growth, spread: f64) -> Option<Regression> {
    (now.power > now.most && now.power > then.power + spread).then(|| Regression {
        row: format!("{}: {}", now.group, now.name),
        change: format!("n^{:.2} -> n^{:.2}", then.power, now.power),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(better: Better, old: [f64; 3], new: [f64; 3], worse: bool) {
        let samples = |runs: [f64; 3]| Samples::new(runs.to_vec()).unwrap();
        assert_eq!(is_worse(better, &samples(new), &samples(old), 0.25), worse);
    }

    #[test]
    fn a_row_is_worse_beyond_spread_and_overlap() {
        check(Better::Lower, [1.0, 1.0, 1.0], [1.2, 1.2, 1.2], false);
        check(Better::Lower, [1.0, 1.0, 1.0], [1.3, 1.3, 1.3], true);
        check(Better::Lower, [1.0, 1.0, 1.4], [1.3, 1.3, 1.3], false);
        check(Better::Lower, [1.3, 1.3, 1.3], [1.0, 1.0, 1.0], false);
        check(Better::Higher, [1.0, 1.0, 1.0], [0.7, 0.7, 0.7], true);
        check(Better::Higher, [1.0, 1.0, 1.0], [0.9, 0.9, 0.9], false);
        check(Better::Higher, [1.0, 1.0, 0.7], [0.7, 0.7, 0.7], false);
    }
}
