//! A client process, which measures what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::cores::{Cores, Place};

/// How long a client may take to connect, and for a task beyond its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client measures, for some time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Calls one after the other with a rest before each: microseconds of a call.
    Sequential { rest: Duration },
    /// Calls with so many under way: how many in a second.
    Pipelined { window: usize },
    /// So many bytes there and back: microseconds.
    Array { bytes: usize },
}

/// A connected client, which ends with this guard.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    tasks: ChildStdin,
    figures: Receiver<String>,
    complaints: Receiver<String>,
    version: String,
}

impl Driver {
    /// Starts a client in a place, and waits until it has connected and says its version.
    pub(crate) fn start(cores: &Cores, place: Place, command: &mut Command) -> Result<Driver> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = cores.spawn(place, command)?;
        let tasks = child.stdin.take().context("a client has no input")?;
        let figures = lines(child.stdout.take().context("a client has no output")?);
        let complaints = lines(child.stderr.take().context("a client has no error output")?);
        let version = String::new();
        let mut driver = Driver { child, tasks, figures, complaints, version };
        driver.version = driver.answer(PATIENCE)?;
        Ok(driver)
    }

    /// The version that it said.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Lets it measure for some time; gives the figure.
    pub(crate) fn measure(&mut self, task: Task, time: Duration) -> Result<f64> {
        let millis = time.as_millis();
        let line = match task {
            Task::Sequential { rest } => format!("sequential {millis} {}\n", rest.as_micros()),
            Task::Pipelined { window } => format!("pipelined {millis} {window}\n"),
            Task::Array { bytes } => format!("array {millis} {bytes}\n"),
        };
        if let Err(error) = self.tasks.write_all(line.as_bytes()) {
            return Err(self.complaint().context(error));
        }
        let figure = self.answer(time + PATIENCE)?;
        figure.trim().parse().with_context(|| format!("not a figure: {figure}"))
    }

    fn answer(&mut self, patience: Duration) -> Result<String> {
        self.figures.recv_timeout(patience).map_err(|_| self.complaint())
    }

    /// What the client said last on its error output.
    fn complaint(&mut self) -> anyhow::Error {
        // It has ended, or hangs: its output ends now in any case.
        let _ = self.child.kill();
        let said = self.complaints.iter().last().unwrap_or_default();
        anyhow!("the client gave no answer; it said last: {said}")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of an output, which is read to its end, so that its process never waits.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Result<Driver> {
        let mut command = Command::new("sh");
        Driver::start(&Cores::here().unwrap(), Place::Client, command.args(["-c", script]))
    }

    #[test]
    fn a_client_tells_its_version_and_its_figures() {
        let mut driver = start("echo 1.2.3; read task time number; echo $time$number").unwrap();
        assert_eq!(driver.version(), "1.2.3");
        let task = Task::Pipelined { window: 34 };
        assert_eq!(driver.measure(task, Duration::from_millis(12)).unwrap(), 1234.0);
    }

    #[test]
    fn a_client_that_fails_is_quoted() {
        let error = start("echo out of luck >&2; exit 1").unwrap_err();
        assert_eq!(error.to_string(), "the client gave no answer; it said last: out of luck");
        let mut driver = start("echo 1; read task; echo many").unwrap();
        let error = driver.measure(Task::Array { bytes: 8 }, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "not a figure: many");
    }
}
