//! `farside upload`: a module, from a file into the session.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use farside::Module;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::Remote;
use crate::show::describe::signature;
use crate::show::plain::plain;

const EXAMPLES: &str = "\
Examples:
  farside upload target/wasm32-unknown-unknown/release/hello.wasm
  farside upload add.wat --name adder";

/// Bring a module (.wasm or .wat) into the current session
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Upload {
    /// The module's file
    file: PathBuf,
    /// The module's name in the session [default: the file's, without its extension]
    #[arg(long)]
    name: Option<String>,
    /// Count the fuel of its calls, which makes them slower; `farside call` tells it
    #[arg(long)]
    metered: bool,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Upload {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let what = format!("cannot upload {}", self.file.display());
        let here = self.remote.session().await?;
        let bar = progress_bar();
        let mut uploader = here.session.uploader(&self.file).progress(|sent, total| {
            if bar.length() != Some(total) {
                bar.set_length(total);
            }
            bar.set_position(sent);
            if sent == total {
                bar.set_message("compiling");
                bar.enable_steady_tick(Duration::from_millis(100));
            }
        });
        if self.metered {
            uploader = uploader.metered();
        }
        if let Some(name) = &self.name {
            uploader = uploader.name(name);
        }
        let sent = uploader.send().await;
        bar.finish_and_clear();
        let module = sent.blame(&what)?;
        if self.format.json {
            return print_json(&json!({
                "name": module.name(),
                "hash": module.hash().to_string(),
                "known": module.known(),
                "replaced": module.replaced(),
                "manifest": module.manifest(),
            }))
            .blame(&what);
        }
        print(listing(&module)).blame(&what)?;
        if module.known() {
            note("note: the server knew the module, so nothing was sent");
        }
        if module.replaced() {
            note(format_args!(
                "note: it replaces another module named {}, whose state is dropped",
                plain(module.name())
            ));
        }
        Ok(())
    }
}

/// Drawn only where standard error is a terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn listing(module: &Module) -> String {
    let mut text = format!("{}  {}", plain(module.name()), module.hash());
    for function in &module.manifest().functions {
        text += &format!("\n  {}", signature(function).replace('\n', "\n  "));
    }
    if module.manifest().functions.is_empty() {
        text += "\n  no functions";
    }
    text
}
