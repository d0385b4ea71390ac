//! A large result that stays on the server: an image of which one row is fetched,
//! then all of it, to be written as a PNG.
//!
//! Run it with the path of the `mandelbrot` guest and that of the image to write.
//! FARSIDE_URL and FARSIDE_TOKEN say where the server is and who asks.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use farside::{Array, Client, Session};

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 800;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let module = args.next().context("give the path of mandelbrot.wasm")?;
    let target = args.next().context("give the path of the image to write")?;

    let session = Client::builder().connect().await?.session().await?;
    let mandelbrot = session.upload(module).await?;
    let image = mandelbrot.call::<Array<u8>>("render", (WIDTH, HEIGHT));

    let before = received(&session);
    let middle: Array<u8> = image.get_part(&format!("[{}]", HEIGHT / 2)).await?;
    let inside = middle.data().iter().filter(|shade| **shade == 0).count();
    println!("the middle row: {inside} points of the set, {} bytes", received(&session) - before);

    let before = received(&session);
    let whole = image.get().await?;
    println!("the whole image: {} bytes", received(&session) - before);
    write_png(Path::new(&target), whole.data())?;
    session.close().await?;
    Ok(())
}

fn received(session: &Session) -> u64 {
    session.wire().bytes_received
}

fn write_png(path: &Path, shades: &[u8]) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(shades)?;
    Ok(())
}
