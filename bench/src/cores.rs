//! Where processes run: servers on one core, clients on another, where there are two.

use std::io;
use std::process::{Child, Command};

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of this machine that the bench may use.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    all: Vec<usize>,
}

/// Which cores a process is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The core of servers.
    Server,
    /// The core of clients.
    Client,
    /// Any.
    Anywhere,
}

impl Cores {
    /// The cores that this process was started with.
    pub(crate) fn here() -> Result<Cores> {
        let set = sched_getaffinity(None).context("cannot tell which cores there are")?;
        Ok(Cores { all: (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect() })
    }

    /// Whether servers and clients have a core each.
    pub(crate) fn are_apart(&self) -> bool {
        self.all.len() >= 2
    }

    /// The placement for people.
    pub(crate) fn describe(&self) -> String {
        match self.all.as_slice() {
            [server, client, ..] => format!(
                "servers pinned to core {server}, clients to core {client}, unless a row says otherwise"
            ),
            _ => "servers and clients share one core: no row tells much".to_owned(),
        }
    }

    /// The numbers of a place's cores.
    pub(crate) fn of(&self, place: Place) -> Vec<usize> {
        match (place, self.all.as_slice()) {
            (Place::Server, [server, _, ..]) => vec![*server],
            (Place::Client, [_, client, ..]) => vec![*client],
            _ => self.all.clone(),
        }
    }

    /// Binds this thread, and the threads and processes that it starts from now on.
    pub(crate) fn bind(&self, place: Place) -> io::Result<()> {
        let mut set = CpuSet::new();
        self.of(place).into_iter().for_each(|core| set.set(core));
        sched_setaffinity(None, &set)?;
        Ok(())
    }

    /// Starts a process in a place. A process inherits the cores of the thread that
    /// starts it, so that it never runs elsewhere; this thread is a client's after.
    pub(crate) fn spawn(&self, place: Place, command: &mut Command) -> Result<Child> {
        self.bind(place).context("cannot bind to a core")?;
        let child = command.spawn();
        self.bind(Place::Client).context("cannot bind to a core")?;
        child.with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
    }
}
