//! `farside get`: the value of a reference, or a part of it.

use clap::Args;

use crate::delivery::Delivery;
use crate::fault::{Blame, Fault};
use crate::remote::Remote;
use crate::shell::reference::Reference;

const PATHS: &str = "\
A path selects a part, and only that part is fetched:
  name, stats.mean, [\"a key\"]    fields
  [3], [-1]                      elements, from the front and from the back
  [10:20], [::2]                 slices
  rows[10:20].name               a field of each element
  image[0, 0:100]                of an n-dimensional array

Examples:
  farside get far:65543
  farside get far:_ 'rows[0:10].name'
  farside get far:_ --out image.bin";

/// Fetch the value of a reference, or a part of it
#[derive(Args)]
#[command(after_help = PATHS)]
pub(crate) struct Get {
    /// The reference: far:65543, or far:_ for the last one
    #[arg(value_name = "REF")]
    reference: Reference,
    /// The part to fetch [default: all]
    path: Option<String>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    remote: Remote,
}

impl Get {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let what = format!("cannot get {}", self.reference);
        let here = self.remote.session().await?;
        let id = self.reference.id(here.last).blame(&what)?;
        let far = here.session.far::<()>(id);
        let (content, value) = far.get_raw(self.path.as_deref()).await.blame(&what)?;
        let more = "a PATH fetches a part, --json and --out FILE give all of it";
        self.delivery.deliver(&content, &value, more).blame(&what)
    }
}
