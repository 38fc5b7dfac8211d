//! The platform's old code `orderId:seat:eventId`, as its first ticket service printed it.

use std::fmt;

/// A code of the platform's old format. **Forgeable**: it has no signature, all of it is in the order's confirmation,
/// and a scanner can only look it up. Anyone who photographs it learns the order and the seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformCode<'a> {
    /// A GUID, as written in the order.
    pub order_id: &'a str,
    /// The seat in free form; it may contain colons.
    pub seat: &'a str,
    /// A GUID, as written in the order.
    pub event_id: &'a str,
}

impl<'a> PlatformCode<'a> {
    /// Parses a text; `None` if it does not have this format. Does not check whether it is genuine.
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
