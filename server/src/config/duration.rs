//! Durations, as people write them.

use std::time::Duration;

use super::text::{Problem, SettingText, number_and_unit};

/// Units and their length in milliseconds; the first name is the one written.
const UNITS: [(&[&str], u64); 5] = [
    (&["ms"], 1),
    (&["s", "sec"], 1_000),
    (&["min", "m"], 60 * 1_000),
    (&["h", "hours"], 3_600 * 1_000),
    (&["d", "day", "days"], 24 * 3_600 * 1_000),
];

impl SettingText for Duration {
    fn parse(text: &str) -> Result<Duration, Problem> {
        number_and_unit(text)
            .and_then(|(number, unit)| {
                let (_, ms) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
                Some(Duration::from_millis(number.saturating_mul(*ms)))
            })
            .ok_or(Problem::NotA {
                expected: "a duration with its unit",
                such_as: "500ms, 30s, 5min, 24h or 7d",
            })
    }

    /// In the largest unit that needs no fraction; less than a millisecond is lost.
    fn show(&self) -> String {
        let total = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let (names, ms) = UNITS
            .iter()
            .rfind(|(_, ms)| total != 0 && total.is_multiple_of(*ms))
            .unwrap_or(&UNITS[0]);
        format!("{}{}", total / ms, names[0])
    }
}
