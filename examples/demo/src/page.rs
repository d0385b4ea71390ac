//! What a person reads: titles, and rows of a name and what is to be said of it.

use std::cell::Cell;

/// Columns that a row's name takes.
const NAME: usize = 34;

/// The demo's output, numbered title by title.
pub(crate) struct Page {
    titles: Cell<u32>,
}

impl Page {
    pub(crate) fn new() -> Page {
        Page { titles: Cell::new(0) }
    }

    /// Begins a part.
    pub(crate) fn title(&self, title: &str) {
        let number = self.titles.get() + 1;
        self.titles.set(number);
        println!("\n{number:>2}  {title}");
    }

    /// Says one thing.
    pub(crate) fn row(&self, name: &str, text: &str) {
        println!("    {name:<NAME$}  {text}");
    }

    /// Goes on with what the last row said.
    pub(crate) fn more(&self, text: &str) {
        self.row("", text);
    }
}
