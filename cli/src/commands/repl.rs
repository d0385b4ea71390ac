//! `farside repl`: a conversation in a language of the server's.

use std::io::{self, BufRead, IsTerminal};
use std::thread;

use clap::Args;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use crate::exit::Exit;
use crate::fault::{Blame, Fault, Why};
use crate::remote::Remote;
use crate::repl::command::ReplError;
use crate::repl::editor::{Input, SourceEditor};
use crate::repl::gather::Gathered;
use crate::repl::{Conversation, Turn};
use crate::shell::state::history_file;
use crate::shell::stop::Stop;

/// What could not be done if it ends with a fault.
const WHAT: &str = "cannot hold a conversation";
/// Lines that are read ahead of their evaluation.
const AHEAD: usize = 16;

const ABOUT: &str = "\
The variables are those of `farside eval` in the same session, and stay when the
conversation ends. _ is the last result. Ctrl-C stops what runs, Ctrl-D ends,
:help lists what else there is. Tab completes names.

Without a terminal, sources are read from standard input and results printed, and
the exit code is that of the first source that failed.

Examples:
  farside repl
  farside repl --language javascript
  echo 'sum(range(10))' | farside repl";

/// Evaluate source text line by line, in a conversation with the session
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Repl {
    /// The language, by the name of its evaluator
    #[arg(long, default_value = "python")]
    language: String,
    /// Refused: a conversation has no form for scripts
    #[arg(long, hide = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Repl {
    pub(crate) async fn run(self) -> Result<Exit, Fault> {
        if self.json {
            return Err(Fault::new(WHAT, ReplError::NoJson));
        }
        let here = self.remote.session().await?;
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let mut stop = if is_terminal { Stop::by_key() } else { Stop::new() }.blame(WHAT)?;
        let mut conversation = Conversation::begin(here, &self.language, &mut stop).await?;
        let exit = match is_terminal {
            true => with_person(&mut conversation).await?,
            false => with_lines(&mut conversation, stop).await?,
        };
        conversation.end().await;
        Ok(exit)
    }
}

/// Goes on until a person ends it; what failed meanwhile is no failure of the command.
async fn with_person(conversation: &mut Conversation) -> Result<Exit, Fault> {
    let history = history_file().blame(WHAT)?;
    let mut editor = SourceEditor::new(history).blame(WHAT)?;
    conversation.greet();
    loop {
        let completion = conversation.completion();
        // The connection goes on meanwhile, on its own thread.
        match block_in_place(|| editor.read(completion)).blame(WHAT)? {
            Input::Nothing => {}
            Input::End => return Ok(Exit::Done),
            Input::Source(source) => {
                // An interrupt that came before is not meant for it.
                let mut stop = Stop::by_key().blame(WHAT)?;
                if conversation.take(&source, &mut stop).await? == Turn::Ended {
                    return Ok(Exit::Done);
                }
            }
        }
    }
}

/// Takes the lines of standard input to their end.
async fn with_lines(conversation: &mut Conversation, mut stop: Stop) -> Result<Exit, Fault> {
    let mut lines = read_lines();
    let mut gathered = Gathered::default();
    let mut exit = Exit::Done;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = stop.next() => return Err(Fault::new(WHAT, Why::Interrupted)),
        };
        let is_last = line.is_none();
        let sources = match line {
            Some(line) => gathered.push(conversation.syntax(), &line.blame(WHAT)?),
            None => gathered.finish().into_iter().collect(),
        };
        for source in sources {
            match conversation.take(&source, &mut stop).await? {
                Turn::Done => {}
                Turn::Failed(failed) if exit == Exit::Done => exit = failed,
                Turn::Failed(_) => {}
                Turn::Interrupted => return Ok(Exit::Interrupted),
                Turn::Ended => return Ok(exit),
            }
        }
        if is_last {
            return Ok(exit);
        }
    }
}

/// The lines of standard input, read by a thread that nobody waits for.
fn read_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
