//! Settings and payment details that affect how an answer is read.

use jiff::tz::TimeZone;

use super::MAX_TICKETS;
use crate::money::Currency;

crate::words! {
    /// The zone of an event's times that have no offset.
    #[derive(Default)]
    pub enum LocalTimes: "wall clock" {
        /// The event's zone.
        #[default]
        Zone = "zone",
        /// UTC.
        Utc = "utc",
    }
}

/// How Ordering's answers are read: settings, and facts from the payment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The most tickets of one order.
    pub max_tickets: usize,
    /// The zone of the event's times without an offset.
    pub local_times: LocalTimes,
    /// The zone of events that have none.
    pub zone: TimeZone,
    /// The currency of orders without one in payment or answer.
    pub currency: Currency,
    /// The payment's currency, used by an order without one.
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
