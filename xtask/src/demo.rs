//! `cargo xtask demo`: builds all that the demo needs and runs it.

use anyhow::Result;
use clap::Args;

use crate::Setup;
use crate::guests;
use crate::workspace::{self, Workspace};

#[derive(Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    setup: Setup,
    /// Leave out the parts with a thousand sessions and a thousand renewals
    #[arg(long)]
    quick: bool,
}

impl Demo {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        guests::build(workspace, self.setup)?;
        workspace::run(workspace.cargo("build").args(["--workspace", "--bins"]))?;

        let mut demo = workspace.command(workspace.binary("farside-demo"));
        demo.arg("--server").arg(workspace.binary("farside"));
        demo.arg("--guests").arg(guests::folder(workspace));
        if self.quick {
            demo.arg("--quick");
        }
        workspace::run(&mut demo)
    }
}
