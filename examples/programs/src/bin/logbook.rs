//! State that outlives a program: lines are written down, the connection is let go,
//! and another one reads them.
//!
//! Run it with the path of the `logbook` guest. FARSIDE_URL and FARSIDE_TOKEN say
//! where the server is and who asks.

use anyhow::Context;
use farside::Client;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let module = std::env::args().nth(1).context("give the path of logbook.wasm")?;
    let client = Client::builder().connect().await?;

    let session = client.session().await?;
    let logbook = session.upload(module).await?;
    for line in ["set sail", "saw land", "dropped anchor"] {
        drop(logbook.call::<u64>("add", (line,))); // it runs all the same
    }
    session.flush().await?;
    let (id, key) = (session.id(), session.key());
    drop((logbook, session));

    let session = client.attach(id, key).await?;
    let last = session.function("logbook.last").call::<()>((2,));
    for line in last.get_part::<Vec<String>>("[:].line").await? {
        println!("{line}");
    }
    session.close().await?;
    Ok(())
}
