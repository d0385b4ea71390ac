//! Which versions of everything this build speaks and writes.

use farside_protocol::PROTOCOL_VERSION;
use farside_protocol::manifest::GUEST_ABI;

use crate::sandbox::WASMTIME_VERSION;

/// Version of the data folder's layout and of the files in it.
const DATA_FORMAT: u32 = 1;

/// The versions that a client or an operator may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The server program and its version.
    pub server: &'static str,
    /// Version of the wire protocol.
    pub protocol: u16,
    /// Version of the contract with SDK guests.
    pub guest_abi: u32,
    /// Version of the data folder's layout.
    pub data_format: u32,
    /// The wasmtime release.
    pub wasmtime: &'static str,
}

/// This build's versions.
#[must_use]
pub fn versions() -> Versions {
    Versions {
        server: concat!("farside ", env!("CARGO_PKG_VERSION")),
        protocol: PROTOCOL_VERSION,
        guest_abi: GUEST_ABI,
        data_format: DATA_FORMAT,
        wasmtime: WASMTIME_VERSION,
    }
}
