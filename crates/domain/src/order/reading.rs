//! What the reading of an answer depends on beside the answer.

use jiff::tz::TimeZone;

use super::MAX_TICKETS;
use crate::money::Currency;

crate::words! {
    /// Whose wall clock an event's times without an offset are.
    #[derive(Default)]
    pub enum LocalTimes: "wall clock" {
        /// That of the event's zone.
        #[default]
        Zone = "zone",
        /// UTC's.
        Utc = "utc",
    }
}

/// How Ordering's answers are read: settings, and what the payment says.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The most tickets of one order.
    pub max_tickets: usize,
    /// Whose wall clock the event's times are.
    pub local_times: LocalTimes,
    /// The zone of events that have none.
    pub zone: TimeZone,
    /// The currency of orders that have none, in payment or answer.
    pub currency: Currency,
    /// The payment's currency, which an order without one has.
    pub paid_in: Option<Currency>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            max_tickets: MAX_TICKETS,
            local_times: LocalTimes::default(),
            zone: TimeZone::UTC,
            currency: Currency::USD,
            paid_in: None,
        }
    }
}
