//! Identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAGuid;

            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                parse_guid(text).map(Self).ok_or(NotAGuid)
            }
        }
    };
}

id! {
    /// An order, as Ordering names it.
    OrderId
}
id! {
    /// A ticket. Derived from the order by [`crate::Secret::ticket_id`], or drawn by an earlier service.
    TicketId
}

/// The text is no GUID in 8-4-4-4-12 hexadecimal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a GUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct NotAGuid;

/// Reads a GUID in the 8-4-4-4-12 form only, of whatever version, in either case.
///
/// `Uuid::parse_str` also takes braces, `urn:uuid:` and bare 32 digits, which would give one ticket
/// several addresses.
pub fn parse_guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_a_guid() {
        let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
        assert!(parse_guid(id).is_some());
        assert_eq!(parse_guid(&id.to_uppercase()), parse_guid(id));
        for bad in ["", "3f2504e04f8941d39a0c0305e82c3301", "{3f2504e0-4f89-41d3-9a0c-0305e82c3301}", "x"] {
            assert!(parse_guid(bad).is_none(), "{bad}");
        }
    }
}
