//! A server process beside this one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cores::{Cores, Place};
use crate::usage;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// What servers write in front of their address.
pub(crate) const LISTENING: &str = "listening on ";

/// A running process, which ends with this guard.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// Starts a server in a place, and waits until it writes `listening on ADDRESS`
    /// to stdout or stderr.
    pub(crate) fn start(cores: &Cores, place: Place, command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = cores.spawn(place, command)?;
        let (sender, lines) = mpsc::channel();
        for output in outputs(&mut child) {
            let sender = sender.clone();
            // Whatever a process writes is read to its end, so that it never waits.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        drop(sender);
        let mut process = Process { child, address: String::new() };
        process.address = listening(&lines).with_context(|| format!("{name} does not listen"))?;
        Ok(process)
    }

    /// This program in another role.
    pub(crate) fn role(role: &str) -> Result<Command> {
        let program = std::env::current_exe().context("cannot tell where this program lies")?;
        let mut command = Command::new(program);
        command.arg(role);
        Ok(command)
    }

    /// The address that it said it listens on.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it holds now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        usage::memory(self.child.id(), "VmRSS")
    }

    /// The memory that it shares with nobody and with no file, in bytes.
    pub(crate) fn private(&self) -> Result<u64> {
        usage::memory(self.child.id(), "RssAnon")
    }

    /// The most memory that it held since [`forget_peak`](Process::forget_peak), in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        usage::memory(self.child.id(), "VmHWM")
    }

    /// Begins anew to look for the most memory held.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        usage::forget_peak(self.child.id())
    }

    /// Processor time that its living threads have used.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.child.id())
    }

    /// Waits until it has done what it does after its last answer.
    pub(crate) async fn quiet(&self) -> Result<()> {
        usage::quiet(self.child.id()).await
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("cannot end a server")?;
        let begun = Instant::now();
        while self.child.try_wait().context("cannot wait for a server")?.is_none() {
            if begun.elapsed() > FAREWELL {
                bail!("a server does not end");
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn outputs(child: &mut Child) -> Vec<Box<dyn Read + Send>> {
    let mut outputs: Vec<Box<dyn Read + Send>> = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        outputs.push(Box::new(stdout));
    }
    if let Some(stderr) = child.stderr.take() {
        outputs.push(Box::new(stderr));
    }
    outputs
}

/// The address in the first line that has one.
fn listening(lines: &Receiver<String>) -> Result<String> {
    let mut said = String::new();
    let begun = Instant::now();
    while let Ok(line) = lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
        if let Some((_, address)) = line.split_once(LISTENING) {
            return Ok(address.split_whitespace().next().unwrap_or_default().to_owned());
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("it said:\n{said}")
}
