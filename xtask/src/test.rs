//! `cargo xtask test`: everything that must hold before a change is good.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::Setup;
use crate::counts::{Counts, Runner};
use crate::deny;
use crate::guests;
use crate::part::Part;
use crate::workspace::{self, Workspace};

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    setup: Setup,
    /// Leave out lints and docs
    #[arg(long)]
    fast: bool,
    /// Run only the tests whose names contain one of these; or `hostile` first: only the
    /// corpus of hostile modules and clients, and show what came of each (of those whose
    /// names contain one of the other words)
    filters: Vec<String>,
}

/// The word that stands for the hostile corpus.
const HOSTILE: &str = "hostile";

impl Test {
    /// Runs every part, whatever became of those before it, and sums up.
    pub(crate) fn run(&self, workspace: &Workspace) -> ExitCode {
        match self.filters.split_first() {
            Some((first, cases)) if first == HOSTILE => sum_up(&[
                Part::step("guests", || guests::build(workspace, self.setup)),
                Part::command("build", workspace.cargo("build").args(["--workspace", "--bins"])),
                hostile(workspace, cases),
            ]),
            _ => sum_up(&self.parts(workspace)),
        }
    }

    fn parts(&self, workspace: &Workspace) -> [Part; 10] {
        [
            Part::step("guests", || guests::build(workspace, self.setup)),
            Part::command("fmt", workspace.cargo("fmt").args(["--all", "--check"])),
            self.unless_fast("clippy", &mut clippy(workspace)),
            self.unless_fast("doc", &mut doc(workspace)),
            self.supply_chain(workspace),
            Part::command("build", workspace.cargo("build").args(["--workspace", "--all-targets"])),
            self.tests(workspace),
            Part::tests("fuzz", Runner::CargoTest, &mut self.fuzz(workspace)),
            Part::tests("evaluators' tests", Runner::CargoTest, &mut self.shared(workspace)),
            Part::tests("doc tests", Runner::CargoTest, &mut self.doc_tests(workspace)),
        ]
    }

    /// What is built in. Left out, and counted as that, where there is nothing to look
    /// with.
    fn supply_chain(&self, workspace: &Workspace) -> Part {
        if self.fast || !deny::is_possible(workspace, self.setup) {
            println!(
                "\n== deny\nleft out: {}",
                if self.fast { "it was not asked for" } else { deny::HOW }
            );
            return Part::left_out("deny");
        }
        Part::step("deny", || deny::check(workspace, self.setup))
    }

    fn unless_fast(&self, name: &'static str, command: &mut Command) -> Part {
        if self.fast { Part::left_out(name) } else { Part::command(name, command) }
    }

    /// Unit, property, snapshot, compile-fail and end-to-end tests.
    fn tests(&self, workspace: &Workspace) -> Part {
        let (runner, mut command) =
            if workspace::output(workspace.cargo("nextest").arg("--version")).is_ok() {
                let mut nextest = workspace.cargo("nextest");
                nextest.args(["run", "--workspace", "--no-fail-fast", "--no-tests=pass"]);
                (Runner::Nextest, nextest)
            } else {
                let mut test = workspace.cargo("test");
                test.args(["--workspace", "--tests", "--no-fail-fast", "--"]);
                (Runner::CargoTest, test)
            };
        Part::tests("tests", runner, command.args(&self.filters))
    }

    /// The unit tests of what the evaluators share, which has a workspace of its own.
    fn shared(&self, workspace: &Workspace) -> Command {
        let mut test = workspace.cargo("test");
        test.args(["--locked", "--manifest-path", "evaluators/Cargo.toml"]);
        test.args(["--package", "evaluator-common", "--lib", "--no-fail-fast", "--"]);
        test.args(&self.filters).env("CARGO_TARGET_DIR", workspace.target().join("evaluators"));
        test
    }

    /// A short run of the fuzz targets, which have a workspace of their own as well.
    fn fuzz(&self, workspace: &Workspace) -> Command {
        let mut test = workspace.cargo("test");
        test.args(["--locked", "--manifest-path", "fuzz/Cargo.toml", "--no-fail-fast", "--tests"]);
        test.arg("--target-dir").arg(workspace.target()).arg("--").args(&self.filters);
        test
    }

    fn doc_tests(&self, workspace: &Workspace) -> Command {
        let mut test = workspace.cargo("test");
        test.args(["--workspace", "--doc", "--no-fail-fast", "--"]).args(&self.filters);
        test
    }
}

/// The test of the hostile corpus, by itself, with all that it prints. The whole workspace
/// is built for it, so that features are those of every other build.
fn hostile(workspace: &Workspace, cases: &[String]) -> Part {
    let mut test = workspace.cargo("test");
    test.args(["--workspace", "--test", HOSTILE, "--", "--nocapture"]);
    test.env("FARSIDE_HOSTILE", cases.join(","));
    Part::tests(HOSTILE, Runner::CargoTest, &mut test)
}

fn sum_up(parts: &[Part]) -> ExitCode {
    println!("\n== summary");
    let mut sum = Counts::default();
    for part in parts {
        part.print();
        sum += part.counts;
    }
    println!("\n{sum}");
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn clippy(workspace: &Workspace) -> Command {
    let mut clippy = workspace.cargo("clippy");
    clippy.args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
    clippy
}

/// The docs of all libraries. The command line is left out: its page would have the
/// same name as the client's.
fn doc(workspace: &Workspace) -> Command {
    let mut doc = workspace.cargo("doc");
    doc.args(["--workspace", "--no-deps", "--exclude", "farside-cli"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc
}
