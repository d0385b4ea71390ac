//! `farside describe`: what the session's modules can do.

use clap::Args;
use farside::outline::{ModuleOutline, SessionOutline};
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::lookup::{Found, find};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::Remote;
use crate::show::describe;
use crate::show::plain::{grouped, plain, size, span};

/// Show modules and functions: parameters, types, what they are for
#[derive(Args)]
#[command(after_help = "Examples:\n  farside describe\n  farside describe stats.mean --json")]
pub(crate) struct Describe {
    /// A module, or a function as in `farside call` [default: all]
    #[arg(value_name = "MODULE|FUNCTION")]
    name: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Describe {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let what = match &self.name {
            Some(name) => format!("cannot describe {}", plain(name)),
            None => "cannot describe the session".to_owned(),
        };
        let here = self.remote.session().await?;
        let outline = here.session.describe().await.blame(&what)?;
        let found = self.name.as_deref().map(|name| find(&outline.modules, name));
        let printed = match (found.transpose().blame(&what)?, self.format.json) {
            (None, true) => print_json(&outline),
            (None, false) => {
                note(usage(&outline));
                match outline.modules.is_empty() {
                    true => return Ok(()),
                    false => print(all(&outline.modules)),
                }
            }
            (Some(Found::Module(module)), true) => print_json(module),
            (Some(Found::Module(module)), false) => print(describe::module(module)),
            (Some(Found::Function(module, function)), true) => {
                print_json(&json!({ "module": module.name, "function": function }))
            }
            (Some(Found::Function(module, function)), false) => {
                print(format_args!("{}.{}", plain(&module.name), describe::function(function)))
            }
        };
        printed.blame(&what)
    }
}

fn all(modules: &[ModuleOutline]) -> String {
    modules.iter().map(describe::module).collect::<Vec<_>>().join("\n\n")
}

/// What the session holds, in a line.
fn usage(outline: &SessionOutline) -> String {
    let refs = match outline.refs {
        1 => "1 reference".to_owned(),
        refs => format!("{} references", grouped(refs)),
    };
    let modules = match outline.modules.len() {
        0 => "no modules (`farside upload FILE` brings one)".to_owned(),
        1 => "1 module".to_owned(),
        modules => format!("{modules} modules"),
    };
    let cpu = match outline.cpu_us / 1_000_000 {
        0 => String::new(),
        seconds => format!(", {} of CPU time", span(seconds)),
    };
    format!(
        "session {}: {modules}, {refs}, {} kept, {} of memory{cpu}; kept {} after its last use\n",
        outline.session,
        size(outline.kept_bytes),
        size(outline.memory_bytes),
        span(outline.lease_ms / 1000),
    )
}
