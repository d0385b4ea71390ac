//! What a text is made of: its words and lines, in structs, maps and lists.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a text is made of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Count {
    /// How often each word occurs, in lower case.
    words: BTreeMap<String, u64>,
    /// The lines, one by one.
    lines: Vec<Line>,
}

/// One line of a text.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    /// Its number, from 1.
    number: u32,
    /// How many words it has.
    words: u32,
    /// How many characters it has.
    characters: u32,
    /// Its longest word, if it has any.
    longest: Option<String>,
}

/// What comes first in a list of words.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// The word that occurs most often.
    Frequency,
    /// The word that comes first in a dictionary.
    Alphabet,
}

/// A word and how often it occurs.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Occurrences {
    word: String,
    times: u64,
}

/// Counts the words and lines of a text. A word is a run of letters, digits and
/// apostrophes.
#[farside_guest::function(pure)]
fn count(text: &str) -> Count {
    let mut words = BTreeMap::new();
    for word in text.lines().flat_map(words_of) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    Count {
        words,
        lines: (1..).zip(text.lines()).map(|(number, line)| look_at(number, line)).collect(),
    }
}

/// The first words of a count, the most frequent ones unless another order is
/// asked for.
#[farside_guest::function(pure)]
fn top(count: Count, n: u32, order: Option<Order>) -> Vec<Occurrences> {
    let mut words: Vec<_> = count.words.into_iter().collect();
    if let Order::Frequency = order.unwrap_or(Order::Frequency) {
        words.sort_by_key(|(_, times)| Reverse(*times));
    }
    let first = words.into_iter().take(n as usize);
    first.map(|(word, times)| Occurrences { word, times }).collect()
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| !c.is_alphanumeric() && c != '\'';
    line.split(between).filter(|word| !word.is_empty())
}

fn look_at(number: u32, line: &str) -> Line {
    Line {
        number,
        words: words_of(line).count() as u32,
        characters: line.chars().count() as u32,
        longest: words_of(line).max_by_key(|word| word.chars().count()).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_whatever_their_case() {
        let Count { words, lines } = count("To be, or not to be:\n\nthat's it");
        assert_eq!(words["to"], 2);
        assert_eq!(words["that's"], 1);
        assert_eq!(lines.iter().map(|line| line.words).collect::<Vec<_>>(), [6, 0, 2]);
        assert_eq!(lines[0].longest.as_deref(), Some("not"));
        assert_eq!(lines[1].longest, None);
    }

    #[test]
    fn the_most_frequent_words_come_first_unless_told_otherwise() {
        let first = |order| top(count("b a b"), 1, order).remove(0).word;
        assert_eq!(first(None), "b");
        assert_eq!(first(Some(Order::Alphabet)), "a");
    }
}
