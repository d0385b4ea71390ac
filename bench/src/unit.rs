//! What a figure counts, and how it is written for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The unit that figures are kept in; texts scale it where that reads better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    /// Microseconds.
    Micros,
    /// How often in a second.
    PerSecond,
    /// Millions of bytes in a second.
    MegabytesPerSecond,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
    /// So many times something else.
    Times,
}

impl Unit {
    /// A figure of this unit, with three digits or so.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Unit::Micros if figure.abs() >= 1e6 => digits(figure / 1e6) + " s",
            Unit::Micros if figure.abs() >= 1e3 => digits(figure / 1e3) + " ms",
            Unit::Micros if figure.abs() < 0.1 => digits(figure * 1e3) + " ns",
            Unit::Micros => digits(figure) + " us",
            Unit::PerSecond if figure >= 1e6 => digits(figure / 1e6) + " M/s",
            Unit::PerSecond if figure >= 1e3 => digits(figure / 1e3) + " k/s",
            Unit::PerSecond => digits(figure) + " /s",
            Unit::MegabytesPerSecond => digits(figure) + " MB/s",
            Unit::Bytes if figure.abs() >= f64::from(1 << 30) => {
                digits(figure / f64::from(1 << 30)) + " GiB"
            }
            Unit::Bytes if figure.abs() >= f64::from(1 << 20) => {
                digits(figure / f64::from(1 << 20)) + " MiB"
            }
            Unit::Bytes if figure.abs() >= f64::from(1 << 10) => {
                digits(figure / f64::from(1 << 10)) + " KiB"
            }
            Unit::Bytes => digits(figure) + " B",
            Unit::Count => digits(figure),
            Unit::Times => digits(figure) + " x",
        }
    }
}

impl Unit {
    /// A figure and the range around it, with the unit once if it is the same for all:
    /// `20 us (19 - 24)`.
    pub(crate) fn show_spread(self, figure: f64, low: f64, high: f64) -> String {
        let [figure, low, high] = [figure, low, high].map(|figure| self.show(figure));
        let (_, unit) = figure.rsplit_once(' ').unwrap_or_default();
        match (low.strip_suffix(unit), high.strip_suffix(unit)) {
            (Some(low), Some(high)) if low.ends_with(' ') && high.ends_with(' ') => {
                format!("{figure} ({} - {})", low.trim_end(), high.trim_end())
            }
            _ => format!("{figure} ({low} - {high})"),
        }
    }
}

/// A number with three digits that count, and without zeros that say nothing.
fn digits(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{number:.places$}");
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        _ => text,
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Micros => "us",
            Unit::PerSecond => "/s",
            Unit::MegabytesPerSecond => "MB/s",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Times => "x",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(Unit::Micros.show(0.0193), "19.3 ns");
        assert_eq!(Unit::Micros.show(2.84), "2.84 us");
        assert_eq!(Unit::Micros.show(92.0), "92 us");
        assert_eq!(Unit::Micros.show(4_120.0), "4.12 ms");
        assert_eq!(Unit::PerSecond.show(412_345.0), "412 k/s");
        assert_eq!(Unit::Bytes.show(9.0 * 1024.0), "9 KiB");
        assert_eq!(Unit::Times.show(0.455), "0.46 x");
    }

    #[test]
    fn a_spread_has_its_unit_once() {
        assert_eq!(Unit::Micros.show_spread(20.0, 19.0, 24.5), "20 us (19 - 24.5)");
        assert_eq!(Unit::Micros.show_spread(950.0, 900.0, 1_100.0), "950 us (900 us - 1.10 ms)");
        assert_eq!(Unit::Micros.show_spread(0.5, 0.05, 0.6), "0.50 us (50 ns - 0.60 us)");
        assert_eq!(Unit::PerSecond.show_spread(1_500.0, 900.0, 2e3), "1.50 k/s (900 /s - 2 k/s)");
        assert_eq!(Unit::Count.show_spread(1.0, 1.0, 2.0), "1 (1 - 2)");
    }
}
