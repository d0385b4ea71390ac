//! Hostile clients, by what they abuse.

mod departures;
mod floods;
mod frames;
mod greetings;
mod numbers;
mod transfers;
mod values;

use std::sync::Arc;
use std::time::Duration;

use farside_protocol::{Reply, Request};

use super::case::{Case, Kind};
use crate::peer::Peer;
use crate::server::Server;

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let lists = [
        greetings::cases(),
        frames::cases(),
        numbers::cases(),
        transfers::cases(),
        values::cases(),
        floods::cases(),
        departures::cases(),
    ];
    lists.into_iter().flatten().collect()
}

/// A client's case.
fn client<F>(
    name: &'static str,
    promised: &'static [&'static str],
    act: impl Fn(Arc<Server>) -> F + Send + Sync + 'static,
) -> Case
where
    F: Future<Output = String> + Send + 'static,
{
    Case::new(Kind::Client, name, promised, act)
}

/// How long the server may take to hang up on a peer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the server hangs up on a peer, and what it says before.
async fn ending(peer: &mut Peer) -> String {
    let ending = async {
        loop {
            match peer.next_or_end().await {
                Some(Reply::Refused { failure }) => return format!("hung up: {}", failure.code),
                Some(_) => {}
                None => return "hung up".to_owned(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, ending).await.unwrap_or_else(|_| "stays".to_owned())
}

/// What a peer in a session of its own is told when it sends these messages, which it
/// makes of itself.
async fn sent(
    server: Arc<Server>,
    messages: impl AsyncFnOnce(&mut Peer) -> Vec<Request>,
) -> String {
    let mut peer = Peer::attached(&server).await;
    let messages = messages(&mut peer).await;
    peer.try_send(&messages).await;
    let outcome = ending(&mut peer).await;
    forget(&server, &peer).await;
    outcome
}

/// Ends the session of a peer that was hung up on.
async fn forget(server: &Server, peer: &Peer) {
    let (session, _) = peer.session();
    let client = server.client().await;
    // It may have ended with its connection.
    let _ = client.close_session(session).await;
}

/// Whether a peer's session goes on: a value that it keeps comes back.
async fn goes_on(peer: &mut Peer) -> &'static str {
    let seq = peer.seq();
    peer.try_send(&[values::put(seq, &crate::peer::packed(&"still"))]).await;
    match peer.get(peer.far(seq)).await {
        Ok(value) if value == crate::peer::packed(&"still") => "goes on",
        _ => "does not go on",
    }
}
