//! A command line that can't be understood, told as JSON to those who asked for JSON.

use std::ffi::OsString;

use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::note;

/// Whether the words ask for JSON, as far as they can be understood.
pub(crate) fn wants_json(words: &[OsString]) -> bool {
    let mut options = words.iter().take_while(|word| *word != "--");
    options.any(|word| word == "--json" || word == "--log-json")
}

/// Tells what is wrong with the words, and gives the exit code.
pub(crate) fn report(error: &clap::Error) -> Exit {
    note(to_json(error));
    Exit::Usage
}

fn to_json(error: &clap::Error) -> Value {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(one_line);
    let (what, hint) = match error.kind() {
        // The parser's text is a page of help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let hint = "--help lists the commands".to_owned();
            ("a command is missing".to_owned(), Some(hint))
        }
        _ => {
            let what = paragraphs.next().unwrap_or_default();
            (what.trim_start_matches("error: ").to_owned(), paragraphs.next())
        }
    };
    json!({
        "error": format!("cannot understand the command: {what}"),
        "hint": hint.map(|hint| hint.trim_start_matches("tip: ").to_owned()),
        "exit": Exit::Usage.number(),
        "failure": null,
    })
}

fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use insta::assert_snapshot;

    use super::*;
    use crate::options::Options;

    fn check(words: &str) -> String {
        let words = ["farside"].into_iter().chain(words.split_whitespace());
        to_json(&Options::try_parse_from(words).err().unwrap()).to_string()
    }

    #[test]
    fn wrong_words_are_told_in_one_object() {
        assert_snapshot!(check("call"), @r#"{"error":"cannot understand the command: the following required arguments were not provided: <FUNCTION>","exit":2,"failure":null,"hint":"Usage: farside call <FUNCTION> [ARG]..."}"#);
        assert_snapshot!(check("call f --jsn"), @r#"{"error":"cannot understand the command: unexpected argument '--jsn' found","exit":2,"failure":null,"hint":"a similar argument exists: '--json'"}"#);
        assert_snapshot!(check("cal f"), @r#"{"error":"cannot understand the command: unrecognized subcommand 'cal'","exit":2,"failure":null,"hint":"a similar subcommand exists: 'call'"}"#);
        assert_snapshot!(check("get far"), @r#"{"error":"cannot understand the command: invalid value 'far' for '<REF>': a reference looks like far:65543, or far:_ for the last one that was made","exit":2,"failure":null,"hint":"For more information, try '--help'."}"#);
        assert_snapshot!(check("session"), @r#"{"error":"cannot understand the command: a command is missing","exit":2,"failure":null,"hint":"--help lists the commands"}"#);
        assert_snapshot!(check("call f --json --raw"), @r#"{"error":"cannot understand the command: the argument '--json' cannot be used with '--raw'","exit":2,"failure":null,"hint":"Usage: farside call --json <FUNCTION> [ARG]..."}"#);
    }

    #[test]
    fn json_is_asked_for_by_an_option() {
        let check =
            |words: &str| wants_json(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(check("farside call --json"));
        assert!(check("farside serve --log-json --nope"));
        assert!(!check("farside call f -- --json"));
    }
}
