//! What names a part of an order in words that are not read: taken for nothing, it would take back the whole.

use crate::fields::{Fields, Unreadable};

/// Fields of a refund that are read, or are no part of anything, as [`Fields::names`] has them.
const READ: [&str; 6] = ["amount", "currency", "itemids", "ticketids", "items", "reason"];

/// Words for a part of an order, or of its price.
const PARTS: [&str; 8] = ["item", "ticket", "seat", "position", "quantity", "amount", "cents", "partial"];

/// Names of one thing, or of some, in a cancellation. A list of objects may be the whole order.
const NAMES: [&str; 9] =
    ["itemid", "itemids", "ticketid", "ticketids", "seatid", "seatids", "quantity", "partial", "ispartial"];

/// Whether a refund that has no amount and no names says in other words that it is of a part.
///
/// # Errors
/// It does: whoever sent it has to say it in the words that are read.
pub(super) fn none_beside(fields: &Fields<'_>) -> Result<(), Unreadable> {
    let is_part = |name: &str| {
        let line = name.starts_with("line") || name.ends_with("lines");
        !READ.contains(&name) && (line || name == "value" || PARTS.iter().any(|part| name.contains(part)))
    };
    let says_partial = ["type", "kind"].iter().find(|name| {
        let text = fields.text(name).ok().flatten().unwrap_or_default();
        text.to_ascii_lowercase().contains("partial")
    });
    let named = fields.entries().find(|(name, value)| is_part(name) && says_something(value.get()));
    match named.map(|(name, _)| name).or(says_partial.copied()) {
        None => Ok(()),
        Some(name) => Err(Unreadable::field(
            name,
            "says that a part goes back, and is not read: send an amount, itemIds, ticketIds, or items with a quantity",
        )),
    }
}

/// Whether a cancellation is of the whole order.
///
/// # Errors
/// It names a part of it, or says that it is not done.
pub(super) fn whole(fields: &Fields<'_>) -> Result<(), Unreadable> {
    let named = fields.entries().find(|(name, value)| NAMES.contains(name) && says_something(value.get()));
    if let Some((name, _)) = named {
        let why = "names a part, and a cancellation is of a whole order: send a refund of it";
        return Err(Unreadable::field(name, why));
    }
    let status = fields.text("status").ok().flatten().unwrap_or_default().to_ascii_lowercase();
    let open = ["requested", "pending", "processing", "requires_action", "rejected", "declined", "failed"];
    if open.contains(&status.as_str()) {
        return Err(Unreadable::field("status", "says that the order is not cancelled"));
    }
    Ok(())
}

fn says_something(value: &str) -> bool {
    !["null", "false", "0", "\"\"", "[]", "{}", "\"false\"", "\"0\""].contains(&value)
}

#[cfg(test)]
mod tests {
    use crate::withdrawal::{Cancellation, Refund};

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    #[test]
    fn a_part_in_other_words_never_takes_back_the_whole() {
        let read = |rest: &str| {
            Refund::parse(
                format!(r#"{{"refundId":"r","paymentId":"p","orderId":"{ORDER}"{rest}}}"#).as_bytes(),
            )
        };
        for part in [
            r#""itemId":"A""#,
            r#""ticketId":"t""#,
            r#""lines":[{"itemId":"A","quantity":1}]"#,
            r#""refundedItems":[{}]"#,
            r#""lineItemIds":["A"]"#,
            r#""line_items":["A"]"#,
            r#""positions":["A"]"#,
            r#""seatIds":["S1"]"#,
            r#""refundAmount":5"#,
            r#""amount":null,"amount_refunded":5"#,
            r#""amountCents":500"#,
            r#""value":5"#,
            r#""type":"partial""#,
            r#""isPartial":true"#,
        ] {
            assert!(read(&format!(",{part}")).is_err(), "{part}");
            // With what is read, it is known what is meant.
            assert!(read(&format!(r#",{part},"itemIds":["A"]"#)).is_ok(), "{part}");
        }
        for whole in [
            "",
            r#","itemIds":[],"items":[],"ticketIds":null"#,
            r#","isPartial":false,"quantity":0,"seatIds":[]"#,
            r#","reason":"fell ill","customerId":"c","refundedAt":"2026-11-29T10:00:00Z","type":"full","online":true"#,
        ] {
            assert!(read(whole).is_ok(), "{whole}");
        }
        assert!(read(r#","amount":5,"refundedItems":[{}]"#).is_ok(), "an amount is read");
    }

    #[test]
    fn a_cancellation_is_of_a_whole_order() {
        let read = |rest: &str| Cancellation::parse(format!(r#"{{"orderId":"{ORDER}"{rest}}}"#).as_bytes());
        for part in [
            r#","ticketIds":["t"]"#,
            r#","itemId":"A""#,
            r#","quantity":1"#,
            r#","partial":true"#,
            r#","status":"requested""#,
            r#","status":"Rejected""#,
        ] {
            assert!(read(part).is_err(), "{part}");
        }
        for whole in [
            "",
            r#","ticketIds":[]"#,
            r#","items":[{"itemId":"A","quantity":1}],"total":20"#,
            r#","status":"cancelled""#,
        ] {
            assert!(read(whole).is_ok(), "{whole}");
        }
    }
}
