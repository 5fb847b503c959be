//! Faults planted on purpose, to prove that the fault tests catch them. Only debug builds know them.

/// Which of our laws to break, from the environment variable `_DATAFLOW_PLANTED_FAULT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A cancelled exchange is left in the middle, nothing is rolled back, and the connection goes back to the pool.
    ReuseCancelled,
    /// A commit whose answer was lost is reported as done.
    TrustLostCommit,
    /// A commit whose answer was lost is reported as rolled back.
    DenyLostCommit,
}

#[cfg(debug_assertions)]
pub(crate) fn planted(fault: Fault) -> bool {
    use std::sync::LazyLock;
    static PLANTED: LazyLock<Option<Fault>> = LazyLock::new(|| {
        Some(match std::env::var("_DATAFLOW_PLANTED_FAULT").ok()?.as_str() {
            "reuse_cancelled" => Fault::ReuseCancelled,
            "trust_lost_commit" => Fault::TrustLostCommit,
            "deny_lost_commit" => Fault::DenyLostCommit,
            _ => return None,
        })
    });
    *PLANTED == Some(fault)
}

#[cfg(not(debug_assertions))]
pub(crate) const fn planted(_fault: Fault) -> bool {
    false
}
