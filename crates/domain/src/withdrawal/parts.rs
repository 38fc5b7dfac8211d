//! Detects whether a message is about a part of an order: a part named in a field that is not read would take back the
//! whole.

use std::collections::BTreeSet;

use crate::envelope;
use crate::fields::{Fields, Unreadable};

/// Fields of a refund that are read, and those that other systems add and that limit nothing, as spelled by
/// [`Fields::entries`].
const KNOWN: &str = "amount currency itemids ticketids items reason refundid orderid paymentid status refundedat \
     metadata tags labels links headers context customer user buyer actor customerid userid transactionid eventid id \
     version schemaversion sequence offset retries attempt attempts retrycount timestamp online test istest livemode notify notified \
     email customeremail source gateway provider reference note notes comment comments message description details";

/// Parts of field names that describe a part of an order, or of its price.
const PARTS: &str = "item ticket seat position quantity amount cents partial line value total percent remain product \
     attendee passenger admission barcode";

/// Words in a refund's `type`, `mode` or `scope` that mean a part.
const PARTLY: &str = "partial partially partly part item items goodwill";

/// Fields of a cancellation that name one thing, or several.
const NAMES: &str = "itemid itemids ticketid ticketids seatid seatids quantity partial ispartial";

/// Lists of a cancellation that mean a part when they contain ids. A list of objects may be the whole order.
const LISTS: &str = "items lineitems orderitems lines tickets seats seatnumbers attendees positions";

/// Words of a cancellation's status that mean it is done, and words that mean it is not.
const DONE: &str = "cancelled canceled void voided complete completed done closed success succeeded successful refunded \
     processed";
const OPEN: &str = "partial partially partly part pending request requested requires processing failed rejected declined \
     not uncancelled";

/// The longest name of a field in a reason, in characters.
const LONGEST_NAME: usize = 100;

pub(super) const PARTIAL: &str = "may say that a part goes back, and is not read: send an amount, itemIds, ticketIds, or items with a quantity";

/// Checks that a refund without an amount and names cannot be about a part.
///
/// # Errors
/// It has a field that is not read and may mean a part: a number, a list, a name or a word for a part. The sender has
/// to use fields that are read.
pub(super) fn none_beside(fields: &Fields<'_>) -> Result<(), Unreadable> {
    let limits = |name: &str, value: &str| {
        if has(KNOWN, name) || name.ends_with("at") || name.ends_with("date") || is_empty(value) {
            return false;
        }
        let denied = ["full", "whole", "complete"].iter().any(|word| name.contains(word));
        match value {
            "true" | "\"true\"" => name.contains("part"),
            "false" | "\"false\"" => denied,
            "0" | "\"0\"" => false,
            _ if PARTS.split(' ').any(|part| name.contains(part)) => true,
            _ if value.starts_with('"') => {
                words(value).iter().any(|word| has(PARTLY, word)) || is_number(value.trim_matches('"'))
            }
            _ => true,
        }
    };
    match fields.entries().find(|(name, value)| limits(name, value.get())) {
        None => Ok(()),
        Some((name, _)) => Err(Unreadable::field(&shown(name), PARTIAL)),
    }
}

/// Checks that a cancellation is about the whole order.
///
/// # Errors
/// It names a part of it, or states that it is not done.
pub(super) fn whole(fields: &Fields<'_>) -> Result<(), Unreadable> {
    let is_part = |name: &str, value: &str| {
        let of_ids = value.starts_with('[') && !value.trim_start_matches(['[', ' ']).starts_with('{');
        let of_part = name.contains("cancel") && PARTS.split(' ').any(|part| name.contains(part));
        !is_empty(value)
            && !["false", "\"false\"", "0", "\"0\""].contains(&value)
            && (has(NAMES, name) || has(LISTS, name) && of_ids || of_part)
    };
    let named = fields.entries().find(|(name, value)| is_part(name, value.get())).map(|(name, _)| name);
    let text = |name: &str| fields.text(name).ok().flatten();
    let partly = |name: &&str| text(name).is_some_and(|text| words(&text).iter().any(|w| has(PARTLY, w)));
    if let Some(name) = named.or_else(|| ["type", "kind"].into_iter().find(partly)) {
        let why = "names a part, and a cancellation is of a whole order: send a refund of it";
        return Err(Unreadable::field(&shown(name), why));
    }
    for name in ["status", "orderStatus", "state"] {
        let Some(status) = text(name).filter(|status| !status.trim().is_empty()) else { continue };
        let words = words(&status);
        if words.iter().any(|word| has(OPEN, word)) || !words.iter().any(|word| has(DONE, word)) {
            return Err(Unreadable::field(name, "does not say that the order is cancelled"));
        }
    }
    Ok(())
}

/// The field which states that a refund or a cancellation is not done: usually the type of its envelope.
pub(super) fn called_open(bytes: &[u8]) -> Option<&'static str> {
    called(bytes, &["fail", "declin", "denied", "reject", "pending", "request", "expired"])
}

/// The field which states that it is about a part.
pub(super) fn called_partial(bytes: &[u8]) -> Option<&'static str> {
    called(bytes, &["partial"])
}

fn called(bytes: &[u8], words: &[&str]) -> Option<&'static str> {
    let says = |said: &str| words.iter().any(|word| said.contains(word));
    envelope::called(bytes).into_iter().find(|(_, said)| says(said)).map(|(name, _)| name)
}

