//! Work that would hold up an async thread.

use std::panic;

use super::StorageError;

/// Does `work` on a thread where it may wait or compute.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    done(tokio::task::spawn_blocking(work).await)
}

/// Does `work` to its end even if nobody waits for it any more.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
) -> Result<T, StorageError> {
    done(tokio::spawn(work).await)
}

/// A panic goes on where the task was waited for.
fn done<T>(
    joined: Result<Result<T, StorageError>, tokio::task::JoinError>,
) -> Result<T, StorageError> {
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => panic::resume_unwind(panic),
        Err(_) => Err(StorageError::Stopping),
    })
}
