//! The time of day, passed in.

use jiff::Timestamp;

/// Tells the time. The binary has one that reads the machine's clock; tests have ones that stand still.
pub trait Clock: Send + Sync {
    /// The present instant, in UTC.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still, for tests and simulation.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
