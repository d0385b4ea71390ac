//! What the server's own errors are called on the wire.

use std::error::Error;

use farside_protocol::value::SelectError;
use farside_protocol::{ErrorCode, Failure};

use crate::meter::Exceeded;
use crate::storage::StorageError;

/// A storage error as the client is told it.
pub(crate) fn of_storage(error: &StorageError) -> Failure {
    let code = match error {
        StorageError::Quota { .. } => ErrorCode::QuotaExceeded,
        StorageError::Stopping => ErrorCode::Unavailable,
        StorageError::NotFound { .. }
        | StorageError::Corrupt { .. }
        | StorageError::DiskFull { .. }
        | StorageError::ReadOnly { .. }
        | StorageError::Permission { .. }
        | StorageError::InUse { .. }
        | StorageError::Io { .. } => ErrorCode::StorageFailed,
    };
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    with_hint(Failure::new(code, message), error.hint())
}

/// Memory that a session may not have, as the client is told it.
pub(crate) fn of_memory(Exceeded { asked, used, limit, setting }: &Exceeded) -> Failure {
    let whose = match *setting {
        "limits.process_memory" => "the server's memory is full: all sessions use",
        _ => "the owner's memory is full: its sessions use",
    };
    let message = format!(
        "{whose} {} of {}, and another {} do not fit",
        used.about(),
        limit.about(),
        asked.about()
    );
    Failure::new(ErrorCode::Unavailable, message)
        .with_hint(format!("try again later, or raise {setting} on the server"))
}

/// A path that leads nowhere, as the client is told it.
pub(crate) fn of_selection<E: Error + 'static>(error: &SelectError<E>) -> Failure {
    with_hint(Failure::new(ErrorCode::InvalidArgument, error.to_string()), error.hint())
}

fn with_hint(failure: Failure, hint: Option<impl Into<String>>) -> Failure {
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
