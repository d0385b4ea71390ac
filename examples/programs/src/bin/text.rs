//! Results that are arguments, and parts of results: the words of a text are counted
//! on the server, and only what is asked for comes back.
//!
//! Run it with the path of the `text` guest. FARSIDE_URL and FARSIDE_TOKEN say where
//! the server is and who asks.

use anyhow::Context;
use farside::{Client, Far};
use serde::{Deserialize, Serialize};

const TEXT: &str = "Water, water, every where,\nAnd all the boards did shrink;\n\
                    Water, water, every where,\nNor any drop to drink.";

/// What `text.top` wants of a count; the guest's own type has these fields.
#[derive(Serialize)]
struct Count<'a> {
    words: &'a Far<()>,
    lines: [&'a Far<()>; 1],
}

#[derive(Deserialize)]
struct Occurrences {
    word: String,
    times: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let module = std::env::args().nth(1).context("give the path of text.wasm")?;
    let session = Client::builder().connect().await?.session().await?;
    let text = session.upload(module).await?;

    let count = text.call::<()>("count", (TEXT,));
    let (words, line) = (count.select("words"), count.select("lines[-1]"));
    let top = text.call::<Vec<Occurrences>>("top", (Count { words: &words, lines: [&line] }, 2));
    for Occurrences { word, times } in top.get().await? {
        println!("{times} x {word}");
    }
    println!("longest of the last line: {}", line.get_part::<String>("longest").await?);
    session.close().await?;
    Ok(())
}
