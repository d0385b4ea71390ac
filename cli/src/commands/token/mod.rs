//! `farside token`: what lets clients in, made, listed, shown and taken back on the
//! server's machine.

mod list;
mod new;
mod revoke;
mod show;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use farside_server::TokenRecord;
use farside_server::config::Config;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::output::note;
use crate::shell::address::kept_address;
use crate::shell::token::{TokenError, environment};
use crate::show::plain::span;

/// Make, list, show and revoke the tokens that let clients in
#[derive(Args)]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    New(new::New),
    List(list::List),
    Revoke(revoke::Revoke),
    Show(show::Show),
}

/// The data folder whose tokens are meant.
#[derive(Args)]
struct Data {
    /// The server's data folder [default: FARSIDE_DATA, or the account's own]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl TokenCommand {
    pub(crate) fn json(&self) -> bool {
        match &self.action {
            Action::New(command) => command.json(),
            Action::List(command) => command.json(),
            Action::Revoke(command) => command.json(),
            Action::Show(command) => command.json(),
        }
    }

    pub(crate) fn run(self) -> Result<(), Fault> {
        match self.action {
            Action::New(command) => command.run(),
            Action::List(command) => command.run(),
            Action::Revoke(command) => command.run(),
            Action::Show(command) => command.run(),
        }
    }
}

impl Data {
    /// The settings of a server that is started here, with the data folder.
    fn config(self) -> Result<Config, TokenError> {
        let loaded = Config::load(None, environment(), []).map_err(TokenError::Config)?;
        Ok(match self.data {
            Some(data) => Config { data, ..loaded.config },
            None => loaded.config,
        })
    }
}

/// Tells that no server runs with a data folder, if none does: another one may be meant.
fn note_if_unused(data: &Path) {
    if kept_address(data).is_none() {
        note(format_args!(
            "\nno server runs with the data folder {}; --data names another",
            data.display()
        ));
    }
}

/// What is known of a token, which is not its text.
fn to_json(record: &TokenRecord, now: SystemTime) -> Value {
    let allow: Vec<_> = record.allow.iter().map(|permission| permission.name()).collect();
    json!({
        "name": record.name,
        "allow": allow,
        "expires": record.expires_text(),
        "expired": record.is_expired(now),
        "limits": record.limits,
        "sha256": record.sha256.to_string(),
    })
}

/// When a token expires, for people.
fn expiry(record: &TokenRecord, now: SystemTime) -> String {
    match record.expires.map(|expires| expires.duration_since(now)) {
        None => "never".to_owned(),
        Some(Ok(left)) if left > Duration::ZERO => format!("in {}", span(left.as_secs())),
        Some(_) => "expired".to_owned(),
    }
}

/// An owner's own limits on one line.
fn limits(record: &TokenRecord) -> String {
    let limits = record.limits.iter().map(|(key, value)| format!("{key}={value}"));
    limits.collect::<Vec<_>>().join(" ")
}
