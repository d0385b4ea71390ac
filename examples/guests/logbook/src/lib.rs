//! Lines that stay in the session: what one call adds, a later one finds. Every
//! session has a logbook of its own.

#![forbid(unsafe_code)]

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

thread_local! {
    /// All lines, oldest first. An instance runs one call at a time.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// One line of the logbook.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// Its number, from 1.
    number: u64,
    /// What it says.
    line: String,
}

/// Adds a line; gives its number, from 1.
#[farside_guest::function]
fn add(line: String) -> u64 {
    LINES.with_borrow_mut(|lines| {
        lines.push(line);
        lines.len() as u64
    })
}

/// The last lines, oldest first.
#[farside_guest::function]
fn last(n: u32) -> Vec<Entry> {
    LINES.with_borrow(|lines| {
        let skipped = lines.len().saturating_sub(n as usize);
        let numbered = (1..).zip(lines).skip(skipped);
        numbered.map(|(number, line)| Entry { number, line: line.clone() }).collect()
    })
}

/// Removes every line; gives how many there were.
#[farside_guest::function]
fn clear() -> u64 {
    let removed = LINES.take().len() as u64;
    farside_guest::info!("removed {removed} lines");
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_until_they_are_cleared() {
        assert_eq!(add("set sail".to_owned()), 1);
        assert_eq!(add("saw land".to_owned()), 2);
        let saw_land = Entry { number: 2, line: "saw land".to_owned() };
        assert_eq!(last(1), [saw_land]);
        assert_eq!(last(9).len(), 2);
        assert_eq!(clear(), 2);
        assert_eq!(last(9), []);
    }
}
