//! The WebSocket transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use farside_protocol::{SUBPROTOCOL, caps};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::socket::Socket;

/// Bytes read from the socket at once. The library zeroes its buffer for each
/// read, so a large one costs every small message.
const READ_BYTES: usize = 16 * 1024;

/// A WebSocket whose binary messages are frames.
pub(crate) struct WebSocket {
    socket: WebSocketStream<Socket>,
}

impl WebSocket {
    /// Asks what is at the other end of a socket to become one.
    pub(crate) async fn over(socket: Socket, url: &str) -> Result<WebSocket, Error> {
        let mut request = url.into_client_request()?;
        let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_frame_size(Some(caps::FRAME_BYTES))
            .max_message_size(Some(caps::FRAME_BYTES));
        let (socket, _) = client_async_with_config(request, socket, Some(config)).await?;
        Ok(WebSocket { socket })
    }
}

impl Stream for WebSocket {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(match ready!(self.socket.poll_next_unpin(cx)) {
                Some(Ok(Message::Binary(frame))) => Some(Ok(frame)),
                Some(Ok(Message::Text(_))) => {
                    let text = "a text message where frames are binary";
                    Some(Err(io::Error::new(io::ErrorKind::InvalidData, text)))
                }
                // The library answers pings and the closing handshake by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_))) | None => None,
                Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => None,
                Some(Err(error)) => Some(Err(to_io(error))),
            });
        }
    }
}

impl Sink<Bytes> for WebSocket {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready_unpin(cx).map_err(to_io)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
        self.socket.start_send_unpin(Message::Binary(frame)).map_err(to_io)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush_unpin(cx).map_err(to_io)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_close_unpin(cx).map_err(to_io)
    }
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
