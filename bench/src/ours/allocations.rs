//! What the server and the client allocate; counted once, since it does not vary.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::allocations::{Allocated, Counts, Sides};
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
    for (what, sides) in [
        ("small call + value", counts.sequential),
        ("small call + value, pipelined", counts.pipelined),
        ("fresh call + value", counts.fresh),
    ] {
        for (side, Allocated { count, bytes }) in apart(sides) {
            let name = format!("{what}, {side}: allocations");
            let spec = Spec::lower(GROUP, name, Unit::Count).note(NOTE);
            runner.add(spec, Samples::new(vec![count])?, None)?;
            let name = format!("{what}, {side}: bytes allocated");
            let spec = Spec::lower(GROUP, name, Unit::Bytes);
            runner.add(spec, Samples::new(vec![bytes])?, None)?;
        }
    }
    for (what, sides) in [("64 MiB in", counts.put), ("64 MiB out", counts.get)] {
        for (side, Allocated { count, bytes }) in apart(sides) {
            let name = format!("{what}, {side}: allocations");
            let spec = Spec::lower(GROUP, name, Unit::Count)
                .note("the server's until it is quiet, so that writing to storage is included");
            runner.add(spec, Samples::new(vec![count])?, None)?;
            let name = format!("{what}, {side}: bytes allocated, of its size");
            let spec = Spec::lower(GROUP, name, Unit::Times).note(
                "each copy of the value in new memory counts once, but for one on the side \
                     that receives it: payloads of 4 MiB and more lie in memory from the system \
                     itself, which the allocator does not see",
            );
            runner.add(spec, Samples::new(vec![bytes / Counts::LARGE as f64])?, None)?;
        }
    }
    Ok(())
}

const NOTE: &str = "by an allocator that counts, in a process with both sides; reallocations \
                    count, guest memory does not; what the bench allocates to call counts as \
                    the client's";

fn apart(sides: Sides) -> [(&'static str, Allocated); 2] {
    [("server", sides.server), ("client", sides.client)]
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
