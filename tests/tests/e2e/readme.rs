//! The README's console blocks, run as a reader would run them, and its guest.
//!
//! In a block, a line that begins with `$ ` is a command and the lines up to the
//! next one are what it prints. `...` stands for any lines, `[..]` for any text in a
//! line, and `? N` for the exit code, which is 0 otherwise.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use farside_tests::{Server, program};

const README: &str = include_str!("../../../README.md");

/// A command and what the README says that it prints.
struct Step {
    command: String,
    output: Vec<String>,
    code: i32,
}

fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    let command = command.to_owned();
                    steps.push(Step { command, output: Vec::new(), code: 0 });
                }
                (None, Some(step)) => match line.strip_prefix("? ") {
                    Some(code) => step.code = code.parse().unwrap(),
                    None => step.output.push(line.to_owned()),
                },
                (None, None) => panic!("a console block of the README begins with {line:?}"),
            },
        }
    }
    steps
}

/// Whether what was printed is what the README shows.
fn matches(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            line_matches(first, line) && matches(rest, others)
        }
        _ => false,
    }
}

fn line_matches(shown: &str, line: &str) -> bool {
    match shown.split_once("[..]") {
        None => shown == line,
        Some((before, after)) => line
            .strip_prefix(before)
            .is_some_and(|rest| rest.len() >= after.len() && rest.ends_with(after)),
    }
}

/// A reader with a server, in a folder of their own.
struct Reader {
    server: Server,
    home: tempfile::TempDir,
    folder: PathBuf,
}

impl Reader {
    fn run(&mut self, step: &Step) {
        if let Some(folder) = step.command.strip_prefix("cd ") {
            self.folder.push(folder);
            return assert!(self.folder.is_dir(), "{} is no folder", self.folder.display());
        }
        let output = self.shell(&step.command);
        let text = String::from_utf8(output.stdout).unwrap();
        let printed: Vec<&str> = text.lines().collect();
        assert!(
            matches(&step.output, &printed) && output.status.code() == Some(step.code),
            "$ {}\nthe README shows\n{}\nbut it prints (and ends with {})\n{text}",
            step.command,
            step.output.join("\n"),
            output.status,
        );
    }

    /// Builds the guest that the README shows in place of the crate's own, and calls it.
    fn run_guest(&self) {
        let (_, block) = README.split_once("```rust\n").unwrap();
        let (block, _) = block.split_once("```").unwrap();
        fs::write(self.folder.join("src/lib.rs"), block).unwrap();
        let run = |command: &str| {
            let output = self.shell(command);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "$ {command}\n{text}");
            text
        };
        run("cargo build --release");
        run("farside upload target/wasm32-unknown-unknown/release/greeter.wasm --name readme");
        assert_eq!(run("farside call readme.mean '[1, 2.5, 4]'"), "2.5\n");
        assert!(run("farside describe readme.mean").contains("The mean of some samples"));
    }

    fn shell(&self, command: &str) -> std::process::Output {
        let farside = program("farside");
        let programs = farside.parent().into_iter().map(Path::to_owned);
        let path = env::join_paths(programs.chain(env::split_paths(&env::var_os("PATH").unwrap())));
        let rust = |name: &str, folder: &str| {
            env::var_os(name).map_or_else(
                || PathBuf::from(env::var_os("HOME").unwrap()).join(folder),
                PathBuf::from,
            )
        };
        Command::new("sh")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(&self.folder)
            .env("PATH", path.unwrap())
            .env("CARGO_HOME", rust("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", rust("RUSTUP_HOME", ".rustup"))
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("FARSIDE_URL", self.server.url())
            .env("FARSIDE_TOKEN", self.server.token())
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap()
    }
}

#[cfg(unix)]
#[test]
fn what_the_readme_shows_is_what_happens() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("work");
    fs::create_dir(&folder).unwrap();
    let mut reader = Reader { server: Server::start(), home, folder };
    let steps = steps();
    assert!(steps.len() >= 10, "the README has lost its console blocks");
    for step in &steps {
        reader.run(step);
    }
    reader.run_guest();
}

#[test]
fn output_is_compared_line_by_line() {
    let shown: Vec<String> = ["a [..] c", "...", "end"].map(str::to_owned).to_vec();
    assert!(matches(&shown, &["a b c", "end"]));
    assert!(matches(&shown, &["a b c", "more", "end"]));
    assert!(!matches(&shown, &["a b", "end"]));
    assert!(!matches(&shown, &["a b c"]));
}
