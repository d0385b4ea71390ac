//! A reference that is ready when the test says so.
#![expect(clippy::unwrap_used, reason = "it is for tests, which may panic; that is how they fail")]

use bytes::Bytes;
use farside::{Far, RefId, Session};
use farside_protocol::{RefState, Seq};
use serde::Serialize;

use crate::peer::{self, Peer};
use crate::server::Server;

/// A value of another writer that is announced, and sent when the gate is opened.
/// What depends on it is pending until then.
pub struct Gate {
    peer: Peer,
    session: Session,
    seq: Seq,
    value: Bytes,
}

impl Gate {
    /// A closed one; its value is sent when it is opened.
    pub async fn new(server: &Server, session: &Session, value: &impl Serialize) -> Gate {
        let mut peer = Peer::beside(server, session).await;
        let value = peer::packed(value);
        let seq = peer.seq();
        peer.send(&[peer::put_later(seq, value.len() as u64)]).await;
        let gate = Gate { peer, session: session.clone(), seq, value };
        // The session's own connection may be faster than the gate's.
        while gate.state().await != RefState::Pending {}
        gate
    }

    async fn state(&self) -> RefState {
        self.session.wait(&[self.id()], 0, None).await.unwrap()[0]
    }

    /// The reference that is pending until then.
    pub fn id(&self) -> RefId {
        self.peer.far(self.seq)
    }

    /// The same, for the session.
    pub fn far<T>(&self) -> Far<T> {
        self.session.far(self.id())
    }

    /// Sends the value and waits until it is there.
    pub async fn open(mut self) {
        self.send().await;
        while self.state().await == RefState::Pending {}
    }

    /// Opens the gate without waiting until it is open.
    pub async fn send(&mut self) {
        self.peer.send(&[peer::chunk(self.seq, 0, self.value.clone())]).await;
    }

    /// Breaks the reference: its value never comes.
    pub async fn break_off(self) {
        let Gate { peer, session, seq, .. } = self;
        let id = peer.far(seq);
        drop(peer);
        session.wait(&[id], 1, None).await.unwrap();
    }
}
