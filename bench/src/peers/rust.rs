//! RPC in Rust: tonic and tarpc, by the program `farside-peers`.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use super::peer::Kind;
use super::rows;
use crate::latency::Cadence;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::target::Target;

const GROUP: &str = "peers in Rust";

/// Each with the word that the program knows it by.
fn kinds() -> [(&'static str, Kind); 3] {
    let tonic = Kind {
        name: "tonic, unary",
        note: "gRPC over HTTP/2 with TCP_NODELAY, messages of prost",
        window: 1024,
        sequential: Some(Target::ratio_at_most(1.2)),
        pipelined: None,
        array: None,
        slow_array: false,
    };
    let stream = Kind {
        name: "tonic, stream",
        note: "gRPC, all calls on one bidirectional stream, messages of prost",
        sequential: None,
        ..tonic
    };
    let tarpc = Kind {
        name: "tarpc",
        note: "MessagePack over TCP with TCP_NODELAY",
        sequential: Some(Target::ratio_at_most(1.2)),
        ..tonic
    };
    [("tonic", tonic), ("tonic-stream", stream), ("tarpc", tarpc)]
}

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) {
    let program = match program() {
        Ok(program) => program,
        Err(error) => return runner.settle(GROUP, Err(error)),
    };
    if !program.exists() {
        let file = program.display();
        return runner.skip(GROUP, format!("{file} is not there; cargo xtask bench builds it"));
    }
    for (word, kind) in kinds() {
        let command = || {
            let mut command = Command::new(&program);
            command.arg(word);
            command
        };
        let cadences = [Cadence::Idle, Cadence::Awake];
        let outcome = rows::measure(runner, stage, GROUP, &kind, &cadences, command).await;
        runner.settle(kind.name, outcome);
    }
}

/// The program, which is built into the folder of this one.
fn program() -> Result<std::path::PathBuf> {
    let this = env::current_exe().context("cannot tell where this program lies")?;
    Ok(this.with_file_name("farside-peers"))
}
