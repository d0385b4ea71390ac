//! A TCP listener: takes connections, and gives each a limited time to become a
//! WebSocket, within TLS where the server has a certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use farside_protocol::TLS_HEADER;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::tls::{Certificate, is_tls};
use crate::watched::Watched;

/// Connections that may be introducing themselves at once; others wait in the
/// system's queue.
const INTRODUCING: usize = 1024;

/// Bytes that are read of a request that came without TLS.
const PLAIN_REQUEST: u64 = 16 * 1024;

/// How long to wait after a connection could not be taken, such as for want of
/// descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Takes connections for ever.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    certificate: Option<Arc<Certificate>>,
    handshake_timeout: Duration,
) {
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
        let (http, certificate) = (http.clone(), certificate.clone());
        tokio::spawn(async move {
            match certificate {
                None => serve(&http, socket, router).await,
                Some(certificate) => {
                    let encrypted = timeout(handshake_timeout, encrypt(socket, &certificate));
                    match encrypted.await {
                        Ok(Some(socket)) => serve(&http, socket, router).await,
                        Ok(None) => {}
                        Err(_) => tracing::debug!("a connection began no TLS in time"),
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Serves HTTP until the connection ends or is a WebSocket.
async fn serve(
    http: &http1::Builder,
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
) {
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended before it was a WebSocket");
    }
}

/// Does the TLS handshake; who speaks HTTP without it is told so.
async fn encrypt(
    mut socket: Watched<TcpStream>,
    certificate: &Certificate,
) -> Option<TlsStream<Watched<TcpStream>>> {
    let mut first = [0];
    match socket.get_ref().peek(&mut first).await {
        Ok(1) if is_tls(first[0]) => {}
        Ok(1) => {
            let text = "this server speaks TLS\n\nhint: say wss:// in place of ws://\n";
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\n{TLS_HEADER}: required\r\nconnection: close\r\n\
                 content-type: text/plain\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            );
            // Whoever does not read it is told nothing.
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
            // What is left unread when a socket closes takes the answer with it.
            let mut rest = socket.take(PLAIN_REQUEST);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
            return None;
        }
        _ => return None,
    }
    match certificate.acceptor().accept(socket).await {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}
