//! `farside token list`.

use std::time::SystemTime;

use clap::Args;
use farside_server::{TokenRecord, TokensFile};

use super::{Data, expiry, limits, note_if_unused, to_json};
use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::shell::token::TokenError;
use crate::show::table::table;

/// List the tokens of a server, but for its own
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    format: Format,
}

impl List {
    pub(super) fn json(&self) -> bool {
        self.format.json
    }

    pub(super) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot list the tokens";
        let config = self.data.config().blame(WHAT)?;
        let file = TokensFile::read(&config.data, &config);
        let tokens = file.map_err(TokenError::Tokens).blame(WHAT)?.tokens;
        let now = SystemTime::now();
        if self.format.json {
            let tokens = tokens.iter().map(|record| to_json(record, now));
            return print_json(&tokens.collect::<Vec<_>>()).blame(WHAT);
        }
        if tokens.is_empty() {
            note("no tokens but the server's own, which `farside token show` prints");
            note_if_unused(&config.data);
            return Ok(());
        }
        let row = |record: &TokenRecord| {
            let TokenRecord { name, allow, .. } = record;
            [name.clone(), allow.to_string(), expiry(record, now), limits(record)]
        };
        let rows: Vec<_> = tokens.iter().map(row).collect();
        print(table(["OWNER", "PERMITS", "EXPIRES", "LIMITS"], &rows)).blame(WHAT)?;
        note_if_unused(&config.data);
        Ok(())
    }
}
