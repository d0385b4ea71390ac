//! What the code prints, line by line into the session's log.
//!
//! A text of more than one line is as many events.

use std::cell::RefCell;
use std::mem;

use farside_guest::log::{self, Level};

/// Longest line that is one event; a longer one is cut into several.
const LINE_BYTES: usize = 8 * 1024;

thread_local! {
    static OUT: RefCell<String> = const { RefCell::new(String::new()) };
    static ERR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lines on their way to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// What is printed.
    Out,
    /// What is complained about.
    Err,
}

impl Lines {
    /// Writes text; whole lines go to the log, the rest waits for its end.
    pub fn write(self, text: &str) {
        let waiting = match self {
            Lines::Out => &OUT,
            Lines::Err => &ERR,
        };
        waiting.with_borrow_mut(|line| {
            let mut rest = text;
            while let Some((end, after)) = rest.split_once('\n') {
                line.push_str(end);
                cut(self.level(), line);
                line.clear();
                rest = after;
            }
            line.push_str(rest);
            if line.len() >= LINE_BYTES {
                cut(self.level(), line);
                line.clear();
            }
        });
    }

    /// Logs lines that were not ended.
    pub fn flush() {
        for (lines, waiting) in [(Lines::Out, &OUT), (Lines::Err, &ERR)] {
            let line = waiting.with_borrow_mut(mem::take);
            if !line.is_empty() {
                cut(lines.level(), &line);
            }
        }
    }

    /// Logs whole lines.
    pub fn log(level: Level, text: &str) {
        text.split('\n').for_each(|line| cut(level, line));
    }

    fn level(self) -> Level {
        match self {
            Lines::Out => Level::Info,
            Lines::Err => Level::Error,
        }
    }
}

/// Logs one line, in pieces if it is too long.
fn cut(level: Level, mut line: &str) {
    loop {
        let (piece, rest) = line.split_at(line.floor_char_boundary(LINE_BYTES));
        log::write(level, format_args!("{piece}"));
        if rest.is_empty() {
            return;
        }
        line = rest;
    }
}
