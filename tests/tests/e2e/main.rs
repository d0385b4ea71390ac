//! End-to-end tests: one binary, a module for each subject.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

mod account;
mod asking;
mod bystander;
mod calling;
mod ceilings;
mod cli;
mod compiling;
mod demo;
mod desk;
mod determinism;
mod differing;
mod draining;
mod echo;
mod evaluating;
mod evaluators;
mod fairness;
mod faults;
mod floods;
mod fresh;
mod gate;
mod languages;
mod limits;
mod local;
mod metered;
mod objects;
mod ordering;
mod own;
mod owners;
mod peer;
mod plain;
mod preparing;
mod python;
mod readme;
mod refs;
mod repl;
mod sdk;
mod sessions;
mod smoke;
mod spending;
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
