//! What a new ticket's QR says: our own signed code, or that of an older scanner.

use std::str::FromStr;

use fulfillment_credential::legacy::{PlatformCode, PretixCode};
use fulfillment_credential::{Claims, SigningKey, sign};
use fulfillment_domain::OrderId;

/// The form of codes. A ticket keeps the one it was frozen or last reissued with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `TK1:`, signed and small.
    Tk1,
    /// `orderId:seat:eventId`, which anybody can write who knows an order.
    Platform,
    /// pretix's signature scheme 1, signed and larger.
    Pretix,
}

impl FromStr for Form {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "tk1" => Ok(Self::Tk1),
            "platform" => Ok(Self::Platform),
            "pretix" => Ok(Self::Pretix),
            _ => Err(()),
        }
    }
}

impl Form {
    /// The code of one seat's ticket, `seat` as printed; the error is why it cannot be made.
    pub(super) fn code(
        self,
        key: &SigningKey,
        claims: &Claims,
        (order_id, seat, event_id): (OrderId, &str, &str),
    ) -> Result<String, String> {
        match self {
            Self::Tk1 => sign(key, claims).map_err(|e| e.to_string()),
            Self::Pretix => PretixCode::from(claims).sign(key).map_err(|e| e.to_string()),
            Self::Platform => {
                Ok(PlatformCode { order_id: &order_id.to_string(), seat, event_id }.to_string())
            }
        }
    }
}
