//! End-to-end tests: one binary, a module for each subject.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

use farside_tests::{bystander, echo, gate, peer, sdk};

mod account;
mod asking;
mod calling;
mod ceilings;
mod cli;
mod compiling;
mod demo;
mod desk;
mod determinism;
mod differing;
mod draining;
mod evaluating;
mod evaluators;
mod fairness;
mod faults;
mod floods;
mod fresh;
mod languages;
mod limits;
mod local;
mod metered;
mod objects;
mod ordering;
mod own;
mod owners;
mod plain;
mod poisoning;
mod preparing;
mod python;
mod readme;
mod refs;
mod repl;
mod sessions;
mod smoke;
mod spending;
#[cfg(target_os = "linux")]
mod stacks;
mod stalls;
mod stats;
mod stopping;
mod storage;
mod teleporting;
mod tls;
mod told;
mod transfers;
mod transports;
mod uploads;
mod values;
#[cfg(target_os = "linux")]
mod walls;
mod wire;
