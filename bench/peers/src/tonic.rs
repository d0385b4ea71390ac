//! tonic: gRPC, by unary calls and by bidirectional streams.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use self::generated::peer_client::PeerClient;
use self::generated::peer_server::{Peer as Service, PeerServer};
use crate::MESSAGE_BYTES;
use crate::drive::Peer;

mod generated {
    #![expect(
        unreachable_pub,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        clippy::allow_attributes,
        reason = "generated"
    )]
    tonic::include_proto!("peers.Peer");
}

/// Messages of a stream that wait to be sent.
const WAITING: usize = 1024;

struct Answers;

#[tonic::async_trait]
impl Service for Answers {
    type SquaresStream = BoxStream<'static, Result<i64, Status>>;
    type EchoesStream = Streaming<Bytes>;

    async fn square(&self, request: Request<i64>) -> Result<Response<i64>, Status> {
        let number = request.into_inner();
        Ok(Response::new(number * number))
    }

    async fn squares(
        &self,
        request: Request<Streaming<i64>>,
    ) -> Result<Response<Self::SquaresStream>, Status> {
        let squares = request.into_inner().map_ok(|number| number * number);
        Ok(Response::new(squares.boxed()))
    }

    async fn echo(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn echoes(
        &self,
        request: Request<Streaming<Bytes>>,
    ) -> Result<Response<Self::EchoesStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

/// Serves what comes in.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let service = PeerServer::new(Answers)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    Ok(Server::builder().add_service(service).serve_with_incoming(incoming).await?)
}

async fn client(address: SocketAddr) -> Result<PeerClient<Channel>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    Ok(PeerClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES))
}

/// A request of its own for each call.
pub(crate) struct Unary(PeerClient<Channel>);

impl Unary {
    /// Connects to a server.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Unary> {
        Ok(Unary(client(address).await?))
    }
}

impl Peer for Unary {
    async fn square(&mut self, number: i64) -> Result<i64> {
        Ok(self.0.square(number).await?.into_inner())
    }

    async fn squares(&mut self, calls: i64, window: usize) -> Result<i64> {
        stream::iter(0..calls)
            .map(|number| {
                let mut client = self.0.clone();
                async move { anyhow::Ok(client.square(number).await?.into_inner()) }
            })
            .buffer_unordered(window)
            .try_fold(0, async |sum, square| Ok(sum + square))
            .await
    }

    async fn echo(&mut self, bytes: Bytes) -> Result<Bytes> {
        Ok(self.0.echo(bytes).await?.into_inner())
    }
}

/// One stream for all numbers, one for all blocks of bytes.
pub(crate) struct Bidirectional {
    squares: Duplex<i64>,
    echoes: Duplex<Bytes>,
}

struct Duplex<M> {
    there: mpsc::Sender<M>,
    back: Streaming<M>,
}

impl<M> Duplex<M> {
    async fn send(&self, message: M) -> Result<()> {
        self.there.send(message).await.ok().context("the stream to the server ended")
    }

    async fn receive(&mut self) -> Result<M> {
        self.back.message().await?.context("the stream from the server ended")
    }
}

impl Bidirectional {
    /// Connects to a server and opens the streams.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Bidirectional> {
        let mut client = client(address).await?;
        let (there, messages) = mpsc::channel(WAITING);
        let back = client.squares(ReceiverStream::new(messages)).await?.into_inner();
        let squares = Duplex { there, back };
        let (there, messages) = mpsc::channel(WAITING);
        let back = client.echoes(ReceiverStream::new(messages)).await?.into_inner();
        Ok(Bidirectional { squares, echoes: Duplex { there, back } })
    }
}

impl Peer for Bidirectional {
    async fn square(&mut self, number: i64) -> Result<i64> {
        self.squares.send(number).await?;
        self.squares.receive().await
    }

    async fn squares(&mut self, calls: i64, window: usize) -> Result<i64> {
        let mut ahead = 0..calls;
        for number in ahead.by_ref().take(window) {
            self.squares.send(number).await?;
        }
        let mut sum = 0;
        for _ in 0..calls {
            sum += self.squares.receive().await?;
            if let Some(number) = ahead.next() {
                self.squares.send(number).await?;
            }
        }
        Ok(sum)
    }

    async fn echo(&mut self, bytes: Bytes) -> Result<Bytes> {
        self.echoes.send(bytes).await?;
        self.echoes.receive().await
    }
}
