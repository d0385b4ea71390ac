//! The token of a server on this machine.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use farside_server::config::{Config, ConfigError};
use farside_server::{Token, local_token};

use super::address::{is_loopback, kept_address, url_at};

/// Why there is no token to show or to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is not known where the data folder is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder has none.
    #[error(transparent)]
    File(#[from] farside_server::TokenError),
    /// The file of tokens is wrong, or has not what is asked for.
    #[error(transparent)]
    Tokens(#[from] farside_server::TokensFileError),
    /// The token of the data folder is that of another server.
    #[error("{url} wants a token, and the data folder {} is {}", data.display(), of(*listens))]
    Elsewhere {
        /// The server that was spoken to.
        url: String,
        /// The data folder.
        data: PathBuf,
        /// Where the data folder's own server listens, if there is one.
        listens: Option<SocketAddr>,
    },
}

fn of(listens: Option<SocketAddr>) -> String {
    match listens {
        Some(address) => format!("that of the server at ws://{address}"),
        None => "that of no running server".to_owned(),
    }
}

impl TokenError {
    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            TokenError::Config(error) => error.hint(),
            TokenError::File(error) => error.hint(),
            TokenError::Tokens(error) => error.hint(),
            TokenError::Elsewhere { .. } => Some(
                "FARSIDE_DATA names the server's data folder, or FARSIDE_TOKEN its token, which \
                 `farside token show --data DIR` prints"
                    .to_owned(),
            ),
        }
    }
}

/// The data folder that a server started here would have.
///
/// # Errors
/// The settings are wrong.
pub(crate) fn data_folder() -> Result<PathBuf, ConfigError> {
    Ok(Config::load(None, environment(), [])?.config.data)
}

/// Whether a data folder is the one that the account's command line looks into where
/// nothing names another.
pub(crate) fn is_usual(data: &Path) -> bool {
    Config::load(None, [], []).is_ok_and(|loaded| loaded.config.data == data)
}

/// The token of the server that a URL names, and the URL by its address; none if it
/// is not on this machine.
///
/// # Errors
/// It is not the server of the data folder, or the token is no good.
pub(crate) fn own_token(url: &str) -> Option<Result<(Token, String), TokenError>> {
    let own = || {
        let data = data_folder()?;
        let listens = kept_address(&data);
        match listens.and_then(|listens| url_at(url, listens)) {
            Some(at) => Ok(Some((local_token(&data)?, at))),
            None if is_loopback(url) => {
                Err(TokenError::Elsewhere { url: url.to_owned(), data, listens })
            }
            None => Ok(None),
        }
    };
    own().transpose()
}

/// The environment, without what is no text.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}
