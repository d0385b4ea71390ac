//! Of a value that stays on the server, only what is asked for moves.

use anyhow::{Result, ensure};
use farside::{Array, Far};

use crate::Stage;
use crate::measure::{bytes, measure, time};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const ROW: usize = 400;

/// 64 MiB of them.
const NUMBERS: usize = 8 << 20;
const SLICE: std::ops::Range<usize> = 1_000_000..1_000_100;

/// What messages may add to the bytes that they carry: their own, and for each
/// chunk of 64 KiB the number of its transfer and its place.
const MESSAGES: u64 = 512;

fn with_chunks(size: u64) -> u64 {
    size + size / 1024 + MESSAGES
}

pub(crate) async fn show(stage: &Stage) -> Result<()> {
    image(stage).await?;
    numbers(stage).await
}

async fn image(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("A part of a result: one row of an image");

    let session = stage.client.session().await?;
    let mandelbrot = session.upload(stage.guest("mandelbrot")).await?;
    let image: Far<Array<u8>> = mandelbrot.call("render", (WIDTH, HEIGHT));
    let ready = measure(&session, session.wait(&[image.id()], 1, None)).await;
    ready.value?;
    page.row(
        &format!("render {WIDTH} x {HEIGHT}"),
        &format!("{} received, {}", bytes(ready.wire.bytes_received), time(ready.took)),
    );

    let path = format!("[{ROW}]");
    let row = measure(&session, image.get_part::<Array<u8>>(&path)).await;
    let pixels = row.value?;
    let received = row.wire.bytes_received;
    ensure!(pixels.shape() == [WIDTH], "the row has the shape {:?}", pixels.shape());
    ensure!(received < WIDTH as u64 + MESSAGES, "{received} bytes came for one row");
    page.row(&format!("get {path}"), &cost(&bytes(received), row.took));

    let whole = measure(&session, image.get()).await;
    let all = whole.value?;
    let start = ROW * WIDTH;
    ensure!(all.shape() == [HEIGHT, WIDTH], "the image has the shape {:?}", all.shape());
    ensure!(all.data()[start..][..WIDTH] == *pixels.data(), "the row is not the image's");
    page.row("get the whole image", &cost(&bytes(whole.wire.bytes_received), whole.took));
    session.close().await?;
    Ok(())
}

async fn numbers(stage: &Stage) -> Result<()> {
    let page = &stage.page;
    page.title("A large value: 64 MiB go there once");

    let session = stage.client.session().await?;
    let stats = session.upload(stage.guest("stats")).await?;
    let numbers: Vec<f64> = (0..NUMBERS).map(|number| number as f64).collect();
    let numbers = Array::from(numbers);
    let size = size_of_val(numbers.data()) as u64;

    let put = measure(&session, async {
        let data = session.put(&numbers);
        session.wait(&[data.id()], 1, None).await.map(|_| data)
    })
    .await;
    let data = put.value?;
    let sent = put.wire.bytes_sent;
    ensure!((size..with_chunks(size)).contains(&sent), "{sent} bytes were sent for {size}");
    let rate = size as f64 / put.took.as_secs_f64() / 1e6;
    page.row(
        &format!("put {} of numbers", bytes(size)),
        &format!("{} sent, {}, {rate:.0} MB/s", bytes(sent), time(put.took)),
    );

    let mean = measure(&session, async { stats.call::<f64>("mean", (&data,)).get().await }).await;
    let expected = (NUMBERS - 1) as f64 / 2.0;
    let value = mean.value?;
    ensure!(value == expected, "the mean is {value}, not {expected}");
    let sent = mean.wire.bytes_sent;
    ensure!(sent < MESSAGES, "the call sent {sent} bytes");
    page.row("stats.mean of them", &format!("{value}, {} sent, {}", bytes(sent), time(mean.took)));

    let path = format!("[{}:{}]", SLICE.start, SLICE.end);
    let slice = measure(&session, data.get_part::<Array<f64>>(&path)).await;
    let part = slice.value?;
    ensure!(part.data() == &numbers.data()[SLICE], "the slice is not the value's");
    let received = slice.wire.bytes_received;
    ensure!(
        received < size_of_val(part.data()) as u64 + MESSAGES,
        "{received} bytes came for a slice"
    );
    page.row(&format!("get {path}"), &cost(&bytes(received), slice.took));
    session.close().await?;
    Ok(())
}

fn cost(received: &str, took: std::time::Duration) -> String {
    format!("{received} received, {}", time(took))
}
