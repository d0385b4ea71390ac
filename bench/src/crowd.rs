//! A server with very many sessions, each with a connection and an instance.

use anyhow::{Context, Result};
use bytes::Bytes;
use farside::{Client, Function, Session};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cores::{Cores, Place};
use crate::server::{DataFolder, Server};

/// What a server needs beyond its defaults for so many sessions of one owner.
pub(crate) const FLAGS: [&str; 8] = [
    "--limits-owner-sessions",
    "12000",
    "--limits-sessions",
    "12000",
    "--limits-owner-instances",
    "20000",
    "--limits-owner-memory",
    "70%",
];

/// Sessions opened at the same time.
const AT_ONCE: usize = 32;

/// A server, and the sessions opened on it so far.
#[derive(Debug)]
pub(crate) struct Crowd {
    // Dropped in this order: sessions that lose their server would look for it.
    members: Vec<Member>,
    client: Client,
    pub(crate) server: Server,
    code: Bytes,
    _data: DataFolder,
}

/// One session, and its `square`.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) square: Function,
    _session: Session,
}

impl Crowd {
    /// Starts a server without sessions.
    pub(crate) async fn start(cores: &Cores) -> Result<Crowd> {
        let data = DataFolder::new()?;
        let server = Server::start(cores, Place::Server, &data, &FLAGS)?;
        let code = std::fs::read(server.guest("workload")).context("the guest is not built")?;
        let client = server.client().await?;
        let members = Vec::new();
        Ok(Crowd { server, client, code: Bytes::from(code), members, _data: data })
    }

    /// Opens sessions until there are so many; each has called once.
    pub(crate) async fn grow(&mut self, count: usize) -> Result<()> {
        let missing = count.saturating_sub(self.members.len());
        let joining = stream::iter(0..missing).map(|_| self.join()).buffer_unordered(AT_ONCE);
        let new: Vec<Member> = joining.try_collect().await?;
        self.members.extend(new);
        Ok(())
    }

    async fn join(&self) -> Result<Member> {
        let session = self.client.session().await?;
        let module = session.uploader(self.code.clone()).name("workload").send().await?;
        let square = module.function("square")?;
        let _: i64 = square.value((12,)).await?;
        Ok(Member { square, _session: session })
    }

    /// Those who are there.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }
}

/// Lets this process, and the servers that it starts, have as many descriptors as
/// the system allows.
pub(crate) fn raise_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("cannot raise the limit of descriptors")
}
