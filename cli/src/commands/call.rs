//! `farside call`: a function, with words as its arguments.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use farside::{Function, RawArguments};

use crate::delivery::Delivery;
use crate::fault::{Blame, Fault, Why};
use crate::lookup::find_function;
use crate::pending::Pending;
use crate::remote::{Here, Remote};
use crate::shell::duration::parse_duration;
use crate::shell::negative::unmarked;
use crate::show::describe::signature;
use crate::show::plain::plain;
use crate::words::{Reader, Source};

const WORDS: &str = "\
Arguments are read by the types that `farside describe` shows. Text is the word
as it is; numbers, true, false and null are as in JSON; lists and maps are JSON.
  far:65543, far:_    a reference that --far made; far:_ is the last one
  @FILE, -            contents of a file or standard input: bytes or text where
                      those are wanted, else JSON
  @@x                 the text @x
  '\"any text\"'        JSON text in its quotes, which is never taken for more
A word for bytes is its text as it is; nan, inf and -inf are numbers, too.

Examples:
  farside call greet Ada
  farside call stats.mean '[1, 2.5, 4]'
  farside call stats.mean @samples.json --json
  farside call --far text.count @book.txt
  farside call text.top far:_ --arg n=20";

/// Call a function and print its result
#[derive(Args)]
#[command(after_help = WORDS)]
pub(crate) struct Call {
    /// `module.function`, or `function` while no other module has one of that name
    #[arg(value_parser = unmarked)]
    function: String,
    /// The arguments, in the order of the parameters
    #[arg(value_name = "ARG", value_parser = unmarked)]
    args: Vec<String>,
    /// An argument by its parameter's name
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = named)]
    named: Vec<(String, String)>,
    /// Keep the result on the server and print its reference; waits for nothing
    #[arg(long, conflicts_with_all = ["path", "raw", "out"])]
    far: bool,
    /// Call in a store of its own, which nothing is left of
    #[arg(long)]
    fresh: bool,
    /// Stop the call after this long: 500ms, 30s, 5min
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Fetch only a part of the result, such as rows[0:10].name
    #[arg(long)]
    path: Option<String>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    remote: Remote,
}

fn named(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What is to be called, and with what.
struct Prepared {
    /// The function's full name.
    name: String,
    /// Whether the call's fuel is counted.
    metered: bool,
    function: Function,
    arguments: Bytes,
}

impl Call {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let here = self.remote.session().await?;
        let Prepared { name, metered, function, arguments } = self.prepare(&here).await?;
        let what = format!("cannot call {}", plain(&name));
        let make = || function.call(RawArguments(arguments));
        let pending = Pending::new(&here, &self.delivery, what, make)?;
        match self.far {
            true => pending.keep(&self.delivery).await,
            false => pending.metered(metered).deliver(&self.delivery, self.path.as_deref()).await,
        }
    }

    async fn prepare(&self, here: &Here) -> Result<Prepared, Fault> {
        let what = format!("cannot call {}", plain(&self.function));
        let outline = here.session.describe().await.blame(&what)?;
        let (module, function) = find_function(&outline.modules, &self.function).blame(&what)?;
        let mut stdin = io::stdin();
        let reader = Reader { function, last: here.last, source: Source::new(&mut stdin) };
        let arguments = reader.read(&self.args, &self.named).map_err(|error| {
            Fault::new(what, Why::Words { error, signature: signature(function) })
        })?;
        let name = format!("{}.{}", module.name, function.name);
        let mut callable = here.session.function(&name);
        if self.fresh {
            callable = callable.fresh();
        }
        if let Some(timeout) = self.timeout {
            callable = callable.timeout(timeout);
        }
        let metered = module.metered;
        Ok(Prepared { name, metered, function: callable, arguments: arguments.into() })
    }
}
