//! The client of the bare echo.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::socket::{Protocol, Socket};

/// A connection to the echo.
#[derive(Debug)]
pub(crate) struct Echo {
    socket: Socket,
}

impl Echo {
    /// Connects.
    pub(crate) async fn connect(url: &str) -> Result<Echo> {
        Ok(Echo { socket: Socket::connect(url, Protocol::Bare).await? })
    }

    /// Says goodbye.
    pub(crate) async fn close(self) -> Result<()> {
        self.socket.close().await
    }

    /// Sends a frame and waits for it to come back.
    pub(crate) async fn round_trip(&mut self, frame: &Bytes) -> Result<()> {
        self.socket.send(frame.clone()).await?;
        let back = self.socket.receive().await?;
        ensure!(back.len() == frame.len(), "the echo answered {} bytes", back.len());
        Ok(())
    }

    /// Sends frames with at most `window` of them under way and at least half of it,
    /// for some time; gives how many came back.
    pub(crate) async fn pipeline(
        &mut self,
        frame: &Bytes,
        window: usize,
        time: Duration,
    ) -> Result<u64> {
        let end = Instant::now() + time;
        let (mut sent, mut back) = (0, 0);
        while Instant::now() < end {
            if sent - back <= window / 2 {
                while sent - back < window {
                    self.socket.feed(frame.clone()).await?;
                    sent += 1;
                }
                self.socket.flush().await?;
            }
            back += self.receive_some().await?;
        }
        while back < sent {
            back += self.receive_some().await?;
        }
        Ok(back as u64)
    }

    /// Waits for one frame, and takes those that are there as well.
    async fn receive_some(&mut self) -> Result<usize> {
        self.socket.receive().await?;
        let mut count = 1;
        while self.socket.received()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Sends so many bytes in chunks and takes them back as they come.
    pub(crate) async fn bulk(&mut self, bytes: usize, chunk: &Bytes) -> Result<()> {
        let frames = bytes / chunk.len();
        self.socket.stream(chunk, frames).await
    }
}
