//! RPC in Python, by the scripts in `bench/python`.

use super::peer::Kind;
use super::rows;
use super::venv::Venv;
use crate::latency::Cadence;
use crate::plan::Plan;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;

const GROUP: &str = "peers in Python";

/// A peer and the script that plays its roles.
struct Script {
    file: &'static str,
    environment: &'static [(&'static str, &'static str)],
    kind: Kind,
}

fn scripts() -> [Script; 5] {
    let kind = |name, note, window| Kind {
        name,
        note,
        window,
        sequential: Some(Target::ratio_at_most(1.0)),
        pipelined: Some(Target::ratio_at_least(10.0)),
        array: Some(Target::ratio_at_least(1.0)),
        slow_array: false,
    };
    let rpyc = "asynchronous calls; TCP_NODELAY and no compression, unlike its defaults";
    let serpent = "batches; TCP_NODELAY; serpent, its default serializer";
    let msgpack = "batches; TCP_NODELAY; its MessagePack serializer, which is not its default";
    let zero = "asynchronous calls over ZeroMQ, its default; one worker process";
    let websockets = "asyncio, a message for each call; no compression";
    [
        Script { file: "peer_rpyc.py", environment: &[], kind: kind("RPyC", rpyc, 1024) },
        Script {
            file: "peer_pyro5.py",
            environment: &[("PYRO_SERIALIZER", "serpent")],
            kind: Kind { slow_array: true, ..kind("Pyro5", serpent, 64) },
        },
        Script {
            file: "peer_pyro5.py",
            environment: &[("PYRO_SERIALIZER", "msgpack")],
            kind: kind("Pyro5, MessagePack", msgpack, 1024),
        },
        Script { file: "peer_zero.py", environment: &[], kind: kind("zero", zero, 64) },
        Script {
            file: "peer_websockets.py",
            environment: &[],
            kind: kind("websockets + msgpack", websockets, 1024),
        },
    ]
}

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    let cadences: &[Cadence] = match runner.plan() {
        Plan::Full => &[Cadence::Idle, Cadence::Awake],
        Plan::Quick => &[Cadence::Awake],
    };
    let scripts = scripts();
    if !scripts.iter().any(|script| rows::wanted(runner, GROUP, &script.kind, cadences)) {
        return;
    }
    let venv = match Venv::make() {
        Ok(venv) => venv,
        Err(error) => return runner.skip(GROUP, format!("{error:#}")),
    };
    runner.version("Python", venv.version());
    for script in &scripts {
        let command = || {
            let mut command = venv.script(script.file);
            command.envs(script.environment.iter().copied());
            command
        };
        let outcome = rows::measure(runner, stage, GROUP, &script.kind, cadences, command).await;
        runner.settle(script.kind.name, outcome);
    }
}
