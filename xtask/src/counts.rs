//! How many checks passed, failed and were skipped, read from what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// What runs tests. Each sums up in its own way, and shows what failed tests printed,
/// which may look as if the other one had summed up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// `cargo nextest run`, which sums up in its last line.
    Nextest,
    /// `cargo test`, where each test binary sums up in its last line.
    CargoTest,
}

/// Outcomes, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) const PASSED: Counts = Counts { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Counts = Counts { passed: 0, failed: 1, skipped: 0 };
    pub(crate) const SKIPPED: Counts = Counts { passed: 0, failed: 0, skipped: 1 };

    /// The outcomes that a line of the runner sums up; other lines sum up nothing.
    pub(crate) fn of_line(runner: Runner, line: &str) -> Counts {
        let line = without_colour(line);
        let line = line.trim();
        let list = match runner {
            Runner::Nextest if line.starts_with("Summary [") => line.split_once("run: "),
            Runner::CargoTest if line.starts_with("test result: ") => line.split_once(". "),
            _ => None,
        };
        let list = list.map_or("", |(_, list)| list);
        let mut counts = Counts::default();
        for item in without_brackets(list).split([',', ';']) {
            let Some((number, what)) = item.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what.trim() {
                "passed" => counts.passed += number,
                "skipped" | "ignored" | "filtered out" => counts.skipped += number,
                "measured" => {}
                _ => counts.failed += number,
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The text without escape sequences like `ESC [ 32 ; 1 m`.
fn without_colour(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest)
    })
}

/// The text without what stands in round brackets.
fn without_brackets(list: &str) -> String {
    let mut depth = 0_usize;
    list.chars()
        .filter(|c| {
            depth += usize::from(*c == '(');
            let keep = depth == 0;
            depth -= usize::from(*c == ')' && depth > 0);
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: Runner, line: &str, expected: &str) {
        assert_eq!(Counts::of_line(runner, line).to_string(), expected, "{line}");
    }

    #[test]
    fn a_nextest_run_is_summed_up_by_its_last_line() {
        check(
            Runner::Nextest,
            "     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped",
            "5 passed, 0 failed, 0 skipped",
        );
        check(
            Runner::Nextest,
            "     Summary [   9.1s] 9/12 tests run: 5 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped",
            "5 passed, 4 failed, 3 skipped",
        );
        check(
            Runner::Nextest,
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.2s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m",
            "2 passed, 0 failed, 1 skipped",
        );
    }

    #[test]
    fn a_test_binary_is_summed_up_by_its_last_line() {
        check(
            Runner::CargoTest,
            "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
            "3 passed, 1 failed, 3 skipped",
        );
    }

    #[test]
    fn other_lines_sum_up_nothing() {
        let nothing = "0 passed, 0 failed, 0 skipped";
        check(Runner::CargoTest, "test counts::tests::passed ... ok", nothing);
        check(Runner::CargoTest, "running 3 tests", nothing);
        let shown_by_nextest = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 96 filtered out; finished in 0.43s";
        check(Runner::Nextest, shown_by_nextest, nothing);
    }
}
