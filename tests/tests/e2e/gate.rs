//! A reference that is ready when the test says so.

use bytes::Bytes;
use farside::{Far, RefId, Session};
use farside_protocol::{RefState, Seq};
use farside_tests::Server;
use serde::Serialize;

use crate::peer::{self, Peer};

/// A value of another writer that is announced, and sent when the gate is opened.
/// What depends on it is pending until then.
pub(crate) struct Gate {
    peer: Peer,
    session: Session,
    seq: Seq,
    value: Bytes,
}

impl Gate {
    pub(crate) async fn new(server: &Server, session: &Session, value: &impl Serialize) -> Gate {
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

    pub(crate) fn id(&self) -> RefId {
        self.peer.far(self.seq)
    }

    pub(crate) fn far<T>(&self) -> Far<T> {
        self.session.far(self.id())
    }

    pub(crate) async fn open(mut self) {
        self.send().await;
        while self.state().await == RefState::Pending {}
    }

    /// Opens the gate without waiting until it is open.
    pub(crate) async fn send(&mut self) {
        self.peer.send(&[peer::chunk(self.seq, 0, self.value.clone())]).await;
    }

    /// Breaks the reference: its value never comes.
    pub(crate) async fn break_off(self) {
        let Gate { peer, session, seq, .. } = self;
        let id = peer.far(seq);
        drop(peer);
        session.wait(&[id], 1, None).await.unwrap();
    }
}
