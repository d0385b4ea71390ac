//! Evidence that the walls stand: a process like a compiler's, which tries what they
//! forbid instead of compiling.
//!
//! `farside compile-for-farside probe` reads from standard input which walls to raise,
//! or `all`, and what to try, `nothing` among it. It prints a line for each wall, with
//! the microseconds that raising it took or why it does not stand, and one for what
//! became of the attempt, unless the attempt ends it. It is for tests and measurements.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::Command;

use super::walls::{self, Wall};

/// The second argument of a program that is started as a probe.
pub(super) const ARGUMENT: &str = "probe";

pub(super) fn run() -> io::Result<()> {
    let mut wanted = String::new();
    io::stdin().lock().read_to_string(&mut wanted)?;
    let mut words = wanted.split_whitespace();
    let (walls, attempt) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_wanted =
        |wall: &Wall| walls == "all" || walls.split(',').any(|name| name == wall.name());
    let walls: Vec<Wall> = Wall::ALL.into_iter().filter(is_wanted).collect();
    let mut out = io::stdout().lock();
    for raised in walls::raise(&walls) {
        match raised.outcome {
            Ok(took) => writeln!(out, "{}: {} us", raised.wall, took.as_micros())?,
            Err(why) => writeln!(out, "{}: missing, {why}", raised.wall)?,
        }
    }
    out.flush()?;
    match try_to(attempt) {
        Ok(found) => writeln!(out, "{attempt}: done, {found}")?,
        Err(error) => writeln!(out, "{attempt}: refused, {}", error.kind())?,
    }
    out.flush()
}

/// Tries one thing, and tells what was found.
fn try_to(attempt: &str) -> io::Result<String> {
    let found = match attempt {
        "nothing" => 0,
        "read-a-file" => fs::read("/proc/self/status")?.len(),
        "list-a-folder" => fs::read_dir("/")?.count(),
        "write-a-file" => {
            let path = env::temp_dir().join(format!("farside-probe-{}", std::process::id()));
            fs::write(&path, "probe")?;
            fs::remove_file(&path)?;
            1
        }
        "listen" => usize::from(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port() > 0),
        #[cfg(unix)]
        "pair-sockets" => {
            let (one, _other) = std::os::unix::net::UnixStream::pair()?;
            one.set_nonblocking(true)?;
            2
        }
        "start-a-program" => usize::from(Command::new("/bin/true").status()?.success()),
        "start-a-thread" => {
            let thread = std::thread::Builder::new().spawn(|| 1)?;
            thread.join().unwrap_or_default()
        }
        #[cfg(unix)]
        "signal-the-parent" => {
            let parent = rustix::process::getppid().ok_or(io::ErrorKind::NotFound)?;
            rustix::process::test_kill_process(parent)?;
            1
        }
        "list-descriptors" => fs::read_dir("/proc/self/fd")?.count(),
        "abort" => std::process::abort(),
        _ => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    Ok(found.to_string())
}
