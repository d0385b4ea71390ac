//! The `farside` command: a server, and everything that a person or a script says
//! to one.
//!
//! Each subcommand is one file in `commands`. What goes wrong ends in `fault`,
//! which makes text and an exit code of it.

mod commands;
mod delivery;
mod exit;
mod fault;
mod guest_log;
mod lookup;
mod options;
mod output;
mod pending;
mod remote;
mod repl;
mod shell;
mod show;
mod source_text;
mod usage;
mod verdict;
mod words;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use commands::call::Call;
use exit::Exit;
use fault::{Blame, Fault};
use options::{Command, Options};
use shell::negative::marked;

fn main() -> ExitCode {
    farside_server::run_if_compiler();
    let words: Vec<OsString> = env::args_os().collect();
    let wants_json = usage::wants_json(&words);
    let command = match Options::try_parse_from(marked::<Call>("call", words)) {
        Ok(options) => options.command,
        Err(error) if wants_json && error.use_stderr() => return usage::report(&error).into(),
        // It is help, the version, or an error in the words.
        Err(error) => error.exit(),
    };
    let as_json = command.json();
    match run(command) {
        Ok(exit) => exit.into(),
        Err(fault) => fault.report(as_json).into(),
    }
}

fn run(command: Command) -> Result<Exit, Fault> {
    let done = match command {
        Command::Repl(command) => return within(ONE_CONNECTION, command.run()),
        Command::Serve(command) => {
            farside_server::keep_little_freed();
            within(None, command.run())
        }
        Command::New(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Upload(command) => within(ONE_CONNECTION, command.run()),
        Command::Describe(command) => within(ONE_CONNECTION, command.run()),
        Command::Call(command) => within(ONE_CONNECTION, command.run()),
        Command::Eval(command) => within(ONE_CONNECTION, command.run()),
        Command::Execute(command) => within(ONE_CONNECTION, command.run()),
        Command::Get(command) => within(ONE_CONNECTION, command.run()),
        Command::Refs(command) => within(ONE_CONNECTION, command.run()),
        Command::Release(command) => within(ONE_CONNECTION, command.run()),
        Command::Renew(command) => within(ONE_CONNECTION, command.run()),
        Command::Cancel(command) => within(ONE_CONNECTION, command.run()),
        Command::Session(command) => within(ONE_CONNECTION, command.run()),
        Command::Version(command) => within(ONE_CONNECTION, command.run()),
    };
    done.map(|()| Exit::Done)
}

/// Threads for a command that has one connection.
const ONE_CONNECTION: Option<usize> = Some(1);

/// Runs a command to its end, on so many threads or one for each core. What is
/// still under way then does not hold up the process.
fn within<T>(
    threads: Option<usize>,
    command: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().blame("cannot start")?;
    let done = runtime.block_on(command);
    runtime.shutdown_background();
    done
}
