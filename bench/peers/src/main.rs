//! Other RPC systems in Rust, doing what Farside is measured by: squaring a number
//! and echoing bytes, in a process of the server's and one of the client's.
//!
//! `farside-peers PEER serve` says where it listens and serves until it is ended.
//! `farside-peers PEER drive ADDRESS` prints the peer's version, and then, for each
//! task that it reads from standard input, a line with its figure.

mod drive;
mod tarpc;
mod task;
mod tonic;

use std::env;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::drive::{Peer, drive};

/// Largest message that a peer takes: an array and what is around it.
const MESSAGE_BYTES: usize = 80 << 20;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // As Farside's server: a thread for each core that the process may use.
        [peer, "serve"] => Builder::new_multi_thread().enable_all().build()?.block_on(serve(peer)),
        // As the client that it is measured beside: one thread, for it has one core.
        [peer, "drive", address] => {
            let address = address.parse().with_context(|| format!("not an address: {address}"))?;
            Builder::new_current_thread().enable_all().build()?.block_on(connect(peer, address))
        }
        _ => bail!("not understood\n\nhint: PEER serve | PEER drive ADDRESS"),
    }
}

async fn serve(peer: &str) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    match peer {
        "tonic" | "tonic-stream" => tonic::serve(listener).await,
        "tarpc" => tarpc::serve(listener).await,
        _ => bail!("no such peer: {peer}\n\nhint: tonic, tonic-stream or tarpc"),
    }
}

async fn connect(peer: &str, address: SocketAddr) -> Result<()> {
    match peer {
        "tonic" => begin(env!("TONIC"), tonic::Unary::connect(address).await?).await,
        "tonic-stream" => begin(env!("TONIC"), tonic::Bidirectional::connect(address).await?).await,
        "tarpc" => begin(env!("TARPC"), tarpc::Connection::connect(address).await?).await,
        _ => bail!("no such peer: {peer}\n\nhint: tonic, tonic-stream or tarpc"),
    }
}

async fn begin(version: &str, peer: impl Peer) -> Result<()> {
    println!("{version}");
    drive(peer).await
}
