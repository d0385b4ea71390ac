//! `farside cancel`: a call that shall not go on.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print_json};
use crate::remote::{Here, Remote};
use crate::shell::reference::Reference;

/// How long a running call may take to stop before the command says that it has not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stop the call that shall fill a reference
#[derive(Args)]
#[command(after_help = "\
A call that waits never runs; one that runs is stopped, which poisons its
module's instance, but leaves the variables of an evaluation; one that has
finished is left alone")]
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
        let before = here.session.describe_ref(id).await.blame(&what)?;
        let cancels = before.state == "pending";
        if cancels {
            here.session.cancel(id);
            here.session.wait(&[id], 1, Some(PATIENCE)).await.blame(&what)?;
        }
        let after = here.session.describe_ref(id).await.blame(&what)?;
        // It may have finished while the request was on its way.
        let cancelled = cancels && after.state == "failed";
        if self.format.json {
            let all =
                json!({ "ref": id.to_string(), "cancelled": cancelled, "state": after.state });
            return print_json(&all).blame(&what);
        }
        match after.state.as_str() {
            "pending" => note(format_args!("{id} is being cancelled")),
            _ if cancelled => {
                note(format_args!("cancelled {id}"));
                poisoned(&here, &after.origin).await.blame(&what)?;
            }
            _ => note(format_args!("{id} had finished before: nothing was cancelled")),
        }
        Ok(())
    }
}

/// Says so, if the instance of the cancelled call is lost.
async fn poisoned(here: &Here, origin: &str) -> Result<(), farside::DescribeError> {
    let outline = here.session.describe().await?;
    let called = origin.rsplit_once(' ').map_or(origin, |(_, function)| function);
    let is_its =
        |module: &str| called.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
    for module in outline.modules.iter().filter(|module| is_its(&module.name)) {
        if module.poison.is_some() {
            let name = &module.name;
            note(format_args!(
                "the instance of {name} is lost; `farside renew {name}` gives it a fresh one"
            ));
        }
    }
    Ok(())
}
