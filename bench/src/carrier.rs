//! A client in a process of its own that moves one large value and says how much
//! memory it took.

use std::io::Write as _;
use std::process::{Command, Stdio, id};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use farside::Client;

use crate::cores::{Cores, Place};
use crate::ours::{byte_string, keep};
use crate::process::Process;
use crate::server::Server;
use crate::usage::{forget_peak, memory};

/// Be a client that moves one value
#[derive(Args)]
pub(crate) struct Carrier {
    direction: Direction,
    /// Bytes of the value.
    #[arg(long)]
    bytes: usize,
    /// Address of the server; the token is in FARSIDE_TOKEN.
    #[arg(long)]
    url: String,
}

/// Which way the value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// From the client to the server.
    Put,
    /// From the server to the client, which has put it there before.
    Get,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Put => "put",
            Direction::Get => "get",
        }
    }
}

impl Carrier {
    /// Moves the value; writes the bytes of memory taken beyond the caller's copy.
    pub(crate) async fn run(&self) -> Result<()> {
        let session = Client::builder().url(&self.url).connect().await?.session().await?;
        let value = byte_string(self.bytes)?;
        let beyond = match self.direction {
            Direction::Put => {
                let before = start()?;
                drop(keep(&session, &value).await?);
                peak()?.saturating_sub(before)
            }
            Direction::Get => {
                let far = keep(&session, &value).await?;
                drop(value);
                let before = start()?;
                let (_, value) = far.get_raw(None).await?;
                ensure!(value.len() > self.bytes, "{} bytes came", value.len());
                peak()?.saturating_sub(before + value.len() as u64)
            }
        };
        println!("{beyond}");
        std::io::stdout().flush().context("cannot write")
    }

    /// Starts this role as a process and waits for it; gives the bytes that it took.
    pub(crate) async fn start(
        cores: &Cores,
        server: &Server,
        direction: Direction,
        bytes: usize,
    ) -> Result<u64> {
        let role = Process::role("carrier")?;
        let mut command = Command::new(role.get_program());
        command.args(role.get_args()).arg(direction.name());
        command.arg("--bytes").arg(bytes.to_string()).arg("--url").arg(server.url());
        command.env("FARSIDE_TOKEN", server.token());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = cores.spawn(Place::Client, &mut command)?;
        let output = child.wait_with_output().context("cannot wait for a client")?;
        ensure!(output.status.success(), "a client failed: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().with_context(|| format!("a client said `{text}`"))
    }
}

/// What this process holds; its peak counts from here.
fn start() -> Result<u64> {
    forget_peak(id())?;
    memory(id(), "VmRSS")
}

fn peak() -> Result<u64> {
    memory(id(), "VmHWM")
}
