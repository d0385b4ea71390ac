//! What the server and the client allocate for a call and for a large value: both in
//! one process whose allocator counts, the client on the main thread.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;
use std::process::id;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use farside::{Client, Far, Function};
use farside_server::Server;
use farside_server::config::Config;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::ours::{byte_string, keep};
use crate::usage::quiet;

/// Calls that are counted together.
const CALLS: usize = 1_000;

/// Bytes of the large value.
const LARGE: usize = 64 << 20;

/// The system's allocator, which counts in the role that asks for it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static SERVER: Tally = Tally::new();
static CLIENT: Tally = Tally::new();

thread_local! {
    /// Whose this thread's allocations are.
    static SIDE: Cell<Side> = const { Cell::new(Side::Server) };
}

/// Whose an allocation is.
#[derive(Clone, Copy)]
enum Side {
    Server,
    Client,
    /// The bench's own.
    Bench,
}

/// What one side has allocated while it was counted.
struct Tally {
    count: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    const fn new() -> Tally {
        Tally { count: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Starts from nothing.
    fn clear(&self) {
        self.count.store(0, Ordering::SeqCst);
        self.bytes.store(0, Ordering::SeqCst);
    }

    /// What was allocated since, for each of so many things.
    fn of(&self, things: usize) -> Allocated {
        let each = |sum: &AtomicU64| sum.load(Ordering::SeqCst) as f64 / things as f64;
        Allocated { count: each(&self.count), bytes: each(&self.bytes) }
    }
}

impl Counting {
    fn count(bytes: usize) {
        if COUNTING.load(Ordering::Relaxed) {
            let tally = match SIDE.get() {
                Side::Server => &SERVER,
                Side::Client => &CLIENT,
                Side::Bench => return,
            };
            tally.count.fetch_add(1, Ordering::Relaxed);
            tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
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

/// The same on both sides.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sides {
    pub(crate) server: Allocated,
    pub(crate) client: Allocated,
}

/// What the role finds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// A small call and its value, each waited for.
    pub(crate) sequential: Sides,
    /// The same without waiting, so that frames hold many.
    pub(crate) pipelined: Sides,
    /// The same in fresh stores, each waited for.
    pub(crate) fresh: Sides,
    /// A large value put.
    pub(crate) put: Sides,
    /// A large value fetched.
    pub(crate) get: Sides,
}

impl Counts {
    /// Bytes of the large value.
    pub(crate) const LARGE: usize = LARGE;
}

/// Count what a server and a client allocate
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
        SIDE.set(Side::Client);
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
            put: counted(1, async || keep(&session, &value).await).await?,
            get: counted(1, async || get(&far).await).await?,
        })
    }
}

/// What some work allocates, by the number of things done, when it is done a second
/// time; what it leaves to the server to do after its answer is included.
async fn counted<T>(things: usize, mut work: impl AsyncFnMut() -> Result<T>) -> Result<Sides> {
    work().await?;
    quiet(id()).await?;
    SERVER.clear();
    CLIENT.clear();
    COUNTING.store(true, Ordering::SeqCst);
    let left = work().await?;
    // The client has this thread, on which the bench waits from here on.
    SIDE.set(Side::Bench);
    quiet(id()).await?;
    COUNTING.store(false, Ordering::SeqCst);
    SIDE.set(Side::Client);
    // Given up sooner, a value might not be written to storage at all.
    drop(left);
    Ok(Sides { server: SERVER.of(things), client: CLIENT.of(things) })
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

async fn get(far: &Far<Bytes>) -> Result<()> {
    let (_, value) = far.get_raw(None).await?;
    ensure!(value.len() > LARGE, "{} bytes came", value.len());
    Ok(())
}
