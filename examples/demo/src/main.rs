//! A walk through Farside's main job, against a real server process: what happens, and
//! what it costs, line by line. It ends with an error at the first wrong answer.
//!
//! `cargo xtask demo` builds all that it needs and runs it.

mod chain;
mod crowd;
mod descriptors;
mod evaluate;
mod faults;
mod isolation;
mod measure;
mod page;
mod parts;
mod renewals;
mod server;
mod upload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use farside::Client;

use crate::page::Page;
use crate::server::Server;

/// Walk through Farside's main job
#[derive(Parser)]
struct Demo {
    /// The `farside` program
    #[arg(long)]
    server: PathBuf,
    /// The folder with the example guests, as NAME.wasm
    #[arg(long)]
    guests: PathBuf,
    /// Leave out the parts with a thousand sessions and a thousand renewals
    #[arg(long)]
    quick: bool,
}

/// What every part of the walk starts from.
struct Stage {
    page: Page,
    server: Server,
    client: Client,
    guests: PathBuf,
}

impl Stage {
    fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(name).with_extension("wasm")
    }
}

/// One thread is enough for a client; and a chain of calls is then complete before the
/// first of it is sent, so its round trips are the same on every machine.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let demo = Demo::parse();
    let server = match Server::start(&demo.server) {
        Ok(server) => server,
        Err(error) => return failed(&error),
    };
    let log = server.log();
    match demo.walk(server).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe server's log:\n{}", log.text());
            failed(&error)
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

impl Demo {
    async fn walk(&self, server: Server) -> Result<()> {
        let start = Instant::now();
        let client = Client::builder().url(server.url()).token(&server.token()?).connect();
        let client = client.await.context("cannot connect")?;
        let page = Page::new();
        let stage = Stage { page, server, client, guests: self.guests.clone() };
        greet(&stage, &self.server);

        upload::show(&stage).await.context("upload")?;
        chain::show(&stage).await.context("chain of calls")?;
        parts::show(&stage).await.context("parts of values")?;
        faults::show(&stage).await.context("faults")?;
        isolation::show(&stage).await.context("isolation")?;
        evaluate::show(&stage).await.context("evaluation")?;
        if !self.quick {
            crowd::show(&stage).await.context("a thousand sessions")?;
            renewals::show(&stage).await.context("a thousand renewals")?;
        }

        stage.page.title("Done");
        let took = measure::time(start.elapsed());
        stage.page.row("every answer was right", &format!("in {took}"));
        Ok(())
    }
}

fn greet(stage: &Stage, program: &Path) {
    let Stage { page, server, client, .. } = stage;
    let versions = client.server();
    page.title("Connect");
    page.row("program", &program.display().to_string());
    page.row("listens on", server.url());
    page.row("data folder", &format!("{} (temporary)", server.data().display()));
    page.row("server", &format!("{}, wasmtime {}", versions.server, versions.wasmtime));
    if cfg!(debug_assertions) {
        page.row("build", "dev profile: the times are not those of a release");
    }
}
