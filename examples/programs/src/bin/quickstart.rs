//! The main job in ten lines: upload, keep, call, and fetch one number.
//!
//! Run it with the path of the `stats` guest. FARSIDE_URL and FARSIDE_TOKEN say
//! where the server is and who asks.

use anyhow::Context;
use farside::{Array, Client};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let module = std::env::args().nth(1).context("give the path of stats.wasm")?;
    let samples = Array::from((0..1_000_000).map(f64::from).collect::<Vec<_>>());

    let client = Client::builder().connect().await?;
    let session = client.session().await?;
    let stats = session.upload(module).await?; // by SHA-256: sent once, ever
    let data = session.put(&samples); // Far<Array<f64>>, no waiting
    let mean = stats.call::<f64>("mean", (&data,)); // Far<f64>, no waiting
    let spread = stats.call::<f64>("spread", (&data, &mean)); // uses a result that may not exist yet
    println!("{}", spread.get().await?); // the one round trip of these four lines
    session.close().await?;
    Ok(())
}
