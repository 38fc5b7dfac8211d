//! Names of the items that await an operator.

use std::fmt;
use std::str::FromStr;

use fulfillment_domain::OrderId;

/// An item that awaits an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// A message that could not be taken, by its number.
    Letter(i64),
    /// An order that is parked, or that has listed items.
    Order(OrderId),
    /// A refund that waits or is parked, by its key `refund:ID`.
    Refund(String),
    /// Everything that is listed about orders with tickets for this event.
    Event(String),
}

/// A text that names no such item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a message number, an order id or refund:ID")]
pub struct NotListed(String);

/// Events have no name of their own form: they are not parsed from a name.
impl FromStr for Listed {
    type Err = NotListed;

    fn from_str(text: &str) -> Result<Self, NotListed> {
        if text.starts_with("refund:") {
            return Ok(Self::Refund(text.to_owned()));
        }
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Ok(Self::Letter(number)),
            (_, Ok(order)) => Ok(Self::Order(order)),
            _ => Err(NotListed(text.to_owned())),
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Letter(id) => id.fmt(f),
            Self::Order(order) => order.fmt(f),
            Self::Refund(name) | Self::Event(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        for name in ["17", "7d444840-9dc0-11d1-b245-5ffdce74fad2", "refund:R-18"] {
            assert_eq!(name.parse::<Listed>().unwrap().to_string(), name);
        }
        assert_eq!("17".parse(), Ok(Listed::Letter(17)));
        assert_eq!("refund:7".parse(), Ok(Listed::Refund("refund:7".to_owned())));
        assert_eq!("R-18".parse::<Listed>(), Err(NotListed("R-18".to_owned())));
    }
}
