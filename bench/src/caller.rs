//! A client in a process of its own on a runtime of many threads, as most programs are.
//! It measures what its [`Driver`] tells it to.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand};
use farside::{Client, Function, Session};

use crate::cores::{Cores, Place};
use crate::driver::Driver;
use crate::latency::Cadence;
use crate::ours::call_from_tasks;
use crate::process::Process;
use crate::server::Server;
use crate::wire::Echo;

/// Be a client on many threads
#[derive(Args)]
pub(crate) struct Caller {
    /// The `ws://` address of the server.
    url: String,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Of Farside; its token is in FARSIDE_TOKEN
    Farside {
        /// The bench's guest, as WebAssembly.
        guest: PathBuf,
    },
    /// Of the bare echo
    Echo {
        /// Bytes of a frame.
        bytes: usize,
    },
}

/// What a client is connected to.
enum Peer {
    Farside { square: Function, _session: Session },
    Echo { echo: Box<Echo>, frame: Bytes },
}

impl Caller {
    /// Starts a client of Farside on all cores.
    pub(crate) fn of_farside(cores: &Cores, server: &Server) -> Result<Driver> {
        let mut command = role(server.url())?;
        command.arg("farside").arg(server.guest("workload"));
        Driver::start(cores, Place::Anywhere, command.env("FARSIDE_TOKEN", server.token()))
    }

    /// Starts a client of the echo on all cores.
    pub(crate) fn of_echo(cores: &Cores, echo: &Process, bytes: usize) -> Result<Driver> {
        let mut command = role(echo.address())?;
        Driver::start(cores, Place::Anywhere, command.arg("echo").arg(bytes.to_string()))
    }

    /// Connects, says its version, and answers tasks until there are no more.
    pub(crate) async fn run(&self) -> Result<()> {
        let mut peer = self.connect().await?;
        println!("{}", env!("CARGO_PKG_VERSION"));
        // Waiting for a task blocks this thread; nobody calls meanwhile.
        for line in std::io::stdin().lines() {
            let line = line.context("cannot read a task")?;
            let words: Vec<&str> = line.split_whitespace().collect();
            let [task, millis, number] = words[..] else { bail!("not a task: {line}") };
            let time = Duration::from_millis(millis.parse().context("no time")?);
            let number: usize = number.parse().context("no number")?;
            let figure = match task {
                "sequential" if number == 0 => peer.sequential(Cadence::Awake, time).await?,
                "sequential" => peer.sequential(Cadence::Idle, time).await?,
                "pipelined" => peer.pipelined(number, time).await?,
                _ => bail!("not a task: {line}"),
            };
            println!("{figure}");
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Peer> {
        Ok(match &self.kind {
            Kind::Farside { guest } => {
                let session = Client::builder().url(&self.url).connect().await?.session().await?;
                let square = session.upload(guest).await?.function("square")?;
                Peer::Farside { square, _session: session }
            }
            Kind::Echo { bytes } => {
                let echo = Box::new(Echo::connect(&self.url).await?);
                Peer::Echo { echo, frame: Bytes::from(vec![7; *bytes]) }
            }
        })
    }
}

impl Peer {
    async fn sequential(&mut self, cadence: Cadence, time: Duration) -> Result<f64> {
        match self {
            Peer::Farside { square, .. } => {
                let call = async || {
                    let squared: i64 = square.value((1_234_567,)).await?;
                    ensure!(squared == 1_524_155_677_489, "a wrong square: {squared}");
                    Ok(())
                };
                cadence.median(time, call).await
            }
            Peer::Echo { echo, frame } => {
                cadence.median(time, async || echo.round_trip(frame).await).await
            }
        }
    }

    async fn pipelined(&mut self, window: usize, time: Duration) -> Result<f64> {
        let begun = Instant::now();
        let count = match self {
            Peer::Farside { square, .. } => call_from_tasks(square, window, time).await?,
            Peer::Echo { echo, frame } => echo.pipeline(frame, window, time).await?,
        };
        Ok(count as f64 / begun.elapsed().as_secs_f64())
    }
}

fn role(url: &str) -> Result<Command> {
    let mut command = Process::role("caller")?;
    command.arg(url);
    Ok(command)
}
