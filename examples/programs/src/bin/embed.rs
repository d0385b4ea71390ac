//! Farside inside somebody else's application: a web server with its own routes,
//! and Farside under one of its paths.
//!
//! Run it with the path of the `hello` guest.

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use farside::Client;
use farside_server::config::Config;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let module = std::env::args().nth(1).context("give the path of hello.wasm")?;
    let data = tempfile::tempdir()?;
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    let application = Router::new()
        .route("/", get(|| async { "the application's own page" }))
        .nest("/farside", farside_server::router(config).await?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, application).await });

    let url = format!("ws://{address}/farside");
    let token = farside_server::local_token(data.path())?;
    let client = Client::builder().url(&url).token(token.reveal()).connect().await?;
    let session = client.session().await?;
    let hello = session.upload(&module).await?;
    println!("{}", hello.call::<String>("greet", ("application",)).get().await?);
    session.close().await?;
    Ok(())
}
