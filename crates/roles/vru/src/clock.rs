//! Time, as the runtime has it.

use tokio::time::Instant;

/// The time as the brains have it; the runtime's, so that tests can hold it.
pub(crate) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Sleeps until then; for ever without a deadline.
pub(crate) async fn sleep_until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(Instant::from_std(due)).await,
        None => std::future::pending().await,
    }
}
