//! How a peer's server begins and ends.

use anyhow::Result;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A listener on loopback whose address the parent knows.
pub(crate) struct Serving {
    pub(crate) listener: TcpListener,
}

impl Serving {
    /// Listens on a free port and prints the address.
    pub(crate) async fn start() -> Result<Serving> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        Ok(Serving { listener })
    }
}

/// Waits until standard input ends: the parent is done, or gone.
pub(crate) async fn parent_left() {
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while input.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}
