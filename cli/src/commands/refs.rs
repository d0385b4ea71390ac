//! `farside refs`: what the session keeps.

use clap::Args;
use farside::outline::RefOutline;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::Remote;
use crate::show::plain::size;
use crate::show::table::table;

/// List the references of the current session
#[derive(Args)]
pub(crate) struct Refs {
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Refs {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot list the references";
        let here = self.remote.session().await?;
        let refs = here.session.refs().await.blame(WHAT)?;
        if self.format.json {
            return print_json(&refs).blame(WHAT);
        }
        if refs.is_empty() {
            note("no references; `farside call --far` makes one");
            return Ok(());
        }
        let rows: Vec<_> = refs.into_iter().map(row).collect();
        print(table(["REF", "STATE", "SIZE", "WHAT", "FROM"], &rows)).blame(WHAT)
    }
}

fn row(outline: RefOutline) -> [String; 5] {
    let RefOutline { id, state, origin, kind, shown, bytes, failure } = outline;
    let mut what = failure.or(kind).unwrap_or_default();
    if let Some(shown) = shown {
        what = format!("{what} {shown}");
    }
    [id.to_string(), state, bytes.map(size).unwrap_or_default(), what, origin]
}
