//! The server that a command speaks to, and the session that it goes on with.

use std::env;
use std::time::Duration;

use clap::Args;
use farside::{Client, ConnectError, ErrorCode, RefId, Session, SessionError};
use tokio::task::block_in_place;

use crate::fault::{Blame, Fault, Why};
use crate::shell::state::{Current, Locked, StateError, StateFile};
use crate::shell::token::own_token;

/// How long a session of the command line outlives its last command.
const LEASE: Duration = Duration::from_secs(24 * 3600);

/// The server's address.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// The server's address
    #[arg(
        long,
        value_name = "URL",
        env = "FARSIDE_URL",
        default_value = "ws://127.0.0.1:7327",
        hide_env_values = true
    )]
    pub(crate) url: String,
}

/// The current session of a server.
pub(crate) struct Here {
    pub(crate) session: Session,
    /// What `far:_` stands for.
    pub(crate) last: Option<RefId>,
    state: StateFile,
}

impl Remote {
    /// Connects, with the token of `FARSIDE_TOKEN`, or that of the data folder if the
    /// address is that of the data folder's own server.
    ///
    /// # Errors
    /// There is no server, or it does not let us in.
    pub(crate) async fn connect(&self) -> Result<Client, Fault> {
        const WHAT: &str = "cannot connect";
        let builder = Client::builder()
            .url(&self.url)
            .agent(concat!("farside-cli/", env!("CARGO_PKG_VERSION")))
            .lease(LEASE);
        let own = if given_token().is_some() { None } else { own_token(&self.url) };
        match own {
            None => builder.connect().await.blame(WHAT),
            Some(Ok((token, url))) => {
                builder.url(&url).token(token.reveal()).connect().await.blame(WHAT)
            }
            // Whether there is a server at all is the first question.
            Some(Err(error)) => match builder.connect().await {
                Err(ConnectError::NoToken { .. }) => Err(Fault::new(WHAT, error)),
                connected => connected.blame(WHAT),
            },
        }
    }

    /// Connects and goes on with the current session; the first use opens it.
    ///
    /// # Errors
    /// There is no server, the session has expired, or its state can't be kept.
    pub(crate) async fn session(&self) -> Result<Here, Fault> {
        let state = self.state()?;
        let client = self.connect().await?;
        let kept = state.read().blame("cannot read the current session")?;
        let (session, last) = match kept {
            Some(kept) => (self.join(&client, &kept).await?, kept.last),
            None => self.open_first(&client, &state).await?,
        };
        Ok(Here { session, last, state })
    }

    /// Where the current session is kept.
    ///
    /// # Errors
    /// The account has no home.
    pub(crate) fn state(&self) -> Result<StateFile, Fault> {
        let given = given_token().filter(|given| {
            let own = own_token(&self.url).and_then(Result::ok);
            own.is_none_or(|(own, _)| own.reveal() != given)
        });
        StateFile::of(&self.url, given.as_deref()).blame("cannot keep a current session")
    }

    async fn join(&self, client: &Client, kept: &Current) -> Result<Session, Fault> {
        client.attach(kept.session, kept.key).await.map_err(|error| {
            let what = format!("cannot go on with the current session of {}", self.url);
            let expired = matches!(
                &error,
                SessionError::Failed(failure)
                    if matches!(failure.code, ErrorCode::SessionExpired | ErrorCode::NotFound)
            );
            Fault::new(what, if expired { Why::Expired } else { error.into() })
        })
    }

    /// Opens a session, unless another command was first to do so.
    async fn open_first(
        &self,
        client: &Client,
        state: &StateFile,
    ) -> Result<(Session, Option<RefId>), Fault> {
        const WHAT: &str = "cannot open a session";
        let locked = lock(state).blame(WHAT)?;
        if let Some(kept) = locked.read().blame(WHAT)? {
            return Ok((self.join(client, &kept).await?, kept.last));
        }
        let session = client.session().await.blame(WHAT)?;
        let current = Current { session: session.id(), key: session.key(), last: None };
        locked.write(&current).blame(WHAT)?;
        Ok((session, None))
    }
}

/// The token that the person names.
fn given_token() -> Option<String> {
    env::var("FARSIDE_TOKEN").ok().filter(|token| !token.is_empty())
}

impl Here {
    /// Makes `far:_` stand for a reference from now on, unless another session has
    /// become the current one.
    ///
    /// # Errors
    /// The state can't be kept.
    pub(crate) fn remember(&self, last: RefId) -> Result<(), Fault> {
        const WHAT: &str = "cannot keep the last reference";
        let locked = lock(&self.state).blame(WHAT)?;
        match locked.read().blame(WHAT)? {
            Some(current) if current.session == self.session.id() => {
                locked.write(&Current { last: Some(last), ..current }).blame(WHAT)
            }
            _ => Ok(()),
        }
    }
}

/// Waits for the right to change a state, while the connection goes on.
///
/// # Errors
/// The state can't be kept.
pub(crate) fn lock(state: &StateFile) -> Result<Locked, StateError> {
    block_in_place(|| state.lock())
}
