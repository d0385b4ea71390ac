//! `farside serve`: a server, until it is told to stop.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, future, process};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use farside_server::config::{Config, ConfigError, Setting, settings};
use farside_server::{Server, StartError};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::exit::Exit;
use crate::fault::{Blame, Fault};
use crate::output::note;
use crate::shell::stop::Stop;
use crate::shell::token::environment;

const ABOUT: &str = "\
Every setting can also stand in a file or in the environment; `farside config`
shows them all. SIGTERM and Ctrl-C let running calls finish; a second one ends
the server at once.

Examples:
  farside serve
  farside serve --listen 127.0.0.1:0 --data /tmp/farside
  farside serve --config farside.toml --limits-call-deadline 5s";

/// A server's settings, of which there is one flag each.
pub(crate) struct Serve {
    config: Option<PathBuf>,
    log_json: bool,
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
                    "another program listens there, perhaps another server; --listen {}:0 takes \
                     a free port",
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
        let broke = |source| ServeError::Broke { source };
        let mut stop = Stop::new().map_err(broke)?;
        let address = loaded.config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address, source })?;
        let server = Server::start(loaded.config).await?;
        announce(&server, listener.local_addr().map_err(broke)?);
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
        note("stopping: running calls may finish; stop again to end at once");
        let _ = told.send(());
        tokio::select! {
            () = serving => Ok(()),
            // Dropping the server would wait for the guests that run.
            () = stop.next() => process::exit(Exit::Interrupted.number().into()),
        }
    }
}

/// Says where the server is and what to do next.
fn announce(server: &Server, address: SocketAddr) {
    note(format_args!("listening on ws://{address}"));
    note(format_args!("token in {}", server.token_path().display()));
    if !address.ip().is_loopback() {
        note("warning: other machines can reach this address, and nothing is encrypted");
    }
    note(format_args!("capacity: {}", server.capacity()));
    note(format_args!("modules are compiled {}", server.compiler()));
    for (language, file) in server.evaluators() {
        note(format_args!("evaluates {language}: {}", file.display()));
    }
    let url = match address.port() {
        farside_protocol::DEFAULT_PORT => String::new(),
        _ => format!("  export FARSIDE_URL=ws://{address}\n"),
    };
    note(format_args!(
        "\ntry in another terminal:\n{url}  \
         farside new hello && cd hello && cargo build --release\n  \
         farside upload target/wasm32-unknown-unknown/release/hello.wasm\n  \
         farside call greet Ada\n"
    ));
}

/// Sends the log to standard error, one line for each event.
fn start_log(filter: &str, as_json: bool) -> Result<(), ServeError> {
    let filter = EnvFilter::try_new(filter)
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
