//! tarpc: requests and responses in MessagePack, over TCP.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tarpc::client::Config;
use tarpc::context::{self, Context};
use tarpc::serde_transport;
use tarpc::server::{BaseChannel, Channel};
use tokio::net::{TcpListener, TcpStream};
use tokio_serde::formats::MessagePack;
use tokio_util::codec::LengthDelimitedCodec;

use self::service::{Service, ServiceClient};
use crate::MESSAGE_BYTES;
use crate::drive::Peer;

mod service {
    use bytes::Bytes;

    /// What a server answers.
    #[tarpc::service]
    pub(crate) trait Service {
        /// The square of a number.
        async fn square(number: i64) -> i64;
        /// The same bytes.
        async fn echo(bytes: Bytes) -> Bytes;
    }
}

#[derive(Clone)]
struct Answers;

impl Service for Answers {
    async fn square(self, _: Context, number: i64) -> i64 {
        number * number
    }

    async fn echo(self, _: Context, bytes: Bytes) -> Bytes {
        bytes
    }
}

/// Serves what comes in.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let transport = serde_transport::new(framing().new_framed(socket), MessagePack::default());
        let responses = BaseChannel::with_defaults(transport).execute(Answers.serve());
        tokio::spawn(responses.for_each(async |response| {
            tokio::spawn(response);
        }));
    }
}

fn framing() -> tokio_util::codec::length_delimited::Builder {
    let mut framing = LengthDelimitedCodec::builder();
    framing.max_frame_length(MESSAGE_BYTES);
    framing
}

/// One connection, a request for each call.
pub(crate) struct Connection(ServiceClient);

impl Connection {
    /// Connects to a server.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Connection> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let transport = serde_transport::new(framing().new_framed(socket), MessagePack::default());
        Ok(Connection(ServiceClient::new(Config::default(), transport).spawn()))
    }
}

impl Peer for Connection {
    async fn square(&mut self, number: i64) -> Result<i64> {
        Ok(self.0.square(context::current(), number).await?)
    }

    async fn squares(&mut self, calls: i64, window: usize) -> Result<i64> {
        stream::iter(0..calls)
            .map(|number| {
                let client = self.0.clone();
                async move { anyhow::Ok(client.square(context::current(), number).await?) }
            })
            .buffer_unordered(window)
            .try_fold(0, async |sum, square| Ok(sum + square))
            .await
    }

    async fn echo(&mut self, bytes: Bytes) -> Result<Bytes> {
        Ok(self.0.echo(context::current(), bytes).await?)
    }
}
