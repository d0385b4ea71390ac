//! Other RPC systems in Rust, doing what Farside is measured by: squaring a number
//! and echoing bytes, in a process of the server's and one of the client's.
//!
//! `farside-peers serve PEER` prints its address and serves until its standard
//! input ends. `farside-peers drive PEER ADDRESS` runs the tasks that it reads, a
//! line each, and prints how many nanoseconds each took.

mod drive;
mod server;
mod tarpc;
mod task;
mod tonic;

use std::env;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use crate::drive::drive;
use crate::server::Serving;

/// Largest message that a peer takes: an array and what is around it.
const MESSAGE_BYTES: usize = 80 << 20;

#[tokio::main]
async fn main() -> Result<()> {
    // A task of the runtime, not the future that the main thread blocks on: there,
    // each answer would wake another thread.
    tokio::spawn(run()).await?
}

async fn run() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", "tonic" | "tonic-stream"] => {
            let serving = Serving::start().await?;
            tonic::serve(serving).await
        }
        ["serve", "tarpc"] => {
            let serving = Serving::start().await?;
            tarpc::serve(serving).await
        }
        ["drive", "tonic", address] => drive(tonic::Unary::connect(parse(address)?).await?).await,
        ["drive", "tonic-stream", address] => {
            drive(tonic::Bidirectional::connect(parse(address)?).await?).await
        }
        ["drive", "tarpc", address] => drive(tarpc::Peer::connect(parse(address)?).await?).await,
        _ => bail!(
            "not understood\n\n\
             hint: serve PEER | drive PEER ADDRESS, where PEER is tonic, tonic-stream or tarpc"
        ),
    }
}

fn parse(address: &str) -> Result<SocketAddr> {
    address.parse().with_context(|| format!("not an address: {address}"))
}
