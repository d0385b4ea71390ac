//! Filling the config from file, environment and flags.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::nearest::nearest;
use super::text::{Problem, SettingText};
use super::{Config, Setting, folders, settings};

/// Environment variables that are not settings but speak to the command line.
const CLIENT_VARIABLES: [&str; 4] =
    ["FARSIDE_URL", "FARSIDE_TOKEN", "FARSIDE_CA", "FARSIDE_CONFIG"];

/// Who said a setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// The file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The flag of this name, without dashes.
    Flag(String),
    /// The token of this name, for its owner.
    Token(String),
    /// The program that starts the server.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => path.display().fmt(f),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag(name) => write!(f, "--{name}"),
            Origin::Token(name) => write!(f, "the token of {name}"),
            Origin::Program => f.write_str("the program"),
        }
    }
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A setting that does not exist.
    #[error("there is no setting `{key}` ({origin})")]
    UnknownKey {
        /// Its name.
        key: String,
        /// Who said it.
        origin: Origin,
        /// The settings that may have been meant, best first.
        nearest: Vec<&'static str>,
    },
    /// A value that the setting cannot have.
    #[error("`{key}` cannot be `{text}` ({origin}): {problem}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// What it was to be.
        text: String,
        /// Who said it.
        origin: Origin,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A limit that an owner can't have of its own.
    #[error("`{key}` is the whole server's ({origin})")]
    NotOfOwners {
        /// Which setting.
        key: &'static str,
        /// Who said it.
        origin: Origin,
    },
    /// One of the two files that make TLS is not named.
    #[error("`{given}` is of no use without `{missing}`")]
    HalfTls {
        /// The one that is named.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// Other machines could read what crosses.
    #[error("`listen` is {address}, which other machines can reach, and nothing is encrypted")]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// A session's usual lease is longer than the longest.
    #[error("`limits.session_lease` ({lease}) is longer than `limits.session_lease_max` ({most})")]
    Lease {
        /// The usual one.
        lease: String,
        /// The longest.
        most: String,
    },
}

impl ConfigError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Read { source, .. } => (source.kind() == io::ErrorKind::NotFound)
                .then(|| "`farside config --default` prints a file to begin with".to_owned()),
            ConfigError::Syntax { .. } => None,
            ConfigError::UnknownKey { nearest, .. } => Some(match nearest.as_slice() {
                [] => "`farside config --default` lists all settings".to_owned(),
                near => format!("did you mean {}?", or_list(near)),
            }),
            ConfigError::Value { problem, .. } => Some(problem.hint()),
            ConfigError::NotOfOwners { .. } => Some(
                "an owner has limits of its own for sessions, calls and values: those that begin \
                 with session_, call_, owner_ or value_, module_bytes and log_bytes"
                    .to_owned(),
            ),
            ConfigError::HalfTls { missing, .. } => {
                Some(format!("name the file of the other with `{missing}`"))
            }
            ConfigError::Exposed { .. } => Some(
                "name a certificate with tls_certificate and tls_key; where something else \
                 encrypts, or all on the way are trusted, say it once more with \
                 --insecure-listen true"
                    .to_owned(),
            ),
            ConfigError::Lease { .. } => Some("raise the one or lower the other".to_owned()),
        }
    }
}

/// A config and where each part of it comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Texts about what was left aside, for the log.
    pub warnings: Vec<String>,
    origins: Vec<Origin>,
}

impl Loaded {
    /// Every setting with its value as text and who said it.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Setting, String, &Origin)> {
        settings()
            .iter()
            .zip(&self.origins)
            .map(|(setting, origin)| (setting, (setting.show)(&self.config), origin))
    }

    fn set(&mut self, key: &str, text: String, origin: Origin) -> Result<(), ConfigError> {
        let Some(at) = settings().iter().position(|setting| setting.key == key) else {
            let nearest = nearest(key).into_iter().map(|setting| setting.key).collect();
            return Err(ConfigError::UnknownKey { key: key.to_owned(), origin, nearest });
        };
        let setting = &settings()[at];
        match (setting.set)(&mut self.config, &text) {
            Ok(()) => {
                self.origins[at] = origin;
                Ok(())
            }
            Err(problem) => Err(ConfigError::Value { key: setting.key, text, origin, problem }),
        }
    }

    fn set_from_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            ConfigError::Syntax {
                path: path.to_owned(),
                line: text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1,
                message: error.message().to_owned(),
            }
        })?;
        let origin = Origin::File(path.to_owned());
        for (key, value) in table {
            match value {
                toml::Value::Table(section) => {
                    for (inner, value) in section {
                        self.set(&format!("{key}.{inner}"), plain(value), origin.clone())?;
                    }
                }
                value => self.set(&key, plain(value), origin.clone())?,
            }
        }
        Ok(())
    }

    fn set_from_environment(&mut self, env: BTreeMap<String, String>) -> Result<(), ConfigError> {
        for (name, text) in env {
            // An empty variable is how many launchers spell an absent one.
            if text.is_empty() || CLIENT_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            match settings().iter().find(|setting| setting.env == name) {
                Some(setting) => self.set(setting.key, text, Origin::Environment(name))?,
                None => self.warnings.push(unknown_variable(&name)),
            }
        }
        Ok(())
    }
}

