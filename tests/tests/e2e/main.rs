//! End-to-end tests: one binary, a module for each subject.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

use farside_tests::{bystander, echo, gate, peer, sdk};

mod account;
mod calling;
mod ceilings;
mod cli;
mod compiling;
mod demo;
mod desk;
mod differing;
mod draining;
mod evaluating;
mod evaluators;
mod faults;
mod floods;
mod fresh;
mod languages;
mod limits;
mod local;
mod objects;
mod ordering;
mod own;
mod plain;
mod preparing;
mod python;
mod readme;
mod refs;
mod repl;
mod sessions;
mod smoke;
mod stats;
mod stopping;
mod storage;
mod teleporting;
mod told;
mod transfers;
mod transports;
mod uploads;
mod values;
mod wire;
