//! An account at a command line, for tests of the real program.

use std::fs;

use farside::Client;
use farside_tests::{Ran, Server, Shell, guest};

/// Numbers that come back, and a line for the log.
pub(crate) const ECHO: &str = r#"(module
    (import "farside" "log" (func $log (param i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "here")
    (func (export "float") (param f64) (result f64) (local.get 0))
    (func (export "integer") (param i64) (result i64) (local.get 0))
    (func (export "say") (call $log (i32.const 3) (i32.const 0) (i32.const 4))))"#;

/// An account at a command line, and its server.
pub(crate) struct Desk {
    pub(crate) server: Server,
    pub(crate) shell: Shell,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let server = Server::start();
        let shell = server.shell();
        Desk { server, shell }
    }

    /// A desk whose session has these guests.
    pub(crate) fn with(names: &[&str]) -> Desk {
        let desk = Desk::new();
        for name in names {
            let uploaded = desk.shell.run(&["upload", &guest(name).to_string_lossy()]);
            assert_eq!(uploaded.code, Some(0), "{uploaded}");
        }
        desk
    }

    /// A desk whose session has the module `echo`.
    pub(crate) fn with_echo() -> Desk {
        let desk = Desk::new();
        desk.file("echo.wat", ECHO);
        assert_eq!(desk.run("upload echo.wat").code, Some(0));
        desk
    }

    /// What becomes of a command line, which is cut at its blanks.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.shell.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// What a client of another program is told by the server.
    pub(crate) fn ask_server<T>(&self, ask: impl AsyncFnOnce(Client) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { ask(self.server.client().await).await })
    }

    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.shell.home().join(name), contents).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.shell.home().join(name)).unwrap()
    }
}
