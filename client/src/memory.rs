//! A transport within one process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use farside_protocol::Transport;
use futures_util::{Sink, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

/// Frames that one end may be ahead of the other.
const FRAMES: usize = 16;

/// Two ends of a link in memory, for a server and a client in one process or a
/// test. Each direction holds a few frames at most; dropping one end closes the
/// other.
#[must_use]
pub fn memory_transport() -> (impl Transport, impl Transport) {
    let (left_sender, right_receiver) = mpsc::channel(FRAMES);
    let (right_sender, left_receiver) = mpsc::channel(FRAMES);
    let left = MemoryEnd { sender: PollSender::new(left_sender), receiver: left_receiver };
    let right = MemoryEnd { sender: PollSender::new(right_sender), receiver: right_receiver };
    (left, right)
}

struct MemoryEnd {
    sender: PollSender<Bytes>,
    receiver: mpsc::Receiver<Bytes>,
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the other end is gone")
}

impl Stream for MemoryEnd {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

impl Sink<Bytes> for MemoryEnd {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(self.sender.poll_reserve(cx)).map_err(|_| closed()))
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
        self.sender.send_item(frame).map_err(|_| closed())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sender.close();
        Poll::Ready(Ok(()))
    }
}
