//! Keeping cores awake: a spinner on each that gives way to everything else.

use std::hint;
use std::process::{Child, Command, Stdio};

use anyhow::Result;

use crate::cores::{Cores, Place};
use crate::process::Process;

/// Spinners on all cores, which end with this guard.
#[derive(Debug)]
pub(crate) struct Awake {
    spinners: Vec<Child>,
}

impl Awake {
    /// Keeps every core awake.
    pub(crate) fn keep(cores: &Cores) -> Result<Awake> {
        let mut awake = Awake { spinners: Vec::new() };
        for place in [Place::Server, Place::Client] {
            let role = Process::role("spin")?;
            // Of the idle class, a spinner yields at once; niced, it would now and
            // then hold a core for a whole time slice.
            let mut command = Command::new("chrt");
            command.args(["--idle", "0"]).arg(role.get_program()).args(role.get_args());
            command.stdin(Stdio::null()).stdout(Stdio::null());
            awake.spinners.push(cores.spawn(place, &mut command)?);
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for spinner in &mut self.spinners {
            // It may have ended already; then there is nothing left to end.
            let _ = spinner.kill();
            let _ = spinner.wait();
        }
    }
}

/// Spins until the process is ended.
pub(crate) fn spin() -> ! {
    loop {
        hint::spin_loop();
    }
}
