//! `farside token show`.

use std::time::SystemTime;

use clap::Args;
use farside_server::{TokensFile, local_token};
use serde_json::json;

use super::{Data, expiry, limits, to_json};
use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::shell::token::TokenError;

/// Print the server's own token and the line that sets it elsewhere, or what an owner's
/// token permits
#[derive(Args)]
#[command(after_help = "\
The server made its own token at its first start and keeps it in its data folder (see
`farside config`). Whoever has it may use the server and all that is on it. Of another
owner's token only the hash is kept, so that it can't be shown again.")]
pub(super) struct Show {
    /// The owner [default: the server's own token]
    name: Option<String>,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    format: Format,
}

impl Show {
    pub(super) fn json(&self) -> bool {
        self.format.json
    }

    pub(super) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot show the token";
        let config = self.data.config().blame(WHAT)?;
        if let Some(name) = self.name {
            let file = TokensFile::read(&config.data, &config);
            let file = file.map_err(TokenError::Tokens).blame(WHAT)?;
            let record = file.get(&name).map_err(TokenError::Tokens).blame(WHAT)?;
            let now = SystemTime::now();
            if self.format.json {
                return print_json(&to_json(record, now)).blame(WHAT);
            }
            let when = record.expires_text().unwrap_or_default();
            let lines = [
                format!("owner    {}", record.name),
                format!("permits  {}", record.allow),
                format!("expires  {} {when}", expiry(record, now)),
                format!("limits   {}", limits(record)),
            ];
            return print(lines.map(|line| line.trim_end().to_owned()).join("\n")).blame(WHAT);
        }
        let token = local_token(&config.data).map_err(TokenError::File).blame(WHAT)?;
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
