//! The protocol over a Unix socket: any stream and sink of frames is a transport.
//!
//! Run it with the path of the `hello` guest.

#[cfg(unix)]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    use anyhow::Context;
    use bytes::BytesMut;
    use farside::{Client, Transport};
    use farside_server::{Server, config::Config};
    use futures_util::TryStreamExt;
    use tokio::net::{UnixListener, UnixStream};
    use tokio_util::codec::{Framed, LengthDelimitedCodec};

    /// Frames with their length before them.
    fn framed(socket: UnixStream) -> impl Transport {
        Framed::new(socket, LengthDelimitedCodec::new()).map_ok(BytesMut::freeze)
    }

    let module = std::env::args().nth(1).context("give the path of hello.wasm")?;
    let folder = tempfile::tempdir()?;
    let config = Config { data: folder.path().join("data"), ..Config::default() };
    let server = Server::start(config).await?;
    let listener = UnixListener::bind(folder.path().join("farside.sock"))?;
    tokio::spawn({
        let server = server.clone();
        async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.accept(framed(socket)).await });
            }
        }
    });

    let socket = UnixStream::connect(folder.path().join("farside.sock")).await?;
    let client = Client::over(framed(socket), server.token()).await?;
    let session = client.session().await?;
    let hello = session.upload(&module).await?;
    let greeting = hello.call::<String>("greet", ("Unix",));
    println!("{}", greeting.get().await?);
    server.shutdown().await;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("this example needs Unix sockets");
}
