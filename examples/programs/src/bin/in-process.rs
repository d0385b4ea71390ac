//! Server and client in one process, without a socket: for tests, and for
//! applications that want the sandbox but no server.
//!
//! Run it with the path of the `hello` guest.

use anyhow::Context;
use farside::{Client, memory_transport};
use farside_server::{Server, config::Config};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let module = std::env::args().nth(1).context("give the path of hello.wasm")?;
    let data = tempfile::tempdir()?;
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    let server = Server::start(config).await?;

    let (near, far) = memory_transport();
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.accept(far).await }
    });
    let client = Client::over(near, server.token()).await?;
    let session = client.session().await?;
    let hello = session.upload(&module).await?;

    let nine = hello.call::<i64>("square", (3,));
    let eighty_one = hello.call::<i64>("square", (&nine,));
    println!("3 squared, and squared again: {}", eighty_one.get().await?);

    session.close().await?;
    drop(client);
    server.shutdown().await;
    serving.await?;
    Ok(())
}
