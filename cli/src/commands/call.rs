//! `farside call`: a function, with words as its arguments.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use farside::{Far, Function, GetError, RawArguments};
use serde_json::json;

use crate::delivery::Delivery;
use crate::fault::{Blame, Fault, Why};
use crate::guest_log::GuestLog;
use crate::lookup::find_function;
use crate::output::{print, print_json};
use crate::remote::{Here, Remote};
use crate::shell::duration::parse_duration;
use crate::shell::negative::unmarked;
use crate::shell::stop::Stop;
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

impl Call {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let here = self.remote.session().await?;
        let (name, function, arguments) = self.prepare(&here).await?;
        let what = format!("cannot call {}", plain(&name));
        let mut log = GuestLog::of(&here.session, self.delivery.json);
        let far: Far<()> = function.call(RawArguments(arguments));
        if let Some(failure) = far.broken() {
            return Err(Fault::new(what, GetError::Failed(failure.clone())));
        }
        if self.far {
            return self.keep(&here, far, &what).await;
        }
        let mut stop = Stop::new().blame(&what)?;
        let fetched = tokio::select! {
            fetched = far.get_raw(self.path.as_deref()) => fetched.blame(&what),
            never = log.follow() => match never {},
            () = stop.next() => {
                far.cancel();
                Err(Fault::new(&what, Why::Interrupted))
            }
        };
        drop(far);
        // The process must not end before the server knows what was cancelled and
        // that the result can go, unless it is told to. How the call went is known
        // already, and does not change if the server goes away meanwhile.
        tokio::select! {
            _ = here.session.flush() => {}
            () = stop.next() => {}
        }
        log.finish().await;
        let (content, value) = fetched?;
        let more = "--path fetches a part, --json and --out FILE give all of it, and --far keeps it \
                    on the server for `farside get`";
        self.delivery.deliver(&content, &value, more).blame(&what)
    }

    /// The function's full name, the function, and its arguments.
    async fn prepare(&self, here: &Here) -> Result<(String, Function, Bytes), Fault> {
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
        Ok((name, callable, arguments.into()))
    }

    /// Leaves the result on the server, and prints its reference once the server
    /// has taken the call.
    async fn keep(&self, here: &Here, far: Far<()>, what: &str) -> Result<(), Fault> {
        let id = far.keep();
        here.session.flush().await.blame(what)?;
        here.remember(id)?;
        let printed = match self.delivery.json {
            true => print_json(&json!({ "far": id.to_string() })),
            false => print(id),
        };
        printed.blame(what)
    }
}
