//! Whether a guest has touched memory for the first time, or written to it for the
//! first time: either is a page fault, and the system counts those of each thread.

use std::future::poll_fn;
use std::pin::pin;

/// The page faults that this thread has had; none where the system does not tell.
///
/// Linux counts in `ru_minflt` those that took no reading from a disk, and in
/// `ru_majflt` the others (getrusage(2)).
#[cfg(target_os = "linux")]
pub(super) fn of_this_thread() -> Option<i64> {
    use nix::sys::resource::{UsageWho, getrusage};

    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.minor_page_faults() + usage.major_page_faults())
}

/// The page faults that this thread has had: the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn of_this_thread() -> Option<i64> {
    None
}

/// Waits for what a guest does; true if it is certain that it had no page fault. That is
/// told only of what is done at once, since other threads may go on with the rest.
pub(crate) async fn watch<T>(work: impl Future<Output = T>) -> (T, bool) {
    let before = of_this_thread();
    let mut work = pin!(work);
    let mut polls = 0;
    let done = poll_fn(|context| {
        polls += 1;
        work.as_mut().poll(context)
    });
    let done = done.await;
    (done, polls == 1 && before.is_some() && before == of_this_thread())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_to_for_the_first_time_is_seen() {
        let mut pages = vec![0_u8; 64 << 20];
        let mut write = async |byte| watch(async { pages[20 << 20] = byte }).await.1;
        assert!(!write(1).await);
        // The system may have reasons of its own for a fault, but not every time.
        let mut had_none = false;
        for byte in 2..12 {
            had_none |= write(byte).await;
        }
        assert!(had_none);
        assert!(!watch(tokio::task::yield_now()).await.1, "another thread may have gone on");
        assert_eq!(pages[20 << 20], 11);
    }
}
