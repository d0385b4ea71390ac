//! A short run of every target: the kept corpus, and inputs made of it in an order that
//! never changes. How many is a count, so that it does not depend on the machine.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

use farside_fuzz::{Mutator, Rig, Target, kept};

/// What the order of the inputs is drawn from.
const SEED: u64 = 7;

fn check(target: Target, rig: Option<&Rig>, executions: usize) {
    let corpus = kept(target).unwrap();
    assert!(!corpus.is_empty(), "nothing is kept for {}", target.name());
    let mut mutator = Mutator::new(corpus.clone(), SEED);
    let made = std::iter::repeat_with(|| mutator.next_input()).take(executions);
    corpus.into_iter().chain(made).for_each(|input| target.run(rig, &input));
}

#[test]
fn requests() {
    check(Target::Request, None, 20_000);
}

#[test]
fn replies() {
    check(Target::Reply, None, 20_000);
}

#[test]
fn selections() {
    check(Target::Select, None, 10_000);
}

#[test]
fn manifests() {
    check(Target::Manifest, None, 5_000);
}

#[test]
fn arguments() {
    check(Target::Arguments, None, 5_000);
}

#[test]
fn modules() {
    check(Target::Module, Some(&Rig::start().unwrap()), 20);
}

#[test]
fn images() {
    check(Target::Image, Some(&Rig::start().unwrap()), 20);
}

#[test]
fn undoing() {
    check(Target::Undo, Some(&Rig::start().unwrap()), 2);
}
