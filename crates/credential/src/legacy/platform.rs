//! `orderId:seat:eventId`, as the platform's first ticket service printed it.

use std::fmt;

/// A code of the platform's old form. **Forgeable**: it has no signature, all of it stands in the order's
/// confirmation, and a scanner can only look it up. It names the order and the seat to whoever photographs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformCode<'a> {
    /// A GUID as the order carries it.
    pub order_id: &'a str,
    /// The seat in free form; it may hold colons.
    pub seat: &'a str,
    /// A GUID as the order carries it.
    pub event_id: &'a str,
}

impl<'a> PlatformCode<'a> {
    /// Takes a text apart; `None` when it is not of this form. Says nothing about whether it is true.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (order_id, rest) = crate::bare(text).split_once(':')?;
        let (seat, event_id) = rest.rsplit_once(':')?;
        (is_guid(order_id) && is_guid(event_id)).then_some(Self { order_id, seat, event_id })
    }
}

/// The text of the code.
impl fmt::Display for PlatformCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.order_id, self.seat, self.event_id)
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}
