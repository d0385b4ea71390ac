//! The main job in ten lines, as the README shows it: upload, keep, call, and fetch
//! one number. Run it where `stats.wasm` lies.

use farside::{Array, Client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let samples = Array::from((0..1_000).map(f64::from).collect::<Vec<_>>());

    // FARSIDE_URL says where, and FARSIDE_TOKEN has the line of `farside token show`.
    let client = Client::builder().connect().await?;
    let session = client.session().await?;
    let stats = session.upload("stats.wasm").await?; // by SHA-256: sent once, ever
    let data = session.put(&samples); // Far<Array<f64>>, no waiting
    let mean = stats.call::<f64>("mean", (&data,)); // Far<f64>, no waiting
    let spread = stats.call::<f64>("spread", (&data, &mean)); // uses a result that may not exist yet
    println!("{}", spread.get().await?); // the one round trip of these four lines
    Ok(())
}
