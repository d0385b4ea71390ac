//! The module's exports: where the server enters.
//!
//! The server writes a call's arguments into the inbox or into a block from
//! `farside_alloc`, and reads an answer where the entry says. An answer stays in
//! place until the next entry.

#![expect(unsafe_code, reason = "the server hands over addresses")]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::AtomicU8;

use farside_protocol::manifest::{Inbox, Manifest};
use serde::Serialize as _;

use crate::call::{Body, Call, Failed};
use crate::describe::Function;
use crate::panic;

/// Where the server writes small arguments. Nobody writes it from inside; it is
/// atomic because it changes all the same.
static INBOX: [AtomicU8; INBOX_BYTES] = [const { AtomicU8::new(0) }; INBOX_BYTES];

const INBOX_BYTES: usize = 4096;

/// Largest capacity that the answer's buffer keeps from call to call.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    /// The last answer, which stays until the next entry.
    static ANSWER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The last answer's buffer, to be used again unless it is large.
fn take_buffer() -> Vec<u8> {
    let mut buffer = ANSWER.take();
    if buffer.capacity() > KEPT_BYTES {
        buffer = Vec::new();
    }
    buffer.clear();
    buffer
}

/// Keeps an answer where the server finds it: its address in bits 0 to 31, its
/// length from 32 to 62, and in bit 63 whether it is an error.
fn keep(answer: Vec<u8>, failed: bool) -> u64 {
    let address = answer.as_ptr().expose_provenance() as u32;
    let packed = u64::from(address) | (answer.len() as u64) << 32 | u64::from(failed) << 63;
    ANSWER.set(answer);
    packed
}

/// Runs one call.
///
/// # Safety
/// `address` and `len` are a block of initialized bytes that nobody writes during
/// the call: in the inbox, or from `farside_alloc` with this length and given away.
pub unsafe fn call(address: u32, len: u32, arity: u32, body: Body) -> u64 {
    panic::report_to_server();
    let buffer = take_buffer();
    let block = ptr::with_exposed_provenance::<u8>(address as usize);
    // SAFETY: the caller vouches for the block.
    let bytes = unsafe { std::slice::from_raw_parts(block, len as usize) };
    let (answer, failed) = Call::run(bytes, buffer, arity, body);
    if address != inbox().address {
        // SAFETY: what is not the inbox was given away from `farside_alloc`.
        unsafe { free(address, len) };
    }
    keep(answer, failed)
}

/// Runs one call over bytes that lie anywhere, for tests off the wasm target: gives the
/// answer, and whether it is an error.
#[must_use]
pub fn answer(
    arguments: &[u8],
    arity: u32,
    body: fn(&mut Call<'_>) -> Result<(), Failed>,
) -> (Vec<u8>, bool) {
    Call::run(arguments, Vec::new(), arity, body)
}

/// Runs a function that the server calls of its own accord.
pub fn hook(body: fn()) {
    panic::report_to_server();
    body();
}

/// Describes one function.
pub fn describe(docs: &str, function: Function) -> u64 {
    let functions = vec![function.into_manifest()];
    answer_with(&Manifest { docs: docs.to_owned(), functions, ..manifest() })
}

/// What the module says of itself, without its functions.
fn manifest() -> Manifest {
    let abi = Some(farside_protocol::manifest::GUEST_ABI);
    Manifest { abi, inbox: Some(inbox()), ..Manifest::default() }
}

fn inbox() -> Inbox {
    Inbox { address: INBOX.as_ptr().expose_provenance() as u32, size: INBOX_BYTES as u32 }
}

fn answer_with(manifest: &Manifest) -> u64 {
    panic::report_to_server();
    let mut buffer = take_buffer();
    let mut serializer = rmp_serde::Serializer::new(&mut buffer).with_struct_map();
    match manifest.serialize(&mut serializer) {
        Ok(()) => keep(buffer, false),
        Err(error) => panic!("a manifest that cannot be serialized: {error}"),
    }
}

/// The layout of a block of arguments, unless that is larger than the memory.
fn block_layout(len: u32) -> Option<Layout> {
    Layout::from_size_align(len.max(1) as usize, align_of::<u64>()).ok()
}

/// Takes a block back.
///
/// # Safety
/// The block is from `farside_alloc` with this length, and nobody uses it any more.
unsafe fn free(address: u32, len: u32) {
    let Some(layout) = block_layout(len) else { return };
    let block = ptr::with_exposed_provenance_mut::<u8>(address as usize);
    // SAFETY: the caller vouches for the block; its layout follows from its length.
    unsafe { std::alloc::dealloc(block, layout) }
}

/// The exports that belong to no function. Off the wasm target their names would
/// only be in the way of others.
#[cfg(target_arch = "wasm32")]
mod exports {
    use farside_protocol::manifest::GUEST_ABI;

    use super::{ANSWER, block_layout, take_buffer};

    #[unsafe(no_mangle)]
    extern "C" fn farside_abi() -> u32 {
        GUEST_ABI
    }

    /// Gives a block for arguments, at address 0 if there is no memory for it.
    #[unsafe(no_mangle)]
    extern "C" fn farside_alloc(len: u32) -> u32 {
        ANSWER.set(take_buffer());
        let Some(layout) = block_layout(len) else { return 0 };
        // SAFETY: the layout's size is not zero.
        unsafe { std::alloc::alloc(layout) }.expose_provenance() as u32
    }

    /// # Safety
    /// As of [`free`](super::free).
    #[unsafe(no_mangle)]
    unsafe extern "C" fn farside_free(address: u32, len: u32) {
        // SAFETY: the server gives back what it got.
        unsafe { super::free(address, len) }
    }

    #[unsafe(no_mangle)]
    extern "C" fn farside_describe() -> u64 {
        super::answer_with(&super::manifest())
    }
}
