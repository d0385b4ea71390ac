//! What the server allocates; counted once, since it does not vary.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::allocations::{Allocated, Counts};
use crate::cores::Place;
use crate::process::Process;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::DataFolder;
use crate::stage::Stage;
use crate::unit::Unit;

const GROUP: &str = "allocations";

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let counts = count(stage)?;
    for (what, Allocated { count, bytes }) in [
        ("small call + value", counts.sequential),
        ("small call + value, pipelined", counts.pipelined),
        ("fresh call + value", counts.fresh),
    ] {
        let note = "on the server, by an allocator that counts, in a process with the client; \
                    reallocations count, guest memory does not";
        let spec = Spec::lower(GROUP, format!("{what}: allocations"), Unit::Count).note(note);
        runner.add(spec, Samples::new(vec![count])?, None)?;
        let spec = Spec::lower(GROUP, format!("{what}: bytes allocated"), Unit::Bytes);
        runner.add(spec, Samples::new(vec![bytes])?, None)?;
    }
    for (what, Allocated { count, bytes }) in
        [("64 MiB in", counts.put), ("64 MiB out", counts.get)]
    {
        let spec = Spec::lower(GROUP, format!("{what}: allocations"), Unit::Count);
        runner.add(spec, Samples::new(vec![count])?, None)?;
        let spec = Spec::lower(GROUP, format!("{what}: bytes allocated, of its size"), Unit::Times)
            .note("each copy of the value in new memory counts once");
        runner.add(spec, Samples::new(vec![bytes / Counts::LARGE as f64])?, None)?;
    }
    Ok(())
}

/// Runs the role that counts.
fn count(stage: &Stage) -> Result<Counts> {
    let data = DataFolder::new()?;
    let role = Process::role("allocations")?;
    let mut command = Command::new(role.get_program());
    command.args(role.get_args()).arg(stage.server.guest("workload")).arg(data.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = stage.cores.spawn(Place::Anywhere, &mut command)?;
    let output = child.wait_with_output().context("cannot wait for the count")?;
    ensure!(output.status.success(), "the count failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("the count gave no JSON")
}
