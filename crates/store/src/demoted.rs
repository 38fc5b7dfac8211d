//! What errors show about a PostgreSQL server: that it shut down, or was demoted and refuses writes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When an error last showed that a server shut down or refuses writes.
static LEFT: Mutex<Option<Instant>> = Mutex::new(None);

/// Connections that are open now are not used again: their server shut down, or is read-only.
pub(crate) fn leave() {
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// Whether a connection of this age is from before that.
pub(crate) fn is_left(age: Duration) -> bool {
    let left = *LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.is_some_and(|left| age >= left.elapsed())
}

/// A server that answers and takes no writes.
#[derive(Debug, thiserror::Error)]
#[error("the database server is read-only: it is a standby, or was demoted")]
pub(crate) struct ReadOnly;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_from_before_are_left() {
        leave();
        assert!(is_left(Duration::from_secs(1)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!is_left(Duration::from_millis(1)));
    }
}
