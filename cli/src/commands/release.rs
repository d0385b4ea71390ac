//! `farside release`: references that are needed no more.

use clap::Args;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print_json};
use crate::remote::Remote;
use crate::shell::reference::Reference;

/// Give up references and what they keep; never stops a call
#[derive(Args)]
#[command(after_help = "Example:\n  farside release far:65543 far:_")]
pub(crate) struct Release {
    /// The references: far:65543, or far:_ for the last one
    #[arg(value_name = "REF", required = true)]
    references: Vec<Reference>,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Release {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot release";
        let here = self.remote.session().await?;
        let ids = self.references.iter().map(|reference| reference.id(here.last));
        let ids: Vec<_> = ids.collect::<Result<_, _>>().blame(WHAT)?;
        here.session.release(&ids);
        here.session.flush().await.blame(WHAT)?;
        let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
        match self.format.json {
            true => print_json(&json!({ "released": names })).blame(WHAT),
            false => {
                note(format_args!("released {}", names.join(", ")));
                Ok(())
            }
        }
    }
}
