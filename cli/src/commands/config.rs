//! `farside config`: what a server started here would be told.

use std::path::PathBuf;

use clap::Args;
use farside_server::config::{Config, Loaded, usual_file};
use serde_json::{Value, json};

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::shell::token::environment;

/// Show every setting of the server: its value, who said it, what it means
#[derive(Args)]
#[command(after_help = "\
Settings come from a file, the environment and the flags of `farside serve`; each
wins over the one before it. To begin a file:
  farside config --default > farside.toml")]
pub(crate) struct ShowConfig {
    /// Print the annotated file of all settings and their defaults
    #[arg(long, conflicts_with = "json")]
    default: bool,
    /// The file to read [default: FARSIDE_CONFIG, or the account's own]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: Format,
}

impl ShowConfig {
    pub(crate) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot show the settings";
        if self.default {
            return print(Config::default_file().trim_end()).blame(WHAT);
        }
        let loaded = Config::load(self.config.as_deref(), environment(), []).blame(WHAT)?;
        if self.format.json {
            return print_json(&to_json(&loaded)).blame(WHAT);
        }
        print(listing(&loaded)).blame(WHAT)?;
        loaded.warnings.iter().for_each(|warning| note(format_args!("warning: {warning}")));
        if loaded.file.is_none() {
            note("\nno file was read; `farside config --default` prints one to begin with");
            if let Some(path) = usual_file() {
                note(format_args!("it is read from {path}, or from where FARSIDE_CONFIG says"));
            }
        }
        Ok(())
    }
}

/// Each setting with its value and who said it, and below it what it means.
fn listing(loaded: &Loaded) -> String {
    let blocks = loaded.entries().map(|(setting, value, origin)| {
        let meaning = setting.doc.replace('\n', "\n    ");
        format!("{} = {value}  ({origin})\n    {meaning}", setting.key)
    });
    blocks.collect::<Vec<_>>().join("\n")
}

fn to_json(loaded: &Loaded) -> Value {
    let settings = loaded.entries().map(|(setting, value, origin)| {
        json!({
            "key": setting.key,
            "value": value,
            "from": origin.to_string(),
            "default": setting.default,
            "flag": format!("--{}", setting.flag),
            "env": setting.env,
            "meaning": setting.doc,
        })
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_listed_with_its_source_and_meaning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = [("FARSIDE_LIMITS_SESSIONS".to_owned(), "5".to_owned())];
        let loaded = Config::load(Some(file.path()), said, []).unwrap();
        let listing = listing(&loaded);
        let from = listing.find("limits.sessions").unwrap();
        let to = listing.find("limits.instances").unwrap();
        insta::assert_snapshot!(listing[from..to].trim_end(), @"
        limits.sessions = 5  (FARSIDE_LIMITS_SESSIONS)
            Sessions of the server. A new one beyond it waits for another to end.
        limits.session_wait = 5s  (default)
            How long it waits before it is refused.
        limits.owner_sessions = 1_000  (default)
            Sessions of one owner.
        limits.owner_kept_bytes = 4 GiB  (default)
            Bytes of all values that an owner's sessions keep.
        limits.owner_memory = 50%  (default)
            Memory of all of an owner's sessions: a share of the machine's, or a size.
        limits.owner_instances = 10_000  (default)
            Live instances of an owner's sessions. A new one beyond it waits for a place.
        ");
    }
}
