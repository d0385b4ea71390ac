//! `farside token new`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use clap::Args;
use farside_server::{Digest, Permission, Permissions, TokenRecord, TokensFile};

use super::{Data, expiry, note_if_unused, to_json};
use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::shell::duration::parse_duration;
use crate::shell::token::TokenError;

/// Make a token for another owner, and print it this once
#[derive(Args)]
#[command(after_help = "\
The owner has sessions of its own, which no other owner sees, and quotas of its own. A
running server takes the token within a second. Only its hash is kept.

Permissions:
  upload   bring modules
  call     call their functions
  eval     evaluate source text
  publish  publish functions for others (nothing asks for it yet)
  admin    see and end the sessions of all owners

Examples:
  farside token new alice
  farside token new ci --allow call --expires 30d
  farside token new bob --limit session_memory=64MiB --limit owner_sessions=10")]
pub(super) struct New {
    /// The owner: letters, digits, dots, dashes and underscores
    name: String,
    /// What it permits, with commas between [default: upload,call,eval]
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',')]
    allow: Option<Vec<Permission>>,
    /// When it ends, such as 12h or 30d from now [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    expires: Option<Duration>,
    /// A limit of the owner's own, such as session_memory=64MiB; `farside config` lists
    /// them, without `limits.`
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = parse_limit)]
    limits: Vec<(String, String)>,
    /// Take the place of the owner's last token; its sessions stay
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    format: Format,
}

fn parse_limit(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it like session_memory=64MiB")?;
    let name = name.trim().trim_start_matches("limits.");
    Ok((name.to_owned(), value.trim().to_owned()))
}

impl New {
    pub(super) fn json(&self) -> bool {
        self.format.json
    }

    pub(super) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot make a token";
        let config = self.data.config().blame(WHAT)?;
        let now = SystemTime::now();
        let allow = self.allow.map_or(Permissions::USUAL, Permissions::from_iter);
        // A time beyond what the clock can say is none.
        let expires = self.expires.and_then(|time| now.checked_add(time));
        let (name, limits) = (self.name, BTreeMap::from_iter(self.limits));
        let record = |token: &farside_server::Token| {
            let sha256 = Digest::of(token.reveal());
            TokenRecord { name, sha256, expires, allow, limits }
        };
        let (token, record) = TokensFile::add(&config.data, &config, self.replace, record)
            .map_err(TokenError::Tokens)
            .blame(WHAT)?;
        if self.format.json {
            let mut json = to_json(&record, now);
            json["token"] = token.reveal().into();
            return print_json(&json).blame(WHAT);
        }
        print(token.reveal()).blame(WHAT)?;
        let permits = match record.allow == Permissions::default() {
            true => "keeping and reading values only".to_owned(),
            false => record.allow.to_string(),
        };
        note(format_args!(
            "\nthe token of {}; it permits: {permits}; it expires: {}\nit is shown this once; its \
             owner sets it with:\n  export FARSIDE_TOKEN={}",
            record.name,
            expiry(&record, now),
            token.reveal()
        ));
        note_if_unused(&config.data);
        Ok(())
    }
}
