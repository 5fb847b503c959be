//! What may be tried again: a table of its own, so that no error decides it for itself.

use crate::error::ErrorKind;

/// Whether the same operation may succeed when it is run again from its start.
///
/// Only kinds after which the database has kept nothing are here; a lost commit
/// (`CommitOutcomeUnknown`) is never one: repeating it doubles effects.
pub const fn retryable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SerializationFailure
            | ErrorKind::Deadlock
            | ErrorKind::LockTimeout
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionLost
            | ErrorKind::PoolTimeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_commit_is_never_retried() {
        assert!(!retryable(ErrorKind::CommitOutcomeUnknown));
        assert!(retryable(ErrorKind::Deadlock));
    }
}
