//! No descriptors but the three of the pipes. The server marks its own so that no child
//! has them; this closes what the server itself was started with.

/// Closes all others.
#[cfg(target_os = "linux")]
pub(super) fn close() -> Result<(), String> {
    const FIRST: u32 = 3;
    #[expect(unsafe_code, reason = "no crate of ours closes a range of descriptors")]
    // SAFETY: the call touches no memory. A compiler has just started: nothing in this
    // process has opened a descriptor yet, so none that is closed has an owner.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, 0) };
    match closed {
        0 => Ok(()),
        _ => Err(format!("the kernel closes no ranges: {}", std::io::Error::last_os_error())),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn close() -> Result<(), String> {
    Err(super::NOT_HERE.to_owned())
}
