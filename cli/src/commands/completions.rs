//! `farside completions`: what a shell needs to complete our words.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::fault::{Blame, Fault};
use crate::options::Options;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  farside completions bash > ~/.local/share/bash-completion/completions/farside
  farside completions zsh > ~/.zfunc/_farside
  farside completions fish > ~/.config/fish/completions/farside.fish";

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Fault> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Options::command(), "farside", &mut script);
        let script = String::from_utf8(script).map_err(io::Error::other);
        script.and_then(|script| print(script.trim_end())).blame("cannot print completions")
    }
}
