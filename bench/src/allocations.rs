//! What the server allocates for a call and for a large value: a server and a client in
//! one process whose allocator counts, the client on the main thread.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use farside::{Client, Far, Function, Session};
use farside_server::Server;
use farside_server::config::Config;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::ours::{byte_string, keep};

/// Calls that are counted together.
const CALLS: usize = 1_000;

/// Bytes of the large value.
const LARGE: usize = 64 << 20;

/// The system's allocator, which counts in the role that asks for it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread is the client's, whose allocations are not counted.
    static CLIENT: Cell<bool> = const { Cell::new(false) };
}

impl Counting {
    fn count(bytes: usize) {
        if COUNTING.load(Ordering::Relaxed) && !CLIENT.get() {
            COUNT.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counting::count(layout.size());
        // SAFETY: as the caller vouches.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counting::count(size);
        // SAFETY: as the caller vouches.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What was allocated for one thing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Allocated {
    /// Allocations, reallocations included.
    pub(crate) count: f64,
    /// Their bytes.
    pub(crate) bytes: f64,
}

/// What the role finds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// A small call and its value, each waited for.
    pub(crate) sequential: Allocated,
    /// The same without waiting, so that frames hold many.
    pub(crate) pipelined: Allocated,
    /// The same in fresh stores, each waited for.
    pub(crate) fresh: Allocated,
    /// A large value put.
    pub(crate) put: Allocated,
    /// A large value fetched.
    pub(crate) get: Allocated,
}

impl Counts {
    /// Bytes of the large value.
    pub(crate) const LARGE: usize = LARGE;
}

/// Count what a server allocates
#[derive(Args)]
pub(crate) struct Allocations {
    /// The bench's guest, as WebAssembly.
    guest: PathBuf,
    /// An empty folder for the server's data.
    data: PathBuf,
}

impl Allocations {
    /// Writes the counts as JSON.
    pub(crate) fn run(&self) -> Result<()> {
        CLIENT.set(true);
        let runtime = Builder::new_multi_thread().enable_all().build().context("cannot start")?;
        let (url, token) = runtime.block_on(self.serve())?;
        let client = Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let counts = client.block_on(self.count(&url, &token))?;
        println!("{}", serde_json::to_string(&counts)?);
        runtime.shutdown_background();
        Ok(())
    }

    async fn serve(&self) -> Result<(String, String)> {
        let config = Config { data: self.data.clone(), ..Config::default() };
        let server = Server::start(config).await?;
        let token = server.token().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let url = format!("ws://{}", listener.local_addr().context("no address")?);
        tokio::spawn(server.serve(listener, std::future::pending()));
        Ok((url, token))
    }

    async fn count(&self, url: &str, token: &str) -> Result<Counts> {
        let session = Client::builder().url(url).token(token).connect().await?.session().await?;
        let square = session.upload(&self.guest).await?.function("square")?;
        let fresh = square.clone().fresh();
        let value = byte_string(LARGE)?;
        let far = keep(&session, &value).await?;
        Ok(Counts {
            sequential: counted(CALLS, async || one_by_one(&square).await).await?,
            pipelined: counted(CALLS, async || together(&square).await).await?,
            fresh: counted(CALLS, async || one_by_one(&fresh).await).await?,
            put: counted(1, async || put(&session, &value).await).await?,
            get: counted(1, async || get(&far).await).await?,
        })
    }
}

/// What some work allocates, by the number of things done, when it is done a second
/// time.
async fn counted(things: usize, mut work: impl AsyncFnMut() -> Result<()>) -> Result<Allocated> {
    work().await?;
    let before = (COUNT.load(Ordering::SeqCst), BYTES.load(Ordering::SeqCst));
    COUNTING.store(true, Ordering::SeqCst);
    work().await?;
    COUNTING.store(false, Ordering::SeqCst);
    let count = COUNT.load(Ordering::SeqCst) - before.0;
    let bytes = BYTES.load(Ordering::SeqCst) - before.1;
    Ok(Allocated { count: count as f64 / things as f64, bytes: bytes as f64 / things as f64 })
}

async fn one_by_one(square: &Function) -> Result<()> {
    for _ in 0..CALLS {
        let squared: i64 = square.value((12,)).await?;
        ensure!(squared == 144, "a wrong square: {squared}");
    }
    Ok(())
}

async fn together(square: &Function) -> Result<()> {
    let calls = (0..CALLS).map(|_| square.value::<i64>((12,)));
    try_join_all(calls).await?;
    Ok(())
}

async fn put(session: &Session, value: &Bytes) -> Result<()> {
    keep(session, value).await.map(drop)
}

async fn get(far: &Far<Bytes>) -> Result<()> {
    let (_, value) = far.get_raw(None).await?;
    ensure!(value.len() > LARGE, "{} bytes came", value.len());
    Ok(())
}
