//! The token of a server on this machine.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;

use farside_server::config::{Config, ConfigError};
use farside_server::{Token, local_token};

/// Why there is no token to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is not known where the data folder is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder has none.
    #[error(transparent)]
    File(#[from] farside_server::TokenError),
}

/// The data folder that a server started here would have.
///
/// # Errors
/// The settings are wrong.
pub(crate) fn data_folder() -> Result<PathBuf, ConfigError> {
    Ok(Config::load(None, environment(), [])?.config.data)
}

/// The token of the server on this machine.
///
/// # Errors
/// No server was started yet, or another account owns it.
pub(crate) fn read_token() -> Result<Token, TokenError> {
    Ok(local_token(&data_folder()?)?)
}

/// The environment, without what is no text.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

/// Whether a server's URL names this machine by its loopback address.
pub(crate) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // What stands before an @ is a user, and the host comes after it.
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, _)) => host,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_on_this_machine() {
        for here in [
            "ws://127.0.0.1:7327",
            "ws://127.9.9.9",
            "ws://[::1]:7327/farside",
            "ws://localhost:1",
            "WS://LOCALHOST",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "ws://127.0.0.1.example.org:7327",
            "ws://127.0.0.1@example.org",
            "ws://example.org/127.0.0.1",
            "ws://example.org?127.0.0.1",
            "ws://localhost.example.org",
            "ws://0.0.0.0:7327",
            "ws://[2001:db8::1]:7327",
            "",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
