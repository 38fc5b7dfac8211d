//! Errors carry the decision: try again, give up, or stop and wait.

use std::time::Duration;

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again later; `after` is the wait that the other side asked for (`Retry-After`).
    Transient {
        /// The least time to wait.
        after: Option<Duration>,
    },
    /// Trying again will not help until somebody changes something: park it, with the reason.
    Permanent,
    /// Everything is refused, not this one piece of work (401, 403): wait without counting an attempt.
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

    /// Hopeless as things are.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Permanent, reason: reason.into() }
    }

    /// Refused wholesale.
    pub fn blocked(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Blocked, reason: reason.into() }
    }
}

/// Exponential backoff with full jitter: a random wait between nothing and the doubled bound, so that
/// many failures of one cause do not come back as one wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// The bound no wait exceeds.
    pub longest: Duration,
}

impl Backoff {
    /// The wait before try number `attempts + 1`. `random` lies in 0..1.
    /// A tenth of the bound is always waited, so that an unlucky draw does not hammer.
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
