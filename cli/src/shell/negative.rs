//! Negative numbers among the words of `farside call`, which are arguments and no
//! options: `-1e-5`, `-.5`, `-inf`.
//!
//! The parser of the command line knows none of them from an option. They are marked
//! for it with a character that no word of a process can hold, and the mark is taken
//! off again where the argument is read.

use std::convert::Infallible;
use std::ffi::OsString;

use clap::{Args, Command};

/// What no word that a process is given can begin with.
const MARK: char = '\0';

/// The words of a command line, with those marked that are negative numbers.
pub(crate) fn marked<T: Args>(command: &'static str, words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_none_or(|word| word != command) {
        return words;
    }
    let options = T::augment_args(Command::new(command));
    let takes_next = |word: &OsString| {
        let name = word.to_str().and_then(|word| word.strip_prefix("--"));
        name.is_some_and(|name| {
            let mut options = options.get_arguments();
            options.any(|one| one.get_long() == Some(name) && one.get_action().takes_values())
        })
    };
    let mut marked: Vec<OsString> = Vec::with_capacity(words.len());
    let mut options_ended = false;
    let mut is_value = false;
    for word in words {
        let is_number = !options_ended && !is_value && is_negative_number(&word);
        options_ended |= !is_value && word == "--";
        is_value = !is_value && !options_ended && takes_next(&word);
        marked.push(match is_number {
            true => OsString::from_iter([OsString::from(MARK.to_string()), word]),
            false => word,
        });
    }
    marked
}

/// A word as it was given.
///
/// # Errors
/// None; the command line's parsers may have some.
pub(crate) fn unmarked(word: &str) -> Result<String, Infallible> {
    Ok(word.strip_prefix(MARK).unwrap_or(word).to_owned())
}

fn is_negative_number(word: &OsString) -> bool {
    let digits = word.to_str().and_then(|word| word.strip_prefix('-'));
    // Twice negative is no number.
    digits.is_some_and(|digits| !digits.starts_with(['-', '+']) && digits.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::call::Call;

    /// The words after `farside`, with a `<` before those that are marked.
    fn check(words: &str) -> String {
        let words = ["farside"].into_iter().chain(words.split(' ')).map(OsString::from);
        let words = marked::<Call>("call", words.collect()).into_iter().skip(1);
        let words = words.map(|word| word.into_string().unwrap().replace(MARK, "<"));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn negative_numbers_are_marked() {
        assert_eq!(
            check("call f -1 -1e-5 -.5 -1e+3 -inf -nan -Infinity"),
            "call f <-1 <-1e-5 <-.5 <-1e+3 <-inf <-nan <-Infinity"
        );
    }

    #[test]
    fn other_words_are_not() {
        for words in [
            "call f --json -h - -- -1",
            "call f -x -1x --1 -+1 1 1e-5 -in",
            "call f --timeout -1 --arg -1",
            "get far:1 -1",
        ] {
            assert_eq!(check(words), words);
        }
        assert_eq!(check("call f --json -1 --timeout=1s -1"), "call f --json <-1 --timeout=1s <-1");
    }

    #[test]
    fn a_mark_is_taken_off() {
        assert_eq!(unmarked("\0-1e-5"), Ok("-1e-5".to_owned()));
        assert_eq!(unmarked("-1"), Ok("-1".to_owned()));
    }
}
