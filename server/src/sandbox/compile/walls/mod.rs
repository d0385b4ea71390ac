//! The walls around a compiler: what its process can't do, whatever a module makes of
//! it. They are raised in the child before it has read its order, all of them by
//! default, and none comes down before the process ends.
//!
//! Where the system lacks one, the child goes on without it and says so. They hold the
//! process, not the code that it makes: that runs in the server.

mod descriptors;
mod landlock;
mod privileges;
mod resources;
mod seccomp;

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(super) use resources::bound;

/// What keeps a compiler from something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Wall {
    /// It has no descriptors but its pipes.
    Descriptors,
    /// No program that it starts could have more rights than it has.
    Privileges,
    /// It takes so much of the processor, of memory and of descriptors at most.
    Resources,
    /// It can't open or change files (Landlock).
    Files,
    /// It can't connect or listen (Landlock).
    Network,
    /// It can't reach other processes by signals or abstract sockets (Landlock).
    Signals,
    /// It makes those system calls only that compiling takes (seccomp).
    Syscalls,
}

impl Wall {
    /// All of them, in the order in which they are raised: what one takes away, those
    /// before it need.
    pub(super) const ALL: [Wall; 7] = [
        Wall::Descriptors,
        Wall::Privileges,
        Wall::Resources,
        Wall::Files,
        Wall::Network,
        Wall::Signals,
        Wall::Syscalls,
    ];

    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Wall::Descriptors => "descriptors",
            Wall::Privileges => "privileges",
            Wall::Resources => "resources",
            Wall::Files => "files",
            Wall::Network => "network",
            Wall::Signals => "signals",
            Wall::Syscalls => "syscalls",
        }
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a wall stands, and since when or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Raised {
    pub(super) wall: Wall,
    /// What raising it took, or why it does not stand.
    pub(super) outcome: Result<Duration, String>,
}

/// Raises walls around this process, which must have one thread only.
pub(super) fn raise(walls: &[Wall]) -> Vec<Raised> {
    // Landlock's three are raised as one; each says the time of all.
    let mut landlock = None;
    let mut raise = |wall| {
        let begun = Instant::now();
        let outcome = match wall {
            Wall::Descriptors => descriptors::close(),
            Wall::Privileges => privileges::keep(),
            Wall::Resources => resources::bound_all(),
            Wall::Files | Wall::Network | Wall::Signals => {
                let landlock = landlock.get_or_insert_with(|| landlock::Landlock::raise(walls));
                landlock.holds(wall)
            }
            Wall::Syscalls => seccomp::forbid(),
        };
        Raised { wall, outcome: outcome.map(|()| begun.elapsed()) }
    };
    Wall::ALL.into_iter().filter(|wall| walls.contains(wall)).map(&mut raise).collect()
}

/// Why a wall does not stand on other systems.
#[cfg(not(target_os = "linux"))]
const NOT_HERE: &str = "this system has nothing that it could be made of";
