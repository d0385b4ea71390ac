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
    /// Run only the tests whose names contain one of these
    filters: Vec<String>,
}

impl Test {
    /// Runs every part, whatever became of those before it, and sums up.
    pub(crate) fn run(&self, workspace: &Workspace) -> ExitCode {
        let parts = [
            Part::step("guests", || guests::build(workspace, self.setup)),
            Part::command("fmt", workspace.cargo("fmt").args(["--all", "--check"])),
            self.unless_fast("clippy", &mut clippy(workspace)),
            self.unless_fast("doc", &mut doc(workspace)),
            self.supply_chain(workspace),
            Part::command("build", workspace.cargo("build").args(["--workspace", "--all-targets"])),
            self.tests(workspace),
            Part::tests("evaluators' tests", Runner::CargoTest, &mut self.shared(workspace)),
            Part::tests("doc tests", Runner::CargoTest, &mut self.doc_tests(workspace)),
        ];

        println!("\n== summary");
        let mut sum = Counts::default();
        for part in &parts {
            part.print();
            sum += part.counts;
        }
        println!("\n{sum}");
        if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

    fn doc_tests(&self, workspace: &Workspace) -> Command {
        let mut test = workspace.cargo("test");
        test.args(["--workspace", "--doc", "--no-fail-fast", "--"]).args(&self.filters);
        test
    }
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
