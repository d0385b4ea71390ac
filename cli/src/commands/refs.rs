//! `farside refs`: what the session keeps.

use clap::Args;
use farside::outline::RefOutline;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::Remote;
use crate::show::plain::{grouped, size};
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
        let is_counted = refs.iter().any(|outline| outline.fuel.is_some());
        let rows: Vec<_> = refs.into_iter().map(row).collect();
        let text = match is_counted {
            true => table(["REF", "STATE", "SIZE", "FUEL", "WHAT", "FROM"], &rows),
            false => {
                let rows: Vec<_> = rows
                    .into_iter()
                    .map(|[id, state, size, _, what, from]| [id, state, size, what, from])
                    .collect();
                table(["REF", "STATE", "SIZE", "WHAT", "FROM"], &rows)
            }
        };
        print(text).blame(WHAT)
    }
}

fn row(outline: RefOutline) -> [String; 6] {
    let RefOutline { id, state, origin, kind, shown, bytes, fuel, failure } = outline;
    let fuel = fuel.map(grouped).unwrap_or_default();
    let mut what = failure.or(kind).unwrap_or_default();
    if let Some(shown) = shown {
        what = format!("{what} {shown}");
    }
    [id.to_string(), state, bytes.map(size).unwrap_or_default(), fuel, what, origin]
}
