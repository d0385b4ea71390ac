//! Sources from a person at a terminal: edited, completed, coloured and remembered.

use std::borrow::Cow;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Handle;

use super::completion::Completion;
use super::syntax::Syntax;
use super::token::{Kind, tokens};

/// Sources that are remembered.
const REMEMBERED: usize = 10_000;

/// What a person entered.
pub(crate) enum Input {
    /// A source, or a command.
    Source(String),
    /// Nothing: what was written was given up.
    Nothing,
    /// There will be no more.
    End,
}

/// A line editor, for sources of one line or several.
pub(crate) struct SourceEditor {
    editor: Editor<Assistant, FileHistory>,
    history: PathBuf,
}

impl SourceEditor {
    /// An editor that knows what was entered before.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(crate) fn new(history: PathBuf) -> Result<SourceEditor, ReadlineError> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .max_history_size(REMEMBERED)?
            .tab_stop(4)
            .build();
        let mut editor = Editor::with_config(config)?;
        // What can't be read was not written by us, or nothing was written yet.
        let _ = editor.load_history(&history);
        Ok(SourceEditor { editor, history })
    }

    /// Lets a person write a source, and holds up the thread meanwhile.
    ///
    /// # Errors
    /// The terminal can't be used any more.
    pub(crate) fn read(&mut self, completion: Completion) -> Result<Input, ReadlineError> {
        let raw = format!("{}> ", completion.language);
        let styled = format!("\x1b[1;32m{raw}\x1b[0m");
        let syntax = Syntax::of(&completion.language);
        self.editor.set_helper(Some(Assistant { syntax, completion, runtime: Handle::current() }));
        match self.editor.readline(&(raw, styled)) {
            Ok(source) => {
                self.remember(&source)?;
                Ok(Input::Source(source))
            }
            Err(ReadlineError::Interrupted) => Ok(Input::Nothing),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(error),
        }
    }

    fn remember(&mut self, source: &str) -> Result<(), ReadlineError> {
        if !source.trim().is_empty() && self.editor.add_history_entry(source)? {
            // A full disk must not end the conversation.
            let _ = self.editor.append_history(&self.history);
        }
        Ok(())
    }
}

/// What the line editor asks while a source is written.
struct Assistant {
    syntax: Syntax,
    completion: Completion,
    runtime: Handle,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(
        &self,
        context: &mut ValidationContext<'_>,
    ) -> Result<ValidationResult, ReadlineError> {
        let source = context.input();
        Ok(match source.starts_with(':') || self.syntax.is_complete(source) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        Ok(self.runtime.block_on(self.completion.complete(line, pos)))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        coloured(self.syntax, line)
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

/// A source with its texts and comments in colour.
fn coloured(syntax: Syntax, source: &str) -> Cow<'_, str> {
    let colour = |kind| match kind {
        Kind::Text => Some("32"),
        Kind::Comment => Some("2"),
        _ => None,
    };
    let mut coloured = String::new();
    let mut done = 0;
    for token in tokens(syntax, source) {
        if let Some(colour) = colour(token.kind) {
            coloured.push_str(&source[done..token.at]);
            coloured.push_str(&format!("\x1b[{colour}m{}\x1b[0m", token.text));
            done = token.at + token.text.len();
        }
    }
    match done {
        0 => Cow::Borrowed(source),
        _ => Cow::Owned(coloured + &source[done..]),
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn texts_and_comments_are_coloured() {
        let check = |source| coloured(Syntax::Python, source);
        assert_eq!(check("f(1)"), "f(1)");
        assert_eq!(check("f('a', 1) # b"), "f(\x1b[32m'a'\x1b[0m, 1) \x1b[2m# b\x1b[0m");
        let source = "`a${'b'}c` /* d\ne */ 1";
        let coloured = coloured(Syntax::JavaScript, source);
        assert_eq!(strip_str(&coloured).to_string(), source);
    }
}
