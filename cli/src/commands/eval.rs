//! `farside eval`: source text whose value is wanted.

use clap::Args;

use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::remote::Remote;
use crate::source_text::{Evaluation, SourceText, Text};

const EXAMPLES: &str = "\
The value is that of the last expression. Variables last from one command to the
next, for this session alone. What the code prints comes on standard error.

Examples:
  farside eval '2 + 3'
  farside eval 'sum(data) * k' --with data=@samples.json --with k=3
  farside eval 'sum(data)' --with data=far:_
  farside eval --language javascript '[1, 2, 3].map(x => x * x)'
  farside eval --far 'list(range(1_000_000))'";

/// Evaluate source text in the session, and print its value
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Eval {
    /// The source text; @FILE and - read it from a file or standard input
    #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
    source: String,
    #[command(flatten)]
    text: SourceText,
    /// Keep the value on the server and print its reference, without waiting for it
    #[arg(long, conflicts_with_all = ["path", "raw", "out"])]
    far: bool,
    /// Fetch only a part of the value, such as rows[0:10].name
    #[arg(long)]
    path: Option<String>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    remote: Remote,
}

impl Eval {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let here = self.remote.session().await?;
        let what = "cannot evaluate it".to_owned();
        let evaluation =
            Evaluation::read("eval", Text::Word(&self.source), &self.text, &here, &what)?;
        let pending = evaluation.begin(&here, &self.delivery, what).await?;
        match self.far {
            true => pending.keep(&self.delivery).await,
            false => pending.deliver(&self.delivery, self.path.as_deref()).await,
        }
    }
}
