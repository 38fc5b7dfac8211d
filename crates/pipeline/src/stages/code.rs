//! The code in a new ticket's QR symbol: the signed one of this service, or that of an older scanner.

use fulfillment_credential::legacy::{PlatformCode, PretixCode};
use fulfillment_credential::{Claims, SigningKey, sign};
use fulfillment_domain::OrderId;

use fulfillment_config::CodeFormat;

/// The code of one seat's ticket, `seat` as printed; the error is why it cannot be made.
pub(crate) fn code(
    format: CodeFormat,
    key: &SigningKey,
    claims: &Claims,
    (order_id, seat, event_id): (OrderId, &str, &str),
) -> Result<String, String> {
    match format {
        CodeFormat::Tk1 => sign(key, claims).map_err(|e| e.to_string()),
        CodeFormat::Pretix => PretixCode::from(claims).sign(key).map_err(|e| e.to_string()),
        CodeFormat::Platform => {
            Ok(PlatformCode { order_id: &order_id.to_string(), seat, event_id }.to_string())
        }
    }
}
