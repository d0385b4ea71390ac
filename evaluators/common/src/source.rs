//! The texts that were evaluated, for the lines that errors show.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// Most texts that are kept, the last ones.
const TEXTS: usize = 256;

/// Most bytes that are kept in all.
const BYTES: usize = 1 << 20;

/// Texts by the names that the interpreter knows them by.
///
/// A name that comes again with another text gets a number behind it, so that a
/// function of the first text is not shown with lines of the second. People are shown
/// the name without it.
#[derive(Debug, Default)]
pub struct Sources {
    texts: VecDeque<Source>,
    bytes: usize,
    numbered: usize,
}

#[derive(Debug)]
struct Source {
    key: String,
    shown: String,
    text: String,
}

impl Sources {
    /// Keeps none yet.
    #[must_use]
    pub const fn new() -> Sources {
        Sources { texts: VecDeque::new(), bytes: 0, numbered: 0 }
    }

    /// Keeps a text; gives the name for the interpreter.
    pub fn keep(&mut self, name: &str, text: &str) -> String {
        let known = self.texts.iter().rev().find(|source| source.shown == name);
        let key = match known {
            Some(known) if known.text == text => return known.key.clone(),
            Some(_) => {
                self.numbered += 1;
                format!("{name}#{}", self.numbered)
            }
            None => name.to_owned(),
        };
        self.bytes += text.len();
        let (shown, text) = (name.to_owned(), text.to_owned());
        self.texts.push_back(Source { key: key.clone(), shown, text });
        while self.texts.len() > TEXTS || (self.bytes > BYTES && self.texts.len() > 1) {
            self.bytes -= self.texts.pop_front().map_or(0, |source| source.text.len());
        }
        key
    }

    /// The name that people are shown.
    #[must_use]
    pub fn shown<'a>(&'a self, key: &'a str) -> &'a str {
        self.find(key).map_or(key, |source| &source.shown)
    }

    /// A text, by the name that the interpreter knows.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.find(key).map(|source| &*source.text)
    }

    /// A line, counted from 1.
    #[must_use]
    pub fn line(&self, key: &str, number: usize) -> Option<&str> {
        self.text(key)?.lines().nth(number.checked_sub(1)?)
    }

    /// The text with each name of the interpreter's as people are shown it.
    #[must_use]
    pub fn show_names(&self, text: &str) -> String {
        if !text.contains('#') {
            return text.to_owned();
        }
        let mut numbered: Vec<&Source> =
            self.texts.iter().filter(|source| source.key != source.shown).collect();
        // Longer ones first: one may be the beginning of another.
        numbered.sort_by_key(|source| Reverse(source.key.len()));
        let replace = |text: String, source: &&Source| text.replace(&source.key, &source.shown);
        numbered.iter().fold(text.to_owned(), replace)
    }

    fn find(&self, key: &str) -> Option<&Source> {
        self.texts.iter().rev().find(|source| source.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_again_is_told_apart() {
        let mut sources = Sources::new();
        assert_eq!(sources.keep("<eval>", "a\nb"), "<eval>");
        assert_eq!(sources.keep("<eval>", "a\nb"), "<eval>");
        assert_eq!(sources.keep("<eval>", "c"), "<eval>#1");
        assert_eq!(sources.keep("x.py", "d"), "x.py");
        assert_eq!(sources.line("<eval>", 2), Some("b"));
        assert_eq!(sources.line("<eval>#1", 1), Some("c"));
        assert_eq!(sources.line("<eval>#1", 0), None);
        assert_eq!(sources.line("y.py", 1), None);
        assert_eq!(sources.shown("<eval>#1"), "<eval>");
        assert_eq!(sources.shown("y#1"), "y#1");
        assert_eq!(sources.show_names("at <eval>#1:3"), "at <eval>:3");
        for text in '0'..='9' {
            sources.keep("<eval>", &text.to_string());
        }
        assert_eq!(sources.show_names("at <eval>#10:3"), "at <eval>:3");
    }

    #[test]
    fn the_oldest_texts_go() {
        let mut sources = Sources::new();
        for number in 0..TEXTS + 1 {
            sources.keep("x", &number.to_string());
        }
        assert_eq!(sources.line("x", 1), None);
        assert_eq!(sources.texts.len(), TEXTS);
        sources.keep("large", &"x".repeat(BYTES));
        assert_eq!(sources.texts.len(), 1);
    }
}
