//! What a server says when it has started: where it is, and what to do next.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use crate::shell::address::from_here;

/// A server that has started.
pub(crate) struct Announcement<'a> {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whether it speaks TLS there.
    pub(crate) is_encrypted: bool,
    /// The file of its token.
    pub(crate) token: &'a Path,
    /// Its data folder, where the command line would not look into it by itself.
    pub(crate) data: Option<&'a Path>,
    /// What the machine holds.
    pub(crate) capacity: &'a dyn fmt::Display,
    /// Where modules are compiled.
    pub(crate) compiler: &'a str,
    /// The languages that can be evaluated, and the files that do it.
    pub(crate) evaluators: Vec<(&'a str, &'a Path)>,
}

/// What is said where other machines can reach the server.
pub(crate) const EXPOSED: &str = "other machines can reach this address, and nothing is encrypted";

impl fmt::Display for Announcement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = scheme(self.is_encrypted);
        let Announcement { address, token, data, capacity, compiler, evaluators, .. } = self;
        writeln!(f, "listening on {scheme}://{address}")?;
        writeln!(f, "token in {}", token.display())?;
        if !address.ip().is_loopback() && !self.is_encrypted {
            writeln!(f, "warning: {EXPOSED}")?;
        }
        writeln!(f, "capacity: {capacity}")?;
        writeln!(f, "modules are compiled {compiler}")?;
        for (language, file) in evaluators {
            writeln!(f, "evaluates {language}: {}", file.display())?;
        }
        writeln!(f, "\ntry in another terminal:")?;
        let here = from_here(*address);
        if here != usual_address() || self.is_encrypted {
            writeln!(f, "  export FARSIDE_URL={scheme}://{here}")?;
        }
        if let Some(data) = data {
            writeln!(f, "  export FARSIDE_DATA={}", word(&data.to_string_lossy()))?;
        }
        writeln!(f, "  farside new hello && cd hello && cargo build --release")?;
        writeln!(f, "  farside upload target/wasm32-unknown-unknown/release/hello.wasm")?;
        writeln!(f, "  farside call greet Ada")
    }
}

/// How the URL of a server begins.
pub(crate) fn scheme(is_encrypted: bool) -> &'static str {
    if is_encrypted { "wss" } else { "ws" }
}

/// The address that the command line speaks to where nothing names another.
fn usual_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], farside_protocol::DEFAULT_PORT))
}

/// A text as one word of a shell.
fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn check(address: &str, data: Option<&str>) -> String {
        announce(address, data, false)
    }

    fn announce(address: &str, data: Option<&str>, is_encrypted: bool) -> String {
        let announcement = Announcement {
            address: address.parse().unwrap(),
            is_encrypted,
            token: Path::new("/d/token"),
            data: data.map(Path::new),
            capacity: &"1 instance",
            compiler: "in a child process",
            evaluators: vec![("python", Path::new("/share/python.wasm"))],
        };
        announcement.to_string()
    }

    #[test]
    fn the_usual_server_needs_no_variables() {
        assert_snapshot!(check("127.0.0.1:7327", None), @"
        listening on ws://127.0.0.1:7327
        token in /d/token
        capacity: 1 instance
        modules are compiled in a child process
        evaluates python: /share/python.wasm

        try in another terminal:
          farside new hello && cd hello && cargo build --release
          farside upload target/wasm32-unknown-unknown/release/hello.wasm
          farside call greet Ada
        ");
    }

    #[test]
    fn what_is_unusual_is_exported() {
        assert_snapshot!(check("127.0.0.1:4000", Some("/tmp/a b")), @"
        listening on ws://127.0.0.1:4000
        token in /d/token
        capacity: 1 instance
        modules are compiled in a child process
        evaluates python: /share/python.wasm

        try in another terminal:
          export FARSIDE_URL=ws://127.0.0.1:4000
          export FARSIDE_DATA='/tmp/a b'
          farside new hello && cd hello && cargo build --release
          farside upload target/wasm32-unknown-unknown/release/hello.wasm
          farside call greet Ada
        ");
        assert_snapshot!(check("0.0.0.0:7327", None), @"
        listening on ws://0.0.0.0:7327
        token in /d/token
        warning: other machines can reach this address, and nothing is encrypted
        capacity: 1 instance
        modules are compiled in a child process
        evaluates python: /share/python.wasm

        try in another terminal:
          farside new hello && cd hello && cargo build --release
          farside upload target/wasm32-unknown-unknown/release/hello.wasm
          farside call greet Ada
        ");
        assert_snapshot!(check("[::]:7327", Some("/d")), @"
        listening on ws://[::]:7327
        token in /d/token
        warning: other machines can reach this address, and nothing is encrypted
        capacity: 1 instance
        modules are compiled in a child process
        evaluates python: /share/python.wasm

        try in another terminal:
          export FARSIDE_URL=ws://[::1]:7327
          export FARSIDE_DATA=/d
          farside new hello && cd hello && cargo build --release
          farside upload target/wasm32-unknown-unknown/release/hello.wasm
          farside call greet Ada
        ");
    }

    #[test]
    fn with_tls_nothing_is_exposed() {
        assert_snapshot!(announce("0.0.0.0:7327", None, true), @"
        listening on wss://0.0.0.0:7327
        token in /d/token
        capacity: 1 instance
        modules are compiled in a child process
        evaluates python: /share/python.wasm

        try in another terminal:
          export FARSIDE_URL=wss://127.0.0.1:7327
          farside new hello && cd hello && cargo build --release
          farside upload target/wasm32-unknown-unknown/release/hello.wasm
          farside call greet Ada
        ");
    }

    #[test]
    fn words_of_a_shell() {
        assert_eq!(word("/tmp/a.b-c"), "/tmp/a.b-c");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("$HOME"), "'$HOME'");
    }
}
