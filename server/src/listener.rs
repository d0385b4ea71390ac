//! A TCP listener: takes connections, and gives each a limited time to become a
//! WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::watched::Watched;

/// Connections that may be introducing themselves at once; others wait in the
/// system's queue.
const INTRODUCING: usize = 1024;

/// How long to wait after a connection could not be taken, such as for want of
/// descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Takes connections for ever.
pub(crate) async fn listen(listener: TcpListener, router: Router, handshake_timeout: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(handshake_timeout);
    let introducing = Arc::new(Semaphore::new(INTRODUCING));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&introducing).acquire_owned().await {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        // Small replies must not wait for the peer's acknowledgement.
        let _ = socket.set_nodelay(true);
        let socket = Watched::new(socket);
        let router = router.clone().layer(Extension(socket.activity()));
        let service = TowerToHyperService::new(router);
        let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended before it was a WebSocket");
            }
            drop(permit);
        });
    }
}
