//! `farside execute`: a script, for what it does.

use clap::Args;

use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::remote::Remote;
use crate::source_text::{Evaluation, SourceText, Text};

const EXAMPLES: &str = "\
Variables and functions stay in the session, for `farside eval` and the next
`farside execute`. What the script prints comes on standard error.

Examples:
  farside execute script.py
  farside execute script.py --with data=@data.json
  echo 'x = 42' | farside execute -
  farside execute script.js";

/// Run a script in the session
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Execute {
    /// The script; - reads it from standard input
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    text: SourceText,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    remote: Remote,
}

impl Execute {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let here = self.remote.session().await?;
        let what = "cannot execute it".to_owned();
        let text = Text::File(&self.file);
        let evaluation = Evaluation::read("execute", text, &self.text, &here, &what)?;
        evaluation.begin(&here, &self.delivery, what).await?.finish().await
    }
}
