//! `farside serve`: a server, until it is told to stop.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, future, path, process};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use farside_server::config::{Config, ConfigError, Setting, settings};
use farside_server::{Server, StartError};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::exit::Exit;
use crate::fault::{Blame, Fault};
use crate::output::note;
use crate::shell::address::Kept;
use crate::shell::stop::Stop;
use crate::shell::token::{environment, is_usual};
use crate::show::announcement::{Announcement, EXPOSED, scheme};

const ABOUT: &str = "\
Every setting can also stand in a file or in the environment; `farside config`
shows them all. SIGTERM and Ctrl-C let running calls finish, within shutdown_grace,
and end with exit code 0; a second one ends the server at once, with 130.

Examples:
  farside serve
  farside serve --listen 127.0.0.1:0 --data /tmp/farside
  farside serve --config farside.toml --limits-call-deadline 5s";

/// A server's settings, of which there is one flag each.
pub(crate) struct Serve {
    config: Option<PathBuf>,
    pub(crate) log_json: bool,
    flags: Vec<(&'static str, String)>,
}

/// Why a server did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log's filter is wrong.
    #[error("`log` cannot be `{filter}`")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The server can't start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The address can't be kept in the data folder.
    #[error("cannot keep the address in {}", data.display())]
    Address {
        /// The data folder.
        data: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The listener or the signals broke.
    #[error("the server broke off")]
    Broke {
        /// How.
        source: io::Error,
    },
}

impl ServeError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            ServeError::Config(error) => error.hint(),
            ServeError::Filter { .. } => {
                Some("a filter is a level, or such as info,farside_server=debug".to_owned())
            }
            ServeError::Listen { address, source } => match source.kind() {
                io::ErrorKind::AddrInUse => Some(format!(
                    "another program listens there; a second server beside one of yours takes a \
                     free port with --listen {}:0, and a folder of its own with --data DIR",
                    host(address)
                )),
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 are not for every account; take another".to_owned())
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some("the address is none of this machine's; 127.0.0.1 always is".to_owned())
                }
                _ => None,
            },
            ServeError::Start(error) => error.hint(),
            ServeError::Address { .. } => {
                Some("choose a folder that this account can write to with --data".to_owned())
            }
            ServeError::Broke { .. } => None,
        }
    }
}

fn host(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        self.serve().await.blame("cannot serve")
    }

    async fn serve(self) -> Result<(), ServeError> {
        let loaded = Config::load(self.config.as_deref(), environment(), self.flags)?;
        start_log(&loaded.config.log, self.log_json)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        // Before the address is taken, which it is about.
        loaded.config.check_listening()?;
        let broke = |source| ServeError::Broke { source };
        let mut stop = Stop::new().map_err(broke)?;
        let address = loaded.config.listen;
        let (data, grace) = (loaded.config.data.clone(), loaded.config.shutdown_grace);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address, source })?;
        let server = Server::start(loaded.config).await?;
        let listens = listener.local_addr().map_err(broke)?;
        let kept = Kept::write(&data, listens)
            .map_err(|source| ServeError::Address { data: data.clone(), source })?;
        announce(&server, listens, &data, self.log_json);
        let (told, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async {
            // Its other end lives as long as the server is served.
            if stopped.await.is_err() {
                future::pending().await
            }
        };
        let mut serving = Box::pin(server.serve(listener, stopped));
        tokio::select! {
            () = &mut serving => return Ok(()),
            () = stop.next() => {}
        }
        let stopping = format!(
            "stopping: calls that run may finish within {grace:?}; stop again to end at once"
        );
        match self.log_json {
            true => tracing::info!(target: SERVE, "{stopping}"),
            false => note(stopping),
        }
        let _ = told.send(());
        tokio::select! {
            () = serving => Ok(()),
            () = stop.next() => {
                drop(kept);
                // Dropping the server would wait for the guests that run.
                process::exit(Exit::Interrupted.number().into())
            }
        }
    }
}

/// What the command itself says in a log of JSON, whatever the log's filter is.
const SERVE: &str = "farside::serve";

/// Says where the server is and what to do next.
fn announce(server: &Server, address: SocketAddr, data: &Path, as_json: bool) {
    let data = path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let (token, capacity) = (server.token_path(), server.capacity());
    if as_json {
        let url = format!("{}://{address}", scheme(server.is_encrypted()));
        let (token, data) = (token.display(), data.display());
        tracing::info!(target: SERVE, url, %token, %data, %capacity, "listening on {url}");
        if !address.ip().is_loopback() && !server.is_encrypted() {
            tracing::warn!(target: SERVE, "{EXPOSED}");
        }
        return;
    }
    let data = (!is_usual(&data)).then_some(data.as_path());
    let (compiler, evaluators) = (server.compiler(), server.evaluators().collect());
    let is_encrypted = server.is_encrypted();
    note(Announcement { address, is_encrypted, token, data, capacity, compiler, evaluators });
}

/// Sends the log to standard error, one line for each event.
fn start_log(filter: &str, as_json: bool) -> Result<(), ServeError> {
    let whole = if as_json { format!("{filter},{SERVE}=info") } else { filter.to_owned() };
    let filter = EnvFilter::try_new(whole)
        .map_err(|source| ServeError::Filter { filter: filter.to_owned(), source })?;
    let colour =
        io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match as_json {
        true => log.json().flatten_event(true).init(),
        false => log.with_ansi(colour).compact().init(),
    }
    Ok(())
}

impl Args for Serve {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The file of settings [default: FARSIDE_CONFIG, or the account's own]");
        let log_json = Arg::new("log-json")
            .long("log-json")
            .action(ArgAction::SetTrue)
            .help("Log as JSON, one object for each line");
        command
            .about("Run a server on this machine")
            .after_help(ABOUT)
            .arg(config)
            .arg(log_json)
            .args(settings().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Serve::augment_args(command)
    }
}

/// The setting whose flag can be given several times.
const LIST: &str = "evaluator";

/// A setting's flag.
fn flag(setting: &'static Setting) -> Arg {
    let heading = match setting.key.split_once('.') {
        Some(("limits", _)) => "Limits",
        Some(("guests", _)) => "Guests",
        _ => "Settings",
    };
    let is_list = setting.key == LIST;
    Arg::new(setting.key)
        .long(setting.flag.as_str())
        .value_name(if is_list { "NAME=FILE" } else { "VALUE" })
        .action(if is_list { ArgAction::Append } else { ArgAction::Set })
        .help(format!("{} [default: {}]", setting.doc.replace('\n', " "), setting.default))
        .help_heading(heading)
}

impl FromArgMatches for Serve {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Serve, clap::Error> {
        let said = |setting: &'static Setting| {
            let values: Vec<_> = matches.get_many::<String>(setting.key)?.cloned().collect();
            Some((setting.key, values.join(",")))
        };
        Ok(Serve {
            config: matches.get_one("config").cloned(),
            log_json: matches.get_flag("log-json"),
            flags: settings().iter().filter_map(said).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Serve::from_arg_matches(matches)?;
        Ok(())
    }
}
