//! The time of day, passed in.

use jiff::Timestamp;

/// Tells the time. The binary's clock reads the machine's clock; the clocks of tests are fixed.
pub trait Clock: Send + Sync {
    /// The present instant, in UTC.
    fn now(&self) -> Timestamp;
}

/// A fixed clock, for tests and simulation.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