fn has(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

/// The name of a field as a reason shows it: the sender may have chosen any name.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

fn is_empty(value: &str) -> bool {
    ["null", "\"\"", "[]", "{}"].contains(&value)
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_digit() || ['.', ',', '-', '+', '%', ' '].contains(&c))
}

/// The words of a text in lower case; `partiallyCancelled` gives both.
fn words(text: &str) -> BTreeSet<String> {
    let mut parted = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            parted.push(' ');
        }
        parted.extend(c.to_lowercase());
        before = c;
    }
    parted.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
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
            r#""orderLineIds":["A"]"#,
            r#""products":["A"]"#,
            r#""attendeeIds":["x"]"#,
            r#""barcodes":["x"]"#,
            r#""positions":["A"]"#,
            r#""seatIds":["S1"]"#,
            r#""refundAmount":5"#,
            r#""amount":null,"amount_refunded":5"#,
            r#""amount":null,"refund":{"amount":10}"#,
            r#""transactions":[{"amount":"10.00","kind":"refund"}]"#,
            r#""money":{"amount":10}"#,
            r#""total_refunded":"10.00""#,
            r#""refunded":"10.00""#,
            r#""percentage":50"#,
            r#""amountCents":500"#,
            r#""value":5"#,
            r#""type":"partial""#,
            r#""refundType":"Partial""#,
            r#""mode":"partial_refund""#,
            r#""scope":"item""#,
            r#""type":"goodwill""#,
            r#""isPartial":true"#,
            r#""isFullRefund":false"#,
            r#""full":"false""#,
        ] {
            assert!(read(&format!(",{part}")).is_err(), "{part}");
            // With fields that are read, the meaning is known.
            assert!(read(&format!(r#",{part},"itemIds":["A"]"#)).is_ok(), "{part}");
        }
        for whole in [
            "",
            r#","itemIds":[],"items":[],"ticketIds":null"#,
            r#","isPartial":false,"quantity":0,"seatIds":[],"fullRefund":true"#,
            r#","reason":"fell ill","customerId":"c","refundedAt":"2026-11-29T10:00:00Z","type":"full","online":true"#,
            r#","gateway":"stripe","createdAt":1764410400,"metadata":{"desk":4},"chargeId":"ch_12""#,
            r#","type":"RefundSucceeded","paymentMethod":"LINE Pay","note":"item was late","tags":["vip"]"#,
        ] {
            assert!(read(whole).is_ok(), "{whole}");
        }
        assert!(read(r#","amount":5,"refundedItems":[{}]"#).is_ok(), "an amount is read");
        let long = read(&format!(r#","\u001bitem{}":1"#, "x".repeat(5_000))).unwrap_err().field.unwrap();
        assert!(long.len() == 100 && long.starts_with("itemx"), "{long}");
    }

    #[test]
    fn what_an_event_is_called_says_whether_it_is_done() {
        let of = |kind: &str, data: &str| {
            format!(
                r#"{{"specversion":"1.0","id":"1","source":"/x","type":"{kind}","data":{{"orderId":"{ORDER}"{data}}}}}"#
            )
        };
        let refund = |kind: &str, more: &str| {
            Refund::parse(of(kind, &format!(r#","refundId":"r"{more}"#)).as_bytes()).is_ok()
        };
        for kind in ["refund.failed", "com.shop.RefundRequested", "refund.pending"] {
            assert!(!refund(kind, r#","amount":5"#), "{kind}");
            assert!(refund(kind, r#","status":"succeeded""#), "{kind}: the status says more");
        }
        assert!(!refund("refund.partial", "") && refund("refund.partial", r#","amount":5"#));
        assert!(refund("refund.succeeded", "") && refund("com.shop.RefundCreated", ""));
        let cancelled = |kind: &str| Cancellation::parse(of(kind, "").as_bytes()).is_ok();
        assert!(cancelled("order.cancelled") && cancelled("order-cancelled"));
        assert!(!cancelled("order.cancellation.requested") && !cancelled("order.partially_cancelled"));
    }

    #[test]
    fn a_cancellation_is_of_a_whole_order() {
        let read = |rest: &str| Cancellation::parse(format!(r#"{{"orderId":"{ORDER}"{rest}}}"#).as_bytes());
        for part in [
            r#""ticketIds":["t"]"#,
            r#""itemId":"A""#,
            r#""quantity":1"#,
            r#""partial":true"#,
            r#""cancelledItems":[{"itemId":"A"}]"#,
            r#""seats":["A"]"#,
            r#""positions":[1]"#,
            r#""type":"partial""#,
            r#""status":"requested""#,
            r#""status":"Rejected""#,
            r#""status":"CancellationPending""#,
            r#""status":"partially_cancelled""#,
            r#""orderStatus":"active""#,
        ] {
            assert!(read(&format!(",{part}")).is_err(), "{part}");
        }
        for whole in [
            "",
            r#","ticketIds":[],"quantity":0"#,
            r#","items":[{"itemId":"A","quantity":1}],"total":20,"seats":[ {"id":"A"}]"#,
            r#","status":"cancelled","state":"VOID""#,
            r#","status":"CANCELLED_BY_CUSTOMER","type":"order""#,
        ] {
            assert!(read(whole).is_ok(), "{whole}");
        }
    }
}
