//! `farside renew`: a fresh instance of a module.

use clap::Args;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print_json};
use crate::remote::Remote;
use crate::show::plain::plain;

/// Give a module a fresh instance, without its state; the way on after a trap
#[derive(Args)]
pub(crate) struct Renew {
    /// The module's name in the session
    module: String,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Renew {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let what = format!("cannot renew {}", plain(&self.module));
        let here = self.remote.session().await?;
        here.session.renew(&self.module).await.blame(&what)?;
        match self.format.json {
            true => print_json(&json!({ "renewed": self.module })).blame(&what),
            false => {
                note(format_args!(
                    "renewed {}: its next call finds a fresh instance, without the old one's state",
                    plain(&self.module)
                ));
                Ok(())
            }
        }
    }
}
