//! The guest `stats` as WebAssembly, with as much data as it is made for.

use farside::Array;
use farside_tests::{Server, guest};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
}

#[tokio::test]
async fn a_million_numbers_have_a_mean_a_spread_and_a_histogram() {
    let server = Server::start();
    let session = server.session().await;
    let stats = session.upload(guest("stats")).await.unwrap();
    let numbers: Vec<f64> = (0..1_000_000).map(|number| f64::from(number % 1000)).collect();
    let data = session.put(&Array::from(numbers));
    let mean = stats.call::<f64>("mean", (&data,));
    let spread = stats.call::<f64>("spread", (&data, &mean));
    let histogram = stats.call::<Histogram>("histogram", (&data, 10));
    assert_eq!(mean.get().await.unwrap(), 499.5);
    let spread = spread.get().await.unwrap();
    assert!((spread - 288.674_990_257).abs() < 1e-6, "{spread}");
    let even = Histogram { low: 0.0, high: 999.0, counts: vec![100_000; 10] };
    assert_eq!(histogram.get().await.unwrap(), even);
}
