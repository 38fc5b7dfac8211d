//! Retry decisions and backoff: each error states whether to try again, give up, or stop and wait.

use std::time::Duration;

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again later; `after` is the wait that the other service asked for (`Retry-After`).
    Transient {
        /// The least time to wait.
        after: Option<Duration>,
    },
    /// Trying again will not help until an operator changes something: park it, with the reason.
    Permanent,
    /// Every request is refused, not only this one (401, 403): wait without counting an attempt.
    Blocked,
}

/// A failure of one step for one piece of work. The reason is free of personal data: it is logged and stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What to do about it.
    pub decision: Decision,
    /// What happened, for people.
    pub reason: String,
}

impl Failure {
    /// Worth another try.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Transient { after: None }, reason: reason.into() }
    }

    /// Not worth another try unless something changes.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Permanent, reason: reason.into() }
    }

    /// Every request is refused.
    pub fn blocked(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Blocked, reason: reason.into() }
    }
}

/// Exponential backoff with full jitter: a random wait between zero and the doubled bound, so that many failures with
/// one cause are not retried at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// The bound no wait exceeds.
    pub longest: Duration,
}

impl Backoff {
    /// The wait before try number `attempts + 1`. `random` is in 0..1. At least a tenth of the bound is waited, so that
    /// a low random value does not cause rapid retries.
    pub fn wait(&self, attempts: u32, random: f64) -> Duration {
        let doubled =
            self.first.saturating_mul(1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(0.1 + 0.9 * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(900) };
        assert_eq!(backoff.wait(1, 1.0), Duration::from_secs(1));
        assert_eq!(backoff.wait(4, 1.0), Duration::from_secs(8));
        assert_eq!(backoff.wait(4, 0.0), Duration::from_millis(800));
        for attempts in [20, 33, u32::MAX] {
            assert_eq!(backoff.wait(attempts, 1.0), Duration::from_secs(900));
        }
    }
}
