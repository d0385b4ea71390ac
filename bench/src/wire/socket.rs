//! A WebSocket connection with the settings of Farside's client.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use farside_protocol::{SUBPROTOCOL, caps};
use futures_util::{FutureExt, SinkExt, StreamExt, TryStreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// As Farside's client.
const READ_BYTES: usize = 16 * 1024;

/// A connection that sends and receives binary messages.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// Which subprotocol a connection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Farside's.
    Farside,
    /// None.
    Bare,
}

impl Socket {
    /// Connects to a `ws://` address.
    pub(crate) async fn connect(url: &str, protocol: Protocol) -> Result<Socket> {
        let mut request = url.into_client_request()?;
        if protocol == Protocol::Farside {
            let name = HeaderValue::from_static(SUBPROTOCOL);
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_frame_size(Some(caps::FRAME_BYTES))
            .max_message_size(Some(caps::FRAME_BYTES));
        let (stream, _) = connect_async_with_config(request, Some(config), true)
            .await
            .with_context(|| format!("cannot connect to {url}"))?;
        Ok(Socket { stream })
    }

    /// Queues a frame; many of them go out together.
    pub(crate) async fn feed(&mut self, frame: Bytes) -> Result<()> {
        Ok(self.stream.feed(Message::Binary(frame)).await?)
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.stream.flush().await?)
    }

    /// Sends a frame at once.
    pub(crate) async fn send(&mut self, frame: Bytes) -> Result<()> {
        Ok(self.stream.send(Message::Binary(frame)).await?)
    }

    /// The next frame.
    pub(crate) async fn receive(&mut self) -> Result<Bytes> {
        loop {
            match self.stream.next().await.context("the server hung up")?? {
                Message::Binary(frame) => return Ok(frame),
                Message::Close(_) => anyhow::bail!("the server said goodbye"),
                _ => {}
            }
        }
    }

    /// The next frame, if it is there already.
    pub(crate) fn received(&mut self) -> Result<Option<Bytes>> {
        self.receive().now_or_never().transpose()
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) -> Result<()> {
        Ok(self.stream.close(None).await?)
    }

    /// Sends a frame so many times, and receives as many meanwhile.
    pub(crate) async fn stream(&mut self, frame: &Bytes, times: usize) -> Result<()> {
        let (mut sink, stream) = (&mut self.stream).split();
        let send = async {
            for _ in 0..times {
                sink.feed(Message::Binary(frame.clone())).await?;
            }
            anyhow::Ok(sink.flush().await?)
        };
        let receive = async {
            let frames = stream.take(times).map_err(anyhow::Error::from);
            let count = frames.try_fold(0, async |count, _| Ok(count + 1)).await?;
            ensure!(count == times, "the server hung up");
            Ok(())
        };
        futures_util::try_join!(send, receive)?;
        Ok(())
    }
}
