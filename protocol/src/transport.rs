//! What carries frames between a client and a server.

use std::io;

use bytes::Bytes;
use futures_util::{Sink, Stream};

/// A two-way link that carries whole frames, in order: WebSocket, a Unix socket,
/// or memory.
///
/// Anything that is a [`Stream`] and a [`Sink`] of [`Bytes`] is a transport, so
/// there is nothing to implement; a framed socket of `tokio_util::codec` already
/// is one. Both ends poll reading and writing from a single task.
pub trait Transport:
    Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin + 'static
{
}

impl<T> Transport for T where
    T: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin + 'static
{
}
