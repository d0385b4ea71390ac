//! `farside token`: what a client elsewhere needs to be let in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use farside_server::local_token;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::shell::token::{TokenError, data_folder};

/// Show the token that lets clients in
#[derive(Args)]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Show(Show),
}

/// Print the token of this machine's server, and the line that sets it elsewhere
#[derive(Args)]
#[command(after_help = "\
The server made it at its first start and keeps it in its data folder (see
`farside config`). Whoever has it may use the server.")]
struct Show {
    /// The server's data folder [default: FARSIDE_DATA, or the account's own]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl TokenCommand {
    pub(crate) fn json(&self) -> bool {
        match &self.action {
            Action::Show(command) => command.format.json,
        }
    }

    pub(crate) fn run(self) -> Result<(), Fault> {
        match self.action {
            Action::Show(command) => command.run(),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot show the token";
        let data = self.data.map_or_else(data_folder, Ok).map_err(TokenError::Config);
        let token = data.and_then(|data| Ok(local_token(&data)?)).blame(WHAT)?;
        if self.format.json {
            return print_json(&json!({ "token": token.reveal() })).blame(WHAT);
        }
        print(token.reveal()).blame(WHAT)?;
        note(format_args!(
            "\nto use it in another account or on another machine:\n  export FARSIDE_TOKEN={}",
            token.reveal()
        ));
        Ok(())
    }
}
