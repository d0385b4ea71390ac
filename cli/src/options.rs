//! The command line as a whole.

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    call::Call, cancel::Cancel, completions::Completions, config::ShowConfig, describe::Describe,
    eval::Eval, execute::Execute, get::Get, new::New, refs::Refs, release::Release, renew::Renew,
    repl::Repl, serve::Serve, session::SessionCommand, token::TokenCommand, upload::Upload,
    version::Version,
};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  farside serve                           run a server on this machine
  farside new hello                       write a module's sources
  farside upload hello.wasm               bring a built module to the server
  farside describe                        what its functions are
  farside call greet Ada                  call one and print its result
  farside call --far greet Ada            keep the result there: far:65543
  farside call greet far:65543            ... and use it without fetching it
  farside get far:65543                   fetch it";

const ENVIRONMENT: &str = "\
Environment:
  FARSIDE_URL     the server's address, ws://127.0.0.1:7327 by default
  FARSIDE_TOKEN   its token; for a server of the same account and machine not needed
  FARSIDE_CA      a PEM file of CAs to trust in place of the machine's, for wss://
  NO_COLOR        set to print without colour";

/// Run functions of WebAssembly modules on a server and keep their results there
#[derive(Parser)]
#[command(
    name = "farside",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    after_help = format!("{EXAMPLES}\n\n`farside help COMMAND` and --help say more"),
    after_long_help = format!("{EXAMPLES}\n\n{ENVIRONMENT}\n\nExit codes:\n{}", Exit::table()),
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    New(New),
    Upload(Upload),
    Describe(Describe),
    Call(Call),
    Eval(Eval),
    Execute(Execute),
    Repl(Repl),
    Get(Get),
    Refs(Refs),
    Release(Release),
    Renew(Renew),
    Cancel(Cancel),
    Session(SessionCommand),
    Token(TokenCommand),
    Config(ShowConfig),
    Version(Version),
    Completions(Completions),
}

/// Whether a command speaks to people or to scripts.
#[derive(Args, Clone, Copy)]
pub(crate) struct Format {
    /// Print JSON, for scripts; errors too
    #[arg(long)]
    pub(crate) json: bool,
}

impl Command {
    /// Whether errors are told as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Command::Completions(_) => false,
            Command::Serve(command) => command.log_json,
            Command::New(command) => command.format.json,
            Command::Upload(command) => command.format.json,
            Command::Describe(command) => command.format.json,
            Command::Call(command) => command.delivery.json,
            Command::Eval(command) => command.delivery.json,
            Command::Execute(command) => command.delivery.json,
            Command::Repl(command) => command.json,
            Command::Get(command) => command.delivery.json,
            Command::Refs(command) => command.format.json,
            Command::Release(command) => command.format.json,
            Command::Renew(command) => command.format.json,
            Command::Cancel(command) => command.format.json,
            Command::Session(command) => command.json(),
            Command::Token(command) => command.json(),
            Command::Config(command) => command.format.json,
            Command::Version(command) => command.format.json,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};
    use farside_server::config::settings;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_is_known() {
        // The server knows its settings; one flag stands for all of them.
        let hidden = settings().iter().filter(|setting| setting.key != "limits.sessions");
        let mut command = Options::command().term_width(100).mut_subcommand("serve", |serve| {
            hidden.fold(serve, |serve, setting| serve.mut_arg(setting.key, |arg| arg.hide(true)))
        });
        command.build();
        check(&command, "farside");
    }

    /// Compares the long help of a command and of those below it.
    fn check(command: &Command, name: &str) {
        let help = command.clone().render_long_help().to_string();
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(name, lines.join("\n"));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            check(below, &format!("{name}-{}", below.get_name()));
        }
    }
}
