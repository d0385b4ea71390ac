//! `farside cancel`: a call that shall not go on.

use clap::Args;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print_json};
use crate::remote::Remote;
use crate::shell::reference::Reference;

/// Stop the call that shall fill a reference
#[derive(Args)]
#[command(after_help = "\
A call that waits never runs; one that runs is stopped, which poisons its
module's instance; one that has finished is left alone")]
pub(crate) struct Cancel {
    /// The call's reference: far:65543, or far:_ for the last one
    #[arg(value_name = "REF")]
    reference: Reference,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Cancel {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let what = format!("cannot cancel {}", self.reference);
        let here = self.remote.session().await?;
        let id = self.reference.id(here.last).blame(&what)?;
        here.session.cancel(id);
        let outline = here.session.describe_ref(id).await.blame(&what)?;
        match self.format.json {
            true => print_json(&json!({ "cancelled": id.to_string(), "state": outline.state }))
                .blame(&what),
            false => {
                note(format_args!("{id} is {}", outline.failure.unwrap_or(outline.state)));
                Ok(())
            }
        }
    }
}
