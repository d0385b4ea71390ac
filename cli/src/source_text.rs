//! Source text on the command line: where it is, in which language, and with which
//! variables.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use farside::RawArguments;
use farside_protocol::manifest::Function;
use serde::Serialize;

use crate::delivery::Delivery;
use crate::fault::{Blame, Fault, Why};
use crate::output::note;
use crate::pending::Pending;
use crate::remote::Here;
use crate::shell::duration::parse_duration;
use crate::shell::stop::Stop;
use crate::show::plain::plain;
use crate::words::{Reader, Source};

/// How source text is run.
#[derive(Args)]
pub(crate) struct SourceText {
    /// The language, by the name of its evaluator [default: that of the file's ending, or
    /// python]
    #[arg(long)]
    language: Option<String>,
    /// A variable that is set before: JSON or text, far:N, or @FILE of JSON
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Stop after this long: 500ms, 30s, 5min
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The languages of files, by what their names end with.
const ENDINGS: [(&str, &str); 4] =
    [("py", "python"), ("js", "javascript"), ("mjs", "javascript"), ("cjs", "javascript")];

/// The language that is meant where neither a file nor the person says.
const USUAL: &str = "python";

impl SourceText {
    /// The language that the text of a file, if it is one, is in.
    fn language(&self, file: Option<&str>) -> &str {
        let ending = file.and_then(|file| Path::new(file).extension()).and_then(OsStr::to_str);
        let known = ENDINGS.iter().find(|(it, _)| Some(*it) == ending);
        self.language.as_deref().or(known.map(|(_, language)| *language)).unwrap_or(USUAL)
    }
}

/// Where source text is.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    /// A word: the text itself, `@FILE`, or `-`.
    Word(&'a str),
    /// A file, or `-`.
    File(&'a str),
}

impl<'a> Text<'a> {
    /// The file whose contents it is, if it is a file's.
    fn file(self) -> Option<&'a str> {
        match self {
            Text::Word(word) => word.strip_prefix('@').filter(|path| !path.starts_with('@')),
            Text::File(path) => Some(path).filter(|path| *path != STDIN),
        }
    }

    /// The text, if it is read from a file or standard input.
    fn read(self) -> Option<io::Result<String>> {
        match self {
            Text::Word(STDIN) | Text::File(STDIN) => Some(io::read_to_string(io::stdin())),
            _ => self.file().map(fs::read_to_string),
        }
    }
}

/// Standard input, in place of a file.
const STDIN: &str = "-";

/// How long a person waits for a language without being told why.
const SILENCE: Duration = Duration::from_millis(500);

/// Waits until the server can evaluate a language.
///
/// # Errors
/// It does not have the language, or the person did not want to wait.
pub(crate) async fn until_ready(
    here: &Here,
    language: &str,
    stop: &mut Stop,
    what: &str,
) -> Result<(), Fault> {
    let language_there = here.session.language(language);
    let mut ready = Box::pin(language_there.ready());
    let mut silence = pin!(tokio::time::sleep(SILENCE));
    let mut is_told = false;
    let outcome = loop {
        tokio::select! {
            ready = &mut ready => break ready.blame(what),
            () = stop.next() => break Err(Fault::new(what, Why::Interrupted)),
            () = &mut silence, if !is_told => {
                is_told = true;
                let language = plain(language);
                note(format_args!("waiting until {language} is compiled, which is done once"));
            }
        }
    };
    if outcome.is_err() {
        // The process must not end before the server knows that what was asked can go.
        drop(ready);
        tokio::select! {
            _ = here.session.flush() => {}
            () = stop.next() => {}
        }
    }
    outcome
}

/// An evaluation that can be begun.
pub(crate) struct Evaluation {
    language: String,
    function: &'static str,
    arguments: Vec<u8>,
    timeout: Option<Duration>,
}

impl Evaluation {
    /// Reads the text and the variables.
    ///
    /// # Errors
    /// A file can't be read, or is no such value.
    pub(crate) fn read(
        function: &'static str,
        text: Text<'_>,
        how: &SourceText,
        here: &Here,
        what: &str,
    ) -> Result<Evaluation, Fault> {
        let declared = Function { name: function.to_owned(), ..Function::default() };
        let source = match (text.read(), text) {
            (Some(read), _) => Cow::Owned(read.map_err(|error| {
                let name = text.file().unwrap_or("standard input");
                Fault::new(format!("cannot read {name}"), error)
            })?),
            (None, Text::Word(word) | Text::File(word)) => {
                Cow::Borrowed(word.strip_prefix('@').unwrap_or(word))
            }
        };
        let mut stdin = io::stdin();
        let reader =
            Reader { function: &declared, last: here.last, source: Source::new(&mut stdin) };
        let variables = reader.variables(&how.variables).map_err(|error| {
            let signature = format!("{function}(source: string, bindings?, name?)");
            Fault::new(what, Why::Words { error, signature })
        })?;
        let mut arguments = LIST_OF_THREE.to_vec();
        put(&source, &mut arguments).blame(what)?;
        arguments.extend(variables);
        put(&text.file(), &mut arguments).blame(what)?;
        let language = how.language(text.file()).to_owned();
        Ok(Evaluation { language, function, arguments, timeout: how.timeout })
    }

    /// Sends it, once the server can evaluate its language.
    ///
    /// # Errors
    /// The server does not have the language, or it can't be sent.
    pub(crate) async fn begin<'a>(
        self,
        here: &'a Here,
        delivery: &Delivery,
        what: String,
    ) -> Result<Pending<'a>, Fault> {
        delivery.check().blame(&what)?;
        until_ready(here, &self.language, &mut Stop::new().blame(&what)?, &what).await?;
        let function = here.session.function(&format!("{}.{}", self.language, self.function));
        let function = match self.timeout {
            Some(timeout) => function.timeout(timeout),
            None => function,
        };
        let arguments = RawArguments(self.arguments.into());
        Pending::new(here, delivery, what, || function.call(arguments))
    }
}

/// The head of a MessagePack list.
const LIST_OF_THREE: [u8; 1] = [0x93];

/// Appends a value as MessagePack.
fn put(value: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
    rmp_serde::encode::write(out, value).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_tells_its_language() {
        let check = |language: Option<&str>, text: Text<'_>, expected: &str| {
            let language = language.map(str::to_owned);
            let how = SourceText { language, variables: Vec::new(), timeout: None };
            assert_eq!(how.language(text.file()), expected);
        };
        check(None, Text::File("a/b.js"), "javascript");
        check(None, Text::Word("@b.mjs"), "javascript");
        check(None, Text::File("b.py"), "python");
        check(None, Text::File("-"), "python");
        check(None, Text::Word("x.js"), "python");
        check(None, Text::Word("@@x.js"), "python");
        check(Some("mine"), Text::File("b.js"), "mine");
    }
}
