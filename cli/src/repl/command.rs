//! What is said to the conversation itself, and not to the evaluator.

use std::str::FromStr;

/// The commands, as their help says them.
pub(crate) const HELP: &str = "\
:help             this text
:quit             end; so does Ctrl-D. The session stays, with its variables
:renew            a fresh interpreter, when the old one's variables are lost
:language NAME    go on in another language of the server

_ is the last result. It stays on the server, as does a result that is shown in part:
`farside get far:N PATH` fetches more of it. A source of several lines ends where its
brackets are closed, and a block of Python with an empty line. Ctrl-C stops what runs.";

/// The words that the commands begin with.
pub(crate) const WORDS: [&str; 4] = [":help", ":language", ":quit", ":renew"];

/// A line that begins with a colon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Quit,
    Renew,
    Language(String),
}

/// Why a conversation can't be had, or a command of one can't be done.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ReplError {
    /// `--json` was asked for.
    #[error("it has no form for scripts")]
    NoJson,
    /// No command has this form.
    #[error("there is no command `{0}`")]
    Unknown(String),
}

impl ReplError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            ReplError::NoJson => "`farside eval --json` and `farside execute --json` have one",
            ReplError::Unknown(_) => "`:help` lists the commands",
        }
    }
}

impl FromStr for Command {
    type Err = ReplError;

    fn from_str(line: &str) -> Result<Command, ReplError> {
        let words: Vec<_> = line.split_whitespace().collect();
        Ok(match words[..] {
            [":help"] => Command::Help,
            [":quit"] => Command::Quit,
            [":renew"] => Command::Renew,
            [":language", name] => Command::Language(name.to_owned()),
            _ => return Err(ReplError::Unknown(words.join(" "))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(":help ".parse(), Ok(Command::Help));
        assert_eq!(":language  javascript".parse(), Ok(Command::Language("javascript".to_owned())));
        for wrong in [":", ":language", ":quit now", ":halp"] {
            assert_eq!(wrong.parse::<Command>(), Err(ReplError::Unknown(wrong.to_owned())));
        }
    }

    #[test]
    fn each_command_is_in_the_help() {
        for word in WORDS {
            assert!(HELP.contains(word), "{word}");
        }
    }
}
