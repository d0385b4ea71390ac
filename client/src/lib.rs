//! The client of Farside, a remote execution server for WebAssembly.
//!
//! Upload a compiled module, call its functions, and get only what you ask for:
//! every result stays on the server behind a [`Far`] reference, which can be an
//! argument of the next call before it exists. So a chain of calls costs one
//! round trip, however long it is.
//!
//! ```no_run
//! # async fn example(samples: Vec<f64>) -> Result<(), Box<dyn std::error::Error>> {
//! use farside::Client;
//!
//! let client  = Client::connect("ws://127.0.0.1:7327").await?;  // token: FARSIDE_TOKEN
//! let session = client.session().await?;
//! let stats   = session.upload("stats.wasm").await?;            // by SHA-256: sent once, ever
//! let data    = session.put(&samples);                          // Far<Vec<f64>>, no waiting
//! let mean    = stats.call::<f64>("mean", (&data,));            // Far<f64>, no waiting
//! let spread  = stats.call::<f64>("spread", (&data, &mean));    // uses a result that may not exist yet
//! println!("{}", spread.get().await?);                          // the one round trip of these four lines
//! # Ok(())
//! # }
//! ```
//!
//! A connection is a task of the tokio runtime (I/O and time enabled). A program
//! that asks small questions one after the other is fastest in a task of that
//! runtime: in the future given to `block_on` of a multi-threaded one, each
//! answer wakes another thread.
//!
//! A call never waits and never fails by itself: what goes wrong breaks its
//! reference and those that depend on it, and surfaces where a value is asked
//! for. Each operation has its own error type, with a `hint` where there is
//! advice.

mod args;
mod ask;
mod client;
mod codec;
mod connect;
mod connect_error;
mod describe;
mod disconnected;
mod driver;
mod encode;
mod eval;
mod far;
mod fuel;
mod function;
mod get;
mod hashes;
mod link;
mod logs;
mod memory;
mod module;
mod object;
mod outbox;
mod put;
mod session;
mod socket;
mod teleport;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
mod upload;
mod wait;
mod websocket;
mod wire;

pub use args::{Arguments, Named, Positional, RawArguments};
pub use client::{Client, ServerVersions};
pub use codec::{Codec, CodecError};
pub use connect::ClientBuilder;
pub use connect_error::{CertificateProblem, ConnectError};
pub use describe::DescribeError;
pub use disconnected::Disconnected;
pub use eval::{Bindings, Language};
pub use far::Far;
pub use farside_protocol::array::Array;
pub use farside_protocol::{
    ContentType, ErrorCode, Failure, LogLevel, ModuleHash, RefId, RefState, ResumeKey, SessionId,
    Transport, WriterId, manifest, outline,
};
pub use fuel::FuelError;
pub use function::Function;
pub use get::GetError;
pub use logs::{LogLine, LogLines};
pub use memory::memory_transport;
pub use module::{Module, RenewError, UnknownFunction};
pub use session::{Session, SessionError};
pub use upload::{ModuleSource, UploadError, Uploader};
pub use wait::WaitError;
pub use wire::WireCounts;
