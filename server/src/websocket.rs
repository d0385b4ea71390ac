//! WebSocket as a transport: binary messages are frames, the rest is WebSocket's
//! own business.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use farside_protocol::{REFUSAL_HEADER, SPEAKS_HEADER, SUBPROTOCOL, caps};
use futures_util::{Sink, Stream};
use tokio::sync::Semaphore;

use crate::connection::{self, Activity};
use crate::core::Core;

/// Read buffer of a socket; the library's default of 128 KiB is zero-filled for
/// each of them.
const READ_BUFFER: usize = 16 * 1024;

/// Replies are sent when so many bytes are together, or when the connection says so.
const WRITE_BUFFER: usize = 16 * 1024;

#[derive(Clone)]
struct Door {
    core: Arc<Core>,
    connections: Arc<Semaphore>,
}

/// The routes of a server: a WebSocket at its root.
pub(crate) fn router(core: Arc<Core>) -> Router {
    let connections = Arc::new(Semaphore::new(core.sandbox.capacity.connections));
    Router::new().route("/", axum::routing::any(enter)).with_state(Door { core, connections })
}

async fn enter(State(door): State<Door>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(_) => {
            let text = "this is a Farside server: it speaks WebSocket, not plain HTTP\n\n\
                        hint: use the farside command or a client library, with ws:// (wss:// where \
                        it speaks TLS)\n";
            return (StatusCode::UPGRADE_REQUIRED, [("upgrade", "websocket")], text)
                .into_response();
        }
    };
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let text = format!(
            "this server speaks the WebSocket subprotocol {SUBPROTOCOL}, which the client did not offer\n\n\
             hint: use a client and a server of the same release\n"
        );
        return (StatusCode::BAD_REQUEST, [(SPEAKS_HEADER, SUBPROTOCOL)], text).into_response();
    }
    let Ok(permit) = door.connections.try_acquire_owned() else {
        let why = "the server has as many connections as it may";
        let headers = [(REFUSAL_HEADER, why)];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, why).into_response();
    };
    // A listener of another program counts nothing; its messages are counted here.
    let activity = parts.extensions.get::<Arc<Activity>>().cloned().unwrap_or_default();
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(caps::FRAME_BYTES)
        .max_frame_size(caps::FRAME_BYTES)
        .on_upgrade(async move |socket| {
            let link = SocketTransport { socket, activity: Arc::clone(&activity) };
            connection::serve(door.core, link, Some(activity)).await;
            drop(permit);
        })
}

struct SocketTransport {
    socket: WebSocket,
    activity: Arc<Activity>,
}

impl Stream for SocketTransport {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let message = ready!(Pin::new(&mut self.socket).poll_next(context));
            self.activity.took_message();
            return Poll::Ready(match message {
                Some(Ok(Message::Binary(frame))) => Some(Ok(frame)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Text(_))) => {
                    let text = "it is a text message; frames are binary";
                    Some(Err(io::Error::new(io::ErrorKind::InvalidData, text)))
                }
                Some(Ok(Message::Close(_))) | None => None,
                Some(Err(error)) => Some(Err(unread(error))),
            });
        }
    }
}

/// Why nothing could be read: the socket's own reason, or invalid data where it
/// lies in what the client sent.
fn unread(error: axum::Error) -> io::Error {
    let error = error.into_inner();
    let of_socket = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let kind = of_socket.map_or(io::ErrorKind::InvalidData, io::Error::kind);
    io::Error::new(kind, error)
}

impl Sink<Bytes> for SocketTransport {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_ready(context).map_err(io::Error::other)
    }

    /// A frame of nothing asks for a sign of life.
    fn start_send(mut self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
        self.activity.set_unsent(true);
        let message = match frame.is_empty() {
            true => Message::Ping(frame),
            false => Message::Binary(frame),
        };
        Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context).map_err(io::Error::other);
        if flushed.is_ready() {
            self.activity.set_unsent(false);
        }
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(io::Error::other)
    }
}
