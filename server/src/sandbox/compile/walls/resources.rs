//! How much a compiler may take: some of it is known from the start, the rest stands in
//! its order. Processes are not counted, since the system counts those of the whole
//! account; that no other is started is a matter of system calls.

use std::io;

use crate::sandbox::compile::order::Order;

/// Descriptors that it may have at once, the three of its pipes included: one for each
/// memory of a guest that begins with an image, and one while a wall is raised.
#[cfg(unix)]
const DESCRIPTORS: u64 = 64;

/// Bounds what no order needs more of.
#[cfg(unix)]
pub(super) fn bound_all() -> Result<(), String> {
    use rustix::process::Resource;

    let bounded = limit(Resource::Core, 0, 0)
        .and_then(|()| limit(Resource::Nofile, DESCRIPTORS, DESCRIPTORS));
    bounded.map_err(|error| error.to_string())
}

/// Bounds what an order says, before anything of its module is looked at.
#[cfg(unix)]
pub(in crate::sandbox::compile) fn bound(order: &Order) -> io::Result<()> {
    use rustix::process::Resource;

    let Order { sizes, ceilings, .. } = order;
    let cpu = ceilings.cpu.as_secs().max(1);
    limit(Resource::Cpu, cpu, cpu + 1)?;
    // Guests' first pages lie in files in memory, if anywhere.
    let file = ceilings.image.max(sizes.memory_bytes as u64);
    limit(Resource::Fsize, file, file)?;
    // Not the address space: guests' memories are reserved in it.
    #[cfg(target_os = "linux")]
    limit(Resource::Data, ceilings.memory, ceilings.memory)?;
    Ok(())
}

#[cfg(unix)]
fn limit(resource: rustix::process::Resource, current: u64, maximum: u64) -> io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};

    // Raising the ceiling that the server itself has is not for this process.
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(current.min(most)), maximum: Some(maximum.min(most)) };
    Ok(setrlimit(resource, limit)?)
}

/// Elsewhere only the time that the server waits bounds it.
#[cfg(not(unix))]
pub(super) fn bound_all() -> Result<(), String> {
    Err(super::NOT_HERE.to_owned())
}

#[cfg(not(unix))]
pub(in crate::sandbox::compile) fn bound(_order: &Order) -> io::Result<()> {
    Ok(())
}
