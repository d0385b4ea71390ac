//! A client that speaks Farside's protocol and does nothing besides: no table of
//! references, no tasks, no locks. What it reaches is the server's own limit, where
//! the Rust client may be the bottleneck.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use farside::{ModuleHash, manifest::Manifest};
use farside_protocol::{CallFlags, PROTOCOL_VERSION, Payload, Reply, Request, Seq, Target};

use super::socket::{Protocol, Socket};
use crate::server::Server;

/// How calls are put into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One in each.
    Single,
    /// As many in each as [`BATCH`].
    Batched,
}

/// Messages of a batched frame.
pub(crate) const BATCH: usize = 64;

/// A connection with a session of its own and one function to call in it.
#[derive(Debug)]
pub(crate) struct Lean {
    socket: Socket,
    next: Seq,
    target: Target,
    args: Bytes,
    fresh: bool,
    received: Received,
}

/// What a connection received so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// Frames, not all of which need hold a value.
    pub(crate) frames: u64,
    /// Values in them.
    pub(crate) values: u64,
}

impl Lean {
    /// Connects, opens a session with the workload in it, and gets ready to call
    /// `square`. The server must know the module.
    pub(crate) async fn connect(server: &Server) -> Result<Lean> {
        let mut socket = Socket::connect(server.url(), Protocol::Farside).await?;
        let mut frame = Vec::new();
        let hello = Request::Hello {
            version: PROTOCOL_VERSION,
            token: server.token().to_owned(),
            agent: "farside-bench".to_owned(),
        };
        hello.encode(&mut frame);
        Request::Attach { session: None, lease_ms: Some(1_000) }.encode(&mut frame);
        let code = std::fs::read(server.guest("workload")).context("the guest is not built")?;
        let upload = Request::Upload {
            seq: Seq::FIRST,
            name: "workload".to_owned(),
            hash: ModuleHash::of(&code),
            size: code.len() as u64,
            metered: false,
        };
        upload.encode(&mut frame);
        socket.send(Bytes::from(frame)).await?;
        let target = uploaded(&mut socket).await?;
        let args = Bytes::from(rmp_serde::to_vec(&(1_234_567_i64,))?);
        let (next, received) = (Seq::FIRST.next(), Received::default());
        Ok(Lean { socket, next, target, args, fresh: false, received })
    }

    /// The same with each call in a store of its own.
    pub(crate) fn fresh(self) -> Lean {
        Lean { fresh: true, ..self }
    }

    /// What it received so far.
    pub(crate) fn received(&self) -> Received {
        self.received
    }

    /// Bytes of one call's message.
    pub(crate) fn request_bytes(&self) -> usize {
        let mut bytes = Vec::new();
        self.request(self.next).encode(&mut bytes);
        bytes.len()
    }

    fn request(&self, seq: Seq) -> Request {
        Request::Call {
            seq,
            target: self.target.clone(),
            flags: CallFlags { get: true, release: true, fresh: self.fresh },
            timeout_ms: None,
            args: Payload::Inline(self.args.clone()),
        }
    }

    /// Calls with at most `window` calls under way and at least half of it, for some
    /// time; gives how many values came back. The window must be far below the server's
    /// credit.
    pub(crate) async fn pipeline(
        &mut self,
        framing: Framing,
        window: usize,
        time: Duration,
    ) -> Result<u64> {
        let end = Instant::now() + time;
        let (mut sent, mut back) = (0, 0);
        while Instant::now() < end {
            if sent - back <= window / 2 {
                while sent - back < window {
                    sent += self.feed(framing).await?;
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

    /// Queues a frame; gives the number of its calls.
    async fn feed(&mut self, framing: Framing) -> Result<usize> {
        let count = match framing {
            Framing::Single => 1,
            Framing::Batched => BATCH,
        };
        let mut frame = Vec::with_capacity(count * 32);
        for _ in 0..count {
            self.request(self.next).encode(&mut frame);
            self.next = self.next.next();
        }
        self.socket.feed(Bytes::from(frame)).await?;
        Ok(count)
    }

    /// Waits for one frame, and takes those that are there as well.
    async fn receive_some(&mut self) -> Result<usize> {
        let frame = self.socket.receive().await?;
        let mut count = self.take(frame)?;
        while let Some(frame) = self.socket.received()? {
            count += self.take(frame)?;
        }
        Ok(count)
    }

    fn take(&mut self, frame: Bytes) -> Result<usize> {
        let count = values(frame)?;
        self.received.frames += 1;
        self.received.values += count as u64;
        Ok(count)
    }
}

/// The number of values in a frame; a failure is an error.
fn values(frame: Bytes) -> Result<usize> {
    let mut count = 0;
    for reply in Reply::decode_frame(frame) {
        match reply? {
            Reply::Value { .. } => count += 1,
            Reply::Ack { .. } => {}
            Reply::Failed { failure, .. } | Reply::Refused { failure } => bail!("{failure}"),
            other => bail!("{} came where values should", other.name()),
        }
    }
    Ok(count)
}

/// Waits until the module is in the session; gives how `square` is called.
async fn uploaded(socket: &mut Socket) -> Result<Target> {
    loop {
        for reply in Reply::decode_frame(socket.receive().await?) {
            match reply? {
                Reply::Uploaded { module, manifest: Payload::Inline(manifest), .. } => {
                    let manifest: Manifest = rmp_serde::from_slice(&manifest)?;
                    let (function, _) =
                        manifest.function("square").context("the guest has no `square`")?;
                    return Ok(Target::Index { module, function });
                }
                Reply::Failed { failure, .. } | Reply::Refused { failure } => bail!("{failure}"),
                reply => ensure!(
                    !matches!(reply, Reply::Wanted { .. }),
                    "the server does not know the module"
                ),
            }
        }
    }
}
