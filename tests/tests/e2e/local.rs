//! A server in the test's own process.

use std::path::Path;

use farside::Client;
use farside_server::Server;
use farside_server::config::{Config, Limits};
use tempfile::TempDir;

/// A server with a folder of its own, and room for a few instances only: many of
/// them share the address space of one process.
pub(crate) struct Local {
    pub(crate) server: Server,
    _data: TempDir,
}

impl Local {
    pub(crate) async fn start() -> Local {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(config(data.path())).await.unwrap();
        Local { server, _data: data }
    }

    /// A client over memory, with any token.
    pub(crate) async fn client(&self, token: &str) -> Result<Client, farside::ConnectError> {
        let (near, far) = farside::memory_transport();
        let server = self.server.clone();
        tokio::spawn(async move { server.accept(far).await });
        Client::over(near, token).await
    }
}

fn config(data: &Path) -> Config {
    let limits = Limits { instances: 100, ..Limits::default() };
    let compiler = farside_tests::program("farside").display().to_string();
    Config { data: data.to_owned(), compiler, limits, ..Config::default() }
}
