//! Source text on the command line: where it is, in which language, and with which
//! variables.

use std::io;
use std::time::Duration;

use clap::Args;
use farside::RawArguments;
use farside_protocol::manifest::{Function, Param, Schema, TypeName};

use crate::delivery::Delivery;
use crate::fault::{Fault, Why};
use crate::pending::Pending;
use crate::remote::Here;
use crate::shell::duration::parse_duration;
use crate::words::{Reader, Source};

/// How source text is run.
#[derive(Args)]
pub(crate) struct SourceText {
    /// The language, by the name of its evaluator
    #[arg(long, default_value = "python")]
    language: String,
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

/// An evaluation that can be begun.
pub(crate) struct Evaluation {
    function: String,
    arguments: Vec<u8>,
    timeout: Option<Duration>,
}

impl Evaluation {
    /// Reads the text and the variables.
    ///
    /// # Errors
    /// A file can't be read, or is no such value.
    pub(crate) fn read(
        function: &str,
        source: &str,
        text: &SourceText,
        here: &Here,
        what: &str,
    ) -> Result<Evaluation, Fault> {
        let param = |name: &str, schema| Param { name: name.to_owned(), schema, optional: false };
        let declared = Function {
            name: function.to_owned(),
            params: vec![param("source", Schema::of(TypeName::String))],
            ..Function::default()
        };
        let words = |error| {
            let signature = format!("{function}(source: string, bindings?, name?)");
            Fault::new(what, Why::Words { error, signature })
        };
        let mut stdin = io::stdin();
        let mut reader =
            Reader { function: &declared, last: here.last, source: Source::new(&mut stdin) };
        let source = reader.text(&declared.params[0], source).map_err(words)?;
        let variables = reader.variables(&text.variables).map_err(words)?;
        // A list of two.
        let mut arguments = vec![0x92];
        arguments.extend(source);
        arguments.extend(variables);
        let function = format!("{}.{function}", text.language);
        Ok(Evaluation { function, arguments, timeout: text.timeout })
    }

    /// Sends it.
    ///
    /// # Errors
    /// It can't be sent.
    pub(crate) fn begin<'a>(
        self,
        here: &'a Here,
        delivery: &Delivery,
        what: String,
    ) -> Result<Pending<'a>, Fault> {
        let function = here.session.function(&self.function);
        let function = match self.timeout {
            Some(timeout) => function.timeout(timeout),
            None => function,
        };
        let arguments = RawArguments(self.arguments.into());
        Pending::new(here, delivery, what, || function.call(arguments))
    }
}
