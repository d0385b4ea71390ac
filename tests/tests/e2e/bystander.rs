//! Another session, which goes on whatever happens in the one that a test is about.

use farside::Module;
use farside_tests::{Server, guest};

pub(crate) struct Bystander {
    logbook: Module,
    lines: u64,
}

impl Bystander {
    /// A session with an instance whose state is a line.
    pub(crate) async fn new(server: &Server) -> Bystander {
        let session = server.session().await;
        let logbook = session.upload(guest("logbook")).await.unwrap();
        let mut bystander = Bystander { logbook, lines: 0 };
        bystander.goes_on().await;
        bystander
    }

    /// Changes the state, and sees that nothing else did.
    pub(crate) async fn goes_on(&mut self) {
        self.lines += 1;
        let line = self.logbook.call::<u64>("add", ("a line",));
        assert_eq!(line.get().await.unwrap(), self.lines);
    }
}
