//! The signals by which a person or a supervisor stops a process.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C and, on Unix, SIGTERM. From the first one on they no longer end the process.
pub(crate) struct Stop {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Option<Signal>,
}

#[cfg(unix)]
impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system grants no handler.
    pub(crate) fn new() -> io::Result<Stop> {
        Ok(Stop {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: Some(signal(SignalKind::terminate())?),
        })
    }

    /// Begins to listen to Ctrl-C alone.
    ///
    /// # Errors
    /// The system grants no handler.
    pub(crate) fn by_key() -> io::Result<Stop> {
        Ok(Stop { interrupt: signal(SignalKind::interrupt())?, terminate: None })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let terminate = async {
            match &mut self.terminate {
                Some(terminate) => terminate.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = terminate => {}
        }
    }
}

#[cfg(not(unix))]
impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    /// None: the handler is made by the first wait.
    pub(crate) fn new() -> io::Result<Stop> {
        Ok(Stop {})
    }

    /// The same.
    ///
    /// # Errors
    /// None.
    pub(crate) fn by_key() -> io::Result<Stop> {
        Stop::new()
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
