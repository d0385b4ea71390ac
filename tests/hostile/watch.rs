//! The most memory that a server and its compilers hold during a case.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farside_tests::Process;

/// How often it is looked for compilers.
const OFTEN: Duration = Duration::from_millis(10);

/// A look at a server until the case ends.
pub(crate) struct Watch {
    server: Process,
    children: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn begin(server: Process) -> Watch {
        server.forget_peak();
        let children = Arc::new(AtomicU64::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let looking = {
            let (children, ends) = (Arc::clone(&children), Arc::clone(&ends));
            thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    let peaks = server.children().into_iter().filter_map(|child| child.peak());
                    children.fetch_max(peaks.sum(), Ordering::Relaxed);
                    thread::sleep(OFTEN);
                }
            })
        };
        Watch { server, children, ends, looking }
    }

    /// The peak of the server, where the system tells it, and that of its compilers.
    pub(crate) fn end(self) -> (Option<u64>, u64) {
        self.ends.store(true, Ordering::Relaxed);
        // The thread does nothing that could panic.
        let _ = self.looking.join();
        (self.server.peak(), self.children.load(Ordering::Relaxed))
    }
}
