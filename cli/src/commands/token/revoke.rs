//! `farside token revoke`.

use clap::Args;
use farside_server::TokensFile;
use serde_json::json;

use super::Data;
use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print_json};
use crate::shell::token::TokenError;

/// Take an owner's token back; its connections and sessions end within a second
#[derive(Args)]
pub(super) struct Revoke {
    /// The owner
    name: String,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    format: Format,
}

impl Revoke {
    pub(super) fn json(&self) -> bool {
        self.format.json
    }

    pub(super) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot revoke the token";
        let config = self.data.config().blame(WHAT)?;
        TokensFile::revoke(&config.data, &config, &self.name)
            .map_err(TokenError::Tokens)
            .blame(WHAT)?;
        match self.format.json {
            true => print_json(&json!({ "revoked": self.name })).blame(WHAT),
            false => {
                note(format_args!("revoked the token of {}", self.name));
                Ok(())
            }
        }
    }
}
