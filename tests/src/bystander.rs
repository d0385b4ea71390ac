//! Another session, which goes on whatever happens in the one that a test is about.
#![expect(clippy::unwrap_used, reason = "it is for tests, which may panic; that is how they fail")]

use farside::{Module, SessionId};

use crate::built::guest;
use crate::server::Server;

/// A session that must not notice anything.
pub struct Bystander {
    session: SessionId,
    logbook: Module,
    lines: u64,
}

impl Bystander {
    /// A session with an instance whose state is a line.
    pub async fn new(server: &Server) -> Bystander {
        let session = server.session().await;
        let id = session.id();
        let logbook = session.upload(guest("logbook")).await.unwrap();
        let mut bystander = Bystander { session: id, logbook, lines: 0 };
        bystander.goes_on().await;
        bystander
    }

    /// Its session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Changes the state, and sees that nothing else did.
    pub async fn goes_on(&mut self) {
        assert!(self.has_its_answer().await, "the bystander's answer is missing or wrong");
    }

    /// The same, and says whether it was answered rightly.
    pub async fn has_its_answer(&mut self) -> bool {
        self.lines += 1;
        let line = self.logbook.call::<u64>("add", ("a line",));
        line.get().await.is_ok_and(|line| line == self.lines)
    }
}
