//! The bare limit: a WebSocket server that sends every message back, with the same
//! library, settings and runtime as Farside's server and nothing else.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use farside_protocol::caps;
use tokio::net::TcpListener;

use crate::process::LISTENING;

/// As the server's.
const READ_BUFFER: usize = 16 * 1024;

/// As the server's.
const WRITE_BUFFER: usize = 0;

/// Listens on a free port, says so, and echoes until it is ended.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    println!("{LISTENING}ws://{}", listener.local_addr().context("no address")?);
    let listener = listener.tap_io(|stream| {
        // A socket that refuses has been closed by its peer.
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new().route("/", any(enter));
    axum::serve(listener, router).await.context("the listener broke")
}

async fn enter(upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(caps::FRAME_BYTES)
        .max_frame_size(caps::FRAME_BYTES)
        .on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Close(_)) || socket.send(message).await.is_err() {
            return;
        }
    }
}
