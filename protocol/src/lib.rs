//! All that crosses Farside's wire: messages, values, ids, error codes, size caps.
//!
//! This crate is the only one that knows the wire encoding. It does no I/O and
//! knows no runtime: a [`Transport`] is any stream and sink of frames.
//!
//! A frame holds one or several messages, one after the other; each message is a
//! MessagePack array whose first element is the message's number. Value bytes
//! ride inside a message as one MessagePack byte string, so they are spliced in
//! and sliced out without being decoded.

pub mod array;
pub mod manifest;
pub mod value;

#[cfg(feature = "wire")]
mod buffer;
#[cfg(feature = "wire")]
pub mod caps;
#[cfg(feature = "wire")]
pub mod codec;
#[cfg(feature = "wire")]
mod failure;
#[cfg(feature = "wire")]
mod id;
#[cfg(feature = "wire")]
mod message;
#[cfg(feature = "wire")]
pub mod outline;
#[cfg(feature = "wire")]
mod reply;
#[cfg(feature = "wire")]
mod request;
#[cfg(feature = "wire")]
mod transport;

#[cfg(feature = "wire")]
pub use {
    buffer::Buffer,
    failure::{ErrorCode, Failure, beginning},
    id::{IdError, ModuleHash, RefId, ResumeKey, Seq, SessionId, WriterId},
    message::{ContentType, Payload},
    reply::{LogLevel, RefState, Reply},
    request::{AttachTo, CallFlags, Each, Request, Subject, Target},
    transport::Transport,
};

/// Version of the protocol spoken by this crate; a peer with another one is
/// answered with [`ErrorCode::VersionMismatch`].
#[cfg(feature = "wire")]
pub const PROTOCOL_VERSION: u16 = 1;

/// WebSocket subprotocol that names the protocol and its encoding.
#[cfg(feature = "wire")]
pub const SUBPROTOCOL: &str = "farside.v1.msgpack";

/// HTTP header with which a server that has as many connections as it may says why
/// it does not become a WebSocket.
#[cfg(feature = "wire")]
pub const REFUSAL_HEADER: &str = "farside-refusal";

/// HTTP header with which a server that speaks TLS says so to a client that does not.
#[cfg(feature = "wire")]
pub const TLS_HEADER: &str = "farside-tls";

/// HTTP header with which a server names its subprotocol to a client that offers
/// others only.
#[cfg(feature = "wire")]
pub const SPEAKS_HEADER: &str = "farside-speaks";

/// Port that `farside serve` listens on by default.
#[cfg(feature = "wire")]
pub const DEFAULT_PORT: u16 = 7327;
