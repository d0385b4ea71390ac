//! A server process that lives as long as its guard.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use farside::{Client, Session};
use tempfile::TempDir;

use crate::built;
use crate::log::Log;
use crate::normal::Normal;
use crate::shell::{Ran, Shell, isolate};

/// A running `farside serve` on a free port, with a folder of its own. Dropping it
/// kills the process; if the test is failing, what the server logged is printed.
#[derive(Debug)]
pub struct Server {
    process: Child,
    log: Log,
    url: String,
    data: PathBuf,
    shell: OnceLock<Shell>,
    /// Held for the folders in it.
    _folder: TempDir,
}

/// How to start a server.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    data: Option<PathBuf>,
    descriptors: Option<(u64, u64)>,
    listen: Option<String>,
}

/// How a server ended.
#[derive(Debug)]
pub struct Exit {
    /// The exit code; none when a signal ended the process.
    pub code: Option<i32>,
    /// All that it wrote to stderr.
    pub log: String,
}

impl Server {
    /// A server with the default settings.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Server {
        Server::builder().start()
    }

    /// A server with other settings.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Its `ws://` or `wss://` URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The token that it made.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> String {
        let file = self.data.join("token");
        let token = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        token.trim().to_owned()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it has logged a line that contains a text, and gives the line.
    ///
    /// # Panics
    /// When no such line comes.
    #[must_use]
    pub fn wait_for_log(&self, text: &str) -> String {
        let line = self.log.wait_for(|line| line.contains(text).then(|| line.to_owned()));
        line.unwrap_or_else(|| panic!("the server did not log `{text}`"))
    }

    /// A client of it.
    ///
    /// # Panics
    /// When it can't connect.
    pub async fn client(&self) -> Client {
        let client = Client::builder().url(&self.url).token(&self.token());
        client.connect().await.unwrap_or_else(|error| panic!("cannot connect: {error:?}"))
    }

    /// A session on it.
    ///
    /// # Panics
    /// When it can't be opened.
    pub async fn session(&self) -> Session {
        let session = self.client().await.session().await;
        session.unwrap_or_else(|error| panic!("cannot open a session: {error:?}"))
    }

    /// Another account at a command line, told where the server is and its token.
    #[must_use]
    pub fn shell(&self) -> Shell {
        let mut normal = Normal::of_guests();
        normal.name_path(&self.data, "[data]");
        let address = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        assert_eq!(host, "127.0.0.1", "the fixture binds to loopback only");
        normal.name(address, "127.0.0.1:[port]");
        let token = self.token();
        normal.name(token.clone(), "[token]");
        Shell::new(normal).env("FARSIDE_URL", &self.url).env("FARSIDE_TOKEN", token)
    }

    /// Runs `farside` with these arguments in this server's own account: what one
    /// run remembers, such as the current session, the next one finds.
    ///
    /// # Panics
    /// When the program does not start.
    pub fn cli(&self, arguments: &[&str]) -> Ran {
        self.shell.get_or_init(|| self.shell()).run(arguments)
    }

    /// Asks the server to end, as a service manager would, and waits until it has.
    ///
    /// # Panics
    /// When it goes on.
    #[cfg(unix)]
    #[must_use]
    pub fn stop(self) -> Exit {
        self.ask_to_end();
        self.wait()
    }

    /// Asks the server to end, as a service manager would.
    ///
    /// # Panics
    /// When it has ended already.
    #[cfg(unix)]
    pub fn ask_to_end(&self) {
        use rustix::process::{Pid, Signal, kill_process};

        kill_process(Pid::from_child(&self.process), Signal::TERM)
            .unwrap_or_else(|error| panic!("cannot stop the server: {error}"));
    }

    /// Waits until the server has ended.
    ///
    /// # Panics
    /// When it goes on.
    #[must_use]
    pub fn wait(mut self) -> Exit {
        self.exit()
    }

    /// Ends the server at once, as a crash would, and waits until it is gone.
    ///
    /// # Panics
    /// When it can't be ended.
    #[must_use]
    pub fn kill(mut self) -> Exit {
        self.process.kill().unwrap_or_else(|error| panic!("cannot kill the server: {error}"));
        self.exit()
    }

    fn exit(&mut self) -> Exit {
        assert!(self.log.wait_for_end(), "the server goes on");
        let status = self.process.wait();
        let status = status.unwrap_or_else(|error| panic!("cannot wait for the server: {error}"));
        Exit { code: status.code(), log: self.log.text() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            self.log.wait_for_end();
            eprintln!("--- the server's log\n{}---", self.log.text());
        }
    }
}

impl ServerBuilder {
    /// A flag of `farside serve` and its value: `("--limits-call-deadline", "200ms")`.
    #[must_use]
    pub fn flag(mut self, flag: &str, value: &str) -> ServerBuilder {
        self.arguments.extend([flag.into(), value.into()]);
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> ServerBuilder {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A flag of `farside serve` that takes no value.
    #[must_use]
    pub fn switch(mut self, flag: &str) -> ServerBuilder {
        self.arguments.push(flag.into());
        self
    }

    /// An address to listen on in place of a free port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> ServerBuilder {
        self.listen = Some(address.to_owned());
        self
    }

    /// A data folder that outlives the server, to start another one on it.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> ServerBuilder {
        self.data = Some(folder.to_owned());
        self
    }

    /// The descriptors that it may open at first, and after raising that itself.
    #[must_use]
    pub fn descriptors(mut self, soft: u64, hard: u64) -> ServerBuilder {
        self.descriptors = Some((soft, hard));
        self
    }

    /// Starts the server, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(self) -> Server {
        self.try_start()
            .unwrap_or_else(|Exit { code, log }| panic!("the server ended with {code:?}:\n{log}"))
    }

    /// Starts the server, and waits until it listens.
    ///
    /// # Errors
    /// How it ended, if it did before it listened.
    ///
    /// # Panics
    /// When it neither listens nor ends.
    pub fn try_start(self) -> Result<Server, Exit> {
        let folder = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("cannot make a temporary folder: {error}"));
        let data = self.data.unwrap_or_else(|| folder.path().join("data"));

        let program = built::program("farside");
        let mut command = match self.descriptors {
            None => Command::new(&program),
            Some((soft, hard)) => {
                let mut shell = Command::new("sh");
                let script =
                    format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
                shell.arg("-c").arg(script).arg(&program);
                shell
            }
        };
        isolate(&mut command, folder.path());
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:0");
        command.args(["serve", "--listen", listen, "--data"]).arg(&data);
        command.args(self.arguments).envs(self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let log = process.stderr.take().map(Log::collect).unwrap_or_default();

        let mut server = Server {
            process,
            log,
            url: String::new(),
            data,
            shell: OnceLock::new(),
            _folder: folder,
        };
        match server.log.wait_for(listening_on) {
            Some(url) => {
                server.url = url;
                Ok(server)
            }
            None => Err(server.exit()),
        }
    }
}

/// The URL in the line with which a server says that it is there.
fn listening_on(line: &str) -> Option<String> {
    let (_, url) = line.split_once("listening on ")?;
    // The line may be JSON.
    url.split(|c: char| c.is_whitespace() || c == '"').next().map(str::to_owned)
}
