//! The most memory that a large value takes while it moves.

use anyhow::Result;

use crate::carrier::{Carrier, Direction};
use crate::cores::Place;
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;

const GROUP: &str = "memory";

/// Beyond the defaults, which end at 256 MiB with what is around the bytes.
const FLAGS: [&str; 4] = ["--limits-value-bytes", "512MiB", "--limits-session-kept-bytes", "1GiB"];

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let mebibytes = runner.plan().pick(256, 64);
    for direction in [Direction::Put, Direction::Get] {
        let way = match direction {
            Direction::Put => "in",
            Direction::Get => "out",
        };
        let server_name = format!("{mebibytes} MiB {way}: server's peak, of its size");
        let client_name = format!("{mebibytes} MiB {way}: client's peak beyond the caller's copy");
        if !runner.wants_any(GROUP, &[&server_name, &client_name]) {
            continue;
        }
        let (mut server, mut client) = (Vec::new(), Vec::new());
        for _ in 0..runner.plan().runs() {
            let peaks = peaks(stage, direction, mebibytes << 20).await?;
            server.push(peaks.0);
            client.push(peaks.1);
        }
        let note = format!("VmHWM over VmRSS before; a new server each run, {}", FLAGS.join(" "));
        let spec = Spec::lower(GROUP, server_name, Unit::Times)
            .target(Target::at_most(1.3))
            .note(&note)
            .note(match direction {
                Direction::Put => "over what it held before the value came",
                Direction::Get => "over what it held before the value came, putting it included",
            });
        runner.add(spec, Samples::new(server)?, None)?;
        let spec = Spec::lower(GROUP, client_name, Unit::Times)
            .target(Target::at_most(0.3))
            .note("VmHWM over VmRSS before, without the value itself, of its size");
        runner.add(spec, Samples::new(client)?, None)?;
    }
    Ok(())
}

/// What moving a value takes at most, on the server and on the client, as a share of
/// the value's size.
async fn peaks(stage: &Stage, direction: Direction, bytes: usize) -> Result<(f64, f64)> {
    let data = DataFolder::new()?;
    let server = Server::start(&stage.cores, Place::Server, &data, &FLAGS)?;
    // The first connection makes what stays for all.
    server.session().await?.0.close().await?;
    server.process().forget_peak()?;
    let before = server.process().resident()?;
    let client = Carrier::start(&stage.cores, &server, direction, bytes).await?;
    let peak = server.process().peak()?.saturating_sub(before);
    Ok((peak as f64 / bytes as f64, client as f64 / bytes as f64))
}
