//! `farside release`: references that are needed no more.

use std::io;

use clap::Args;
use farside::{DescribeError, RefId};
use serde_json::json;

use crate::fault::{Blame, Fault, Why};
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
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for id in ids {
            match here.session.describe_ref(id).await {
                Ok(_) => known.push(id),
                Err(DescribeError::Failed(failure)) => unknown.push((id, failure)),
                Err(error) => return Err(Fault::new(WHAT, error)),
            }
        }
        here.session.release(&known);
        here.session.flush().await.blame(WHAT)?;
        if !known.is_empty() || self.format.json {
            self.tell(&known).blame(WHAT)?;
        }
        let names: Vec<_> = unknown.iter().map(|(id, _)| id.to_string()).collect();
        match unknown.into_iter().next() {
            Some((_, failure)) => {
                let what = format!("{WHAT} {}", names.join(", "));
                Err(Fault::new(what, Why::Release(failure)))
            }
            None => Ok(()),
        }
    }

    fn tell(&self, released: &[RefId]) -> io::Result<()> {
        let names: Vec<_> = released.iter().map(ToString::to_string).collect();
        match self.format.json {
            true => print_json(&json!({ "released": names })),
            false => {
                note(format_args!("released {}", names.join(", ")));
                Ok(())
            }
        }
    }
}