impl Config {
    /// The config from a file, the environment and flags, each winning over the
    /// one before it.
    ///
    /// The file is `file`, or the one that `FARSIDE_CONFIG` names, or the account's
    /// own (`~/.config/farside/farside.toml`) if there is one. Of `env` only the
    /// variables that begin with `FARSIDE_` are looked at. Flags come as pairs of
    /// [`Setting::key`] and text.
    ///
    /// # Errors
    /// The first thing that is wrong, with who said it.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Loaded, ConfigError> {
        let env: BTreeMap<String, String> =
            env.into_iter().filter(|(name, _)| name.starts_with("FARSIDE_")).collect();
        let named = env.get("FARSIDE_CONFIG").filter(|name| !name.is_empty());
        let file = file
            .map(Path::to_owned)
            .or_else(|| named.map(|name| folders::expand_home(name)))
            .or_else(|| folders::config_file().filter(|path| path.exists()));
        let mut loaded = Loaded {
            config: Config::default(),
            file,
            warnings: Vec::new(),
            origins: vec![Origin::Default; settings().len()],
        };
        if let Some(path) = loaded.file.clone() {
            loaded.set_from_file(&path)?;
        }
        loaded.set_from_environment(env)?;
        for (key, text) in flags {
            let flag = settings().iter().find(|setting| setting.key == key);
            let name = flag.map_or(key, |setting| setting.flag.as_str());
            loaded.set(key, text, Origin::Flag(name.to_owned()))?;
        }
        loaded.config.check()?;
        Ok(loaded)
    }

    /// The default config as an annotated file: the reference of all settings.
    #[must_use]
    pub fn default_file() -> String {
        let mut text = String::from(
            "# Settings of a Farside server and their defaults.\n\
             #\n\
             # An environment variable wins over this file and a flag over both:\n\
             # limits.sessions is FARSIDE_LIMITS_SESSIONS and --limits-sessions.\n\
             # `farside config` prints each setting with its value and who said it.\n",
        );
        let mut section = "";
        for setting in settings() {
            let (table, _) = setting.key.split_once('.').unwrap_or_default();
            if table != section {
                section = table;
                text += &format!("\n[{table}]\n");
            }
            text.push('\n');
            for line in setting.doc.lines() {
                text += &format!("# {line}\n");
            }
            let value = match setting.bare {
                true => setting.default.clone(),
                false => toml::Value::from(setting.default.as_str()).to_string(),
            };
            text += &format!("{} = {value}\n", setting.name());
        }
        text
    }

    /// Checks what a program may have filled in itself: each setting's range, and
    /// what no single one can say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for setting in settings() {
            let text = (setting.show)(self);
            (setting.set)(&mut self.clone(), &text).map_err(|problem| ConfigError::Value {
                key: setting.key,
                text,
                origin: Origin::Program,
                problem,
            })?;
        }
        self.check_leases()
    }

    /// Checks that a session's usual lease is none too long.
    pub(super) fn check_leases(&self) -> Result<(), ConfigError> {
        let (lease, most) = (self.limits.session_lease, self.limits.session_lease_max);
        if lease > most {
            return Err(ConfigError::Lease { lease: lease.show(), most: most.show() });
        }
        Ok(())
    }

    /// Checks what a server says of itself to other machines. It is of no concern to
    /// those who read these settings for another reason.
    ///
    /// # Errors
    /// Tokens and values could be read on the way, or half of TLS is missing.
    pub fn check_listening(&self) -> Result<(), ConfigError> {
        match (self.tls_certificate.path(), self.tls_key.path()) {
            (Some(_), None) => {
                Err(ConfigError::HalfTls { given: "tls_certificate", missing: "tls_key" })
            }
            (None, Some(_)) => {
                Err(ConfigError::HalfTls { given: "tls_key", missing: "tls_certificate" })
            }
            (None, None) if !self.listen.ip().is_loopback() && !self.insecure_listen => {
                Err(ConfigError::Exposed { address: self.listen })
            }
            _ => Ok(()),
        }
    }
}

/// A file's value as the text that environment and flags would have.
fn plain(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn unknown_variable(name: &str) -> String {
    let mut text = format!("the environment variable {name} is not a setting");
    let near: Vec<&str> = nearest(name).iter().map(|setting| setting.env.as_str()).collect();
    if !near.is_empty() {
        text += &format!("; did you mean {}?", or_list(&near));
    }
    text
}

/// `a`, `b` or `c`.
fn or_list(names: &[&str]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        text += match at {
            0 => "",
            at if at + 1 == names.len() => " or ",
            _ => ", ",
        };
        text += &format!("`{name}`");
    }
    text
}
