//! `farside session`: the session that the other commands go on with.

use clap::{Args, Subcommand};
use farside::outline::SessionSummary;
use farside::{ErrorCode, SessionError, SessionId};
use serde_json::{Value, json};

use crate::fault::{Blame, Fault, Why};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::{Remote, lock};
use crate::shell::state::Current;
use crate::show::plain::{size, span};
use crate::show::table::table;

const ABOUT: &str = "\
The first command opens a session; the ones after it go on with the same one,
until 24 hours pass without any. It holds modules, their state, and references.";

/// Begin, list or close sessions
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(crate) struct SessionCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    New(New),
    List(List),
    Close(Close),
}

/// Begin a new session and make it the current one. The old one goes on until it expires or
/// is closed; no command goes back to it
#[derive(Args)]
struct New {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    remote: Remote,
}

/// List the sessions that there are; the current one has a *
#[derive(Args)]
struct List {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    remote: Remote,
}

/// Close a session and free all that it holds
#[derive(Args)]
struct Close {
    /// The session's id [default: the current one]
    session: Option<SessionId>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl SessionCommand {
    pub(crate) fn json(&self) -> bool {
        match &self.action {
            Action::New(command) => command.format.json,
            Action::List(command) => command.format.json,
            Action::Close(command) => command.format.json,
        }
    }

    pub(crate) async fn run(self) -> Result<(), Fault> {
        match self.action {
            Action::New(command) => command.run().await,
            Action::List(command) => command.run().await,
            Action::Close(command) => command.run().await,
        }
    }
}

impl New {
    async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot open a session";
        let state = self.remote.state()?;
        let client = self.remote.connect().await?;
        let locked = lock(&state).blame(WHAT)?;
        let session = client.session().await.blame(WHAT)?;
        let current = Current { session: session.id(), key: session.key(), last: None };
        locked.write(&current).blame(WHAT)?;
        if self.format.json {
            let lease = session.lease().as_secs();
            return print_json(&json!({ "session": session.id().to_string(), "lease_s": lease }))
                .blame(WHAT);
        }
        print(session.id()).blame(WHAT)?;
        note(format_args!(
            "it is the current session of {} now, and lives for {} after its last use",
            self.remote.url,
            span(session.lease().as_secs()),
        ));
        Ok(())
    }
}

impl List {
    async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot list the sessions";
        let client = self.remote.connect().await?;
        // A damaged state file must not keep a person from seeing the sessions.
        let current = self.remote.state()?.read().ok().flatten().map(|current| current.session);
        let sessions = client.sessions().await.blame(WHAT)?;
        if self.format.json {
            let sessions = sessions.iter().map(|one| to_json(one, current));
            return print_json(&sessions.collect::<Vec<_>>()).blame(WHAT);
        }
        if sessions.is_empty() {
            note("no sessions");
            return Ok(());
        }
        let rows: Vec<_> = sessions.iter().map(|one| row(one, current)).collect();
        let headings = ["", "SESSION", "OWNER", "AGE", "EXPIRES IN", "MODULES", "REFS", "KEPT"];
        print(table(headings, &rows)).blame(WHAT)
    }
}

fn to_json(summary: &SessionSummary, current: Option<SessionId>) -> Value {
    let mut json = json!(summary);
    json["current"] = (current == Some(summary.session)).into();
    json
}

fn row(summary: &SessionSummary, current: Option<SessionId>) -> [String; 8] {
    let expires = match summary.expires_in_s {
        Some(seconds) => span(seconds),
        None => "in use".to_owned(),
    };
    [
        if current == Some(summary.session) { "*" } else { "" }.to_owned(),
        summary.session.to_string(),
        summary.owner.clone(),
        span(summary.age_s),
        expires,
        summary.modules.join(" "),
        summary.refs.to_string(),
        size(summary.kept_bytes),
    ]
}

impl Close {
    async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot close the session";
        let state = self.remote.state()?;
        let client = self.remote.connect().await?;
        let locked = lock(&state).blame(WHAT)?;
        let kept = locked.read();
        let current = match self.session {
            // A damaged state file must not keep a person from closing it.
            Some(_) => kept.ok().flatten(),
            None => kept.blame(WHAT)?,
        };
        let current = current.map(|current| current.session);
        let session = self.session.or(current).ok_or_else(|| Fault::new(WHAT, Why::NoSession))?;
        let closed = client.close_session(session).await;
        if Some(session) == current && (closed.is_ok() || is_gone(&closed)) {
            locked.forget().blame(WHAT)?;
        }
        closed.blame(WHAT)?;
        match self.format.json {
            true => print_json(&json!({ "closed": session.to_string() })).blame(WHAT),
            false => {
                note(format_args!("closed {session}"));
                Ok(())
            }
        }
    }
}

/// Whether the server says that there is no such session any more.
fn is_gone(closed: &Result<(), SessionError>) -> bool {
    matches!(
        closed,
        Err(SessionError::Failed(failure))
            if matches!(failure.code, ErrorCode::NotFound | ErrorCode::SessionExpired)
    )
}
