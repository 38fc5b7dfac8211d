//! `payment-refunded` and `order-cancelled`: the messages that take tickets back.
//!
//! A refund belongs to its payment, a cancellation to its order. Either may arrive before what it is about, so each is
//! kept under a key of its own and evaluated again when its order changes.

mod parts;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::envelope;
use crate::event_time::is_date;
use crate::fields::{Fields, Unreadable};
use crate::id::{OrderId, TicketId};
use crate::money::{Amount, Currency};
use crate::subject::Subject;

/// The most items or tickets that one refund may name.
const MAX_NAMES: usize = 10_000;

/// A refund or a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawal {
    /// Money was returned for a payment.
    Refund(Refund),
    /// An order was cancelled.
    Cancellation(Cancellation),
}

/// A refund. Its id and its order's id are always present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The refund's own id.
    pub refund_id: String,
    /// The payment that it refunds; without one, the only payment of its order.
    pub payment_id: Option<String>,
    /// The order.
    pub order_id: OrderId,
    /// How much was returned, exactly. Without an amount and without names, the whole payment was.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// What it is for; without names it is for the payment as a whole.
    pub names: Names,
    /// Its status.
    pub progress: Progress,
    /// Why, for people.
    pub reason: Option<String>,
    /// When, by the producer's clock.
    pub refunded_at: Option<Timestamp>,
}

/// Which of an order's tickets a refund is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Names {
    /// Ordering's items: every ticket of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub item_ids: Vec<String>,
    /// Single tickets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ticket_ids: Vec<TicketId>,
    /// A number of tickets of an item, each item once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemQuantity>,
}

/// A number of tickets of one of Ordering's items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemQuantity {
    /// Which item.
    pub item_id: String,
    /// How many of its tickets.
    pub quantity: u32,
}

impl Names {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.item_ids.is_empty() && self.ticket_ids.is_empty() && self.items.is_empty()
    }

    /// Whether it names everything that the other names, in at least the same quantity. Two that cover each other are
    /// equal.
    pub fn covers(&self, other: &Self) -> bool {
        let by_number = |item: &ItemQuantity| {
            self.item_ids.contains(&item.item_id)
                || self.items.iter().any(|i| i.item_id == item.item_id && i.quantity >= item.quantity)
        };
        other.ticket_ids.iter().all(|id| self.ticket_ids.contains(id))
            && other.item_ids.iter().all(|id| self.item_ids.contains(id))
            && other.items.iter().all(by_number)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let ticket_ids = fields.identifiers("ticketIds", MAX_NAMES)?.into_iter();
        let ticket_ids = ticket_ids
            .map(|id| id.parse::<TicketId>().map_err(|e| Unreadable::field("ticketIds", e.to_string())))
            .collect::<Result<_, _>>()?;
        let items = quantities(fields)?;
        let mut item_ids = fields.identifiers("itemIds", MAX_NAMES)?;
        // Given in both ways: the entry with a quantity is more specific.
        item_ids.retain(|id| items.iter().all(|item| item.item_id != *id));
        Ok(Self { item_ids, ticket_ids, items })
    }
}

/// Reads `items`: a list of objects, each with an `itemId` and a `quantity` of 1 or more. Entries of one item are added
/// up.
fn quantities(fields: &Fields<'_>) -> Result<Vec<ItemQuantity>, Unreadable> {
    let entries = fields.objects("items")?.unwrap_or_default();
    if entries.len() > MAX_NAMES {
        return Err(Unreadable::field("items", format!("has more than {MAX_NAMES} entries")));
    }
    let mut items: Vec<ItemQuantity> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (i, entry) in entries.iter().enumerate() {
        let at = |error: Unreadable| {
            let field = error.field.map(|f| format!("items[{i}].{f}"));
            Unreadable { field, reason: error.reason }
        };
        let missing = |name: &str| at(Unreadable::field(name, "is missing"));
        let item_id = entry.identifier("itemId").map_err(at)?.ok_or_else(|| missing("itemId"))?;
        let quantity = entry.integer("quantity").map_err(at)?.ok_or_else(|| missing("quantity"))?;
        let quantity = u32::try_from(quantity).ok().filter(|n| *n > 0);
        let quantity =
            quantity.ok_or_else(|| at(Unreadable::field("quantity", "is not a number of tickets")))?;
        let place = *places.entry(item_id.clone()).or_insert(items.len());
        match items.get_mut(place) {
            Some(item) => item.quantity = item.quantity.saturating_add(quantity),
            None => items.push(ItemQuantity { item_id, quantity }),
        }
    }
    Ok(items)
}

/// The status of a refund, from its producer's `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// The money was returned.
    Final,
    /// The money is being returned.
    Pending,
    /// The money was not returned.
    Failed,
}

impl Progress {
    /// Reads `status`, in any case; without one the refund is final.
    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let Some(status) = fields.text("status")? else { return Ok(Self::Final) };
        match status.to_ascii_lowercase().as_str() {
            "succeeded" | "success" | "completed" | "refunded" | "settled" | "processed" => Ok(Self::Final),
            "pending" | "requested" | "processing" | "requires_action" | "created" => Ok(Self::Pending),
            "failed" | "canceled" | "cancelled" | "rejected" | "declined" | "reversed" | "expired" => {
                Ok(Self::Failed)
            }
            _ => Err(Unreadable::field(
                "status",
                "is not a known status of a refund, such as succeeded, pending or failed",
            )),
        }
    }
}

/// A cancellation. Only the order id is always present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The order.
    pub order_id: OrderId,
    /// Why, for people.
    pub reason: Option<String>,
    /// When, by the producer's clock. It distinguishes a later cancellation of a reinstated order from a repeat of the
    /// first; without it the time of its record does.
    pub cancelled_at: Option<Timestamp>,
}

impl Withdrawal {
    /// The order that it is about.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Refund(refund) => refund.order_id,
            Self::Cancellation(cancellation) => cancellation.order_id,
        }
    }

    /// The idempotency key: `refund:<id>`, or `cancellation:<order>` with its time if it has one.
    pub fn key(&self) -> String {
        match self {
            Self::Refund(refund) => format!("refund:{}", refund.refund_id),
            Self::Cancellation(Cancellation { order_id, cancelled_at: None, .. }) => {
                format!("cancellation:{order_id}")
            }
            Self::Cancellation(Cancellation { order_id, cancelled_at: Some(at), .. }) => {
                format!("cancellation:{order_id}:{}", at.as_microsecond())
            }
        }
    }

    /// Which of the two it is.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Refund(_) => Subject::Refund,
            Self::Cancellation(_) => Subject::Cancellation,
        }
    }

    /// Why, for people.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refund(refund) => refund.reason.as_deref(),
            Self::Cancellation(cancellation) => cancellation.reason.as_deref(),
        }
    }

    /// When, by the producer's clock.
    pub fn said_at(&self) -> Option<Timestamp> {
        match self {
            Self::Refund(refund) => refund.refunded_at,
            Self::Cancellation(cancellation) => cancellation.cancelled_at,
        }
    }
}

impl Refund {
    /// Reads a message of the topic `payment-refunded`, in any spelling, bare or in an envelope.
    ///
    /// # Errors
    /// Not a JSON object, no readable refund or order id, a wrong-typed payment id, amount, currency or list of names,
    /// an unknown status, or words for a part without an amount and names: what is not understood must not take back
    /// more, or less, than was meant.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (open, part) = (parts::called_open(bytes), parts::called_partial(bytes));
        envelope::open(bytes, |fields| {
            let refund = Self::read(fields)?;
            let says_status = fields.raw("status")?.is_some();
            let says_part = refund.amount.is_some() || !refund.names.is_empty();
            match (open.filter(|_| !says_status), part.filter(|_| !says_part)) {
                (Some(name), _) => Err(Unreadable::field(name, "says that it is not done: send its status")),
                (_, Some(name)) => Err(Unreadable::field(name, parts::PARTIAL)),
                _ => Ok(refund),
            }
        })
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let missing = |name: &str| Unreadable::field(name, "is missing");
        let amount = fields.amount("amount")?;
        if amount.is_some_and(Amount::is_negative) {
            return Err(Unreadable::field("amount", "is negative"));
        }
        let currency = fields
            .text("currency")?
            .map(|c| c.parse::<Currency>().map_err(|e| Unreadable::field("currency", e.to_string())))
            .transpose()?;
        Ok(Self {
            refund_id: fields.identifier("refundId")?.ok_or_else(|| missing("refundId"))?,
            payment_id: fields.optional_id("paymentId")?,
            order_id: fields.guid("orderId")?.map(OrderId).ok_or_else(|| missing("orderId"))?,
            amount,
            currency,
            names: {
                let names = Names::read(fields)?;
                if amount.is_none() && names.is_empty() {
                    parts::none_beside(fields)?;
                }
                names
            },
            progress: Progress::read(fields)?,
            reason: fields.text("reason").ok().flatten(),
            refunded_at: moment(fields, "refundedAt"),
        })
    }

    /// The key of the payment that it refunds, as in [`crate::Payment::key`].
    pub fn payment_key(&self) -> String {
        self.payment_id.clone().unwrap_or_else(|| format!("order:{}", self.order_id))
    }
}

impl Cancellation {
    /// Reads a message of the topic `order-cancelled`, in any spelling, bare or in an envelope.
    ///
    /// # Errors
    /// Not a JSON object, or no readable order id; it names a part of the order, or states that the order is not
    /// cancelled.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        if let Some(name) = parts::called_open(bytes).or(parts::called_partial(bytes)) {
            return Err(Unreadable::field(name, "says that the order is not cancelled, or a part of it"));
        }
        envelope::open(bytes, Self::read)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        parts::whole(fields)?;
        Ok(Self {
            order_id: fields
                .guid("orderId")?
                .map(OrderId)
                .ok_or_else(|| Unreadable::field("orderId", "is missing"))?,
            reason: fields.text("reason").ok().flatten(),
            cancelled_at: moment(fields, "cancelledAt"),
        })
    }
}

/// When something was done. A day alone gives no order within that day, and a placeholder date gives no time at all:
/// both are `None`.
fn moment(fields: &Fields<'_>, name: &str) -> Option<Timestamp> {
    const DAY: usize = "2026-11-29".len();
    fields.text(name).ok().flatten().filter(|text| text.trim().len() > DAY)?;
    fields.time(name).ok().flatten().filter(|at| is_date(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    const TICKET: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

    #[test]
    fn reads_refunds_in_any_spelling() {
        let camel = format!(
            r#"{{"refundId":"r1","paymentId":"p1","orderId":"{ORDER}","amount":12.50,"currency":"EUR",
            "itemIds":["a",7],"ticketIds":["{TICKET}"],"reason":"rain","refundedAt":"2026-11-22T10:00:00Z"}}"#
        );
        let snake = format!(
            r#"{{"refund_id":"r1","payment_id":"p1","order_id":"{ORDER}","amount":"12.5","currency":"eur",
            "item_ids":["a","7"],"ticket_ids":["{}"],"reason":"rain","refunded_at":"2026-11-22T10:00:00"}}"#,
            TICKET.to_uppercase()
        );
        let wrapped = format!(r#"{{"specversion":"1.0","data":{camel}}}"#);
        let first = Refund::parse(camel.as_bytes()).unwrap();
        assert_eq!(first.names.item_ids, ["a", "7"]);
        for json in [snake, wrapped] {
            assert_eq!(Refund::parse(json.as_bytes()).unwrap(), first, "{json}");
        }
        let bare = format!(r#"{{"RefundId":"r2","OrderId":"{ORDER}"}}"#);
        let bare = Refund::parse(bare.as_bytes()).unwrap();
        assert!(bare.names.is_empty() && bare.amount.is_none());
        assert_eq!(bare.payment_key(), format!("order:{ORDER}"));
        assert_eq!(Withdrawal::Refund(bare).key(), "refund:r2");
    }

    #[test]
    fn what_could_take_back_too_much_is_unreadable() {
        let with = |rest: &str| format!(r#"{{"refundId":"r","orderId":"{ORDER}"{rest}}}"#);
        for (json, field) in [
            (format!(r#"{{"orderId":"{ORDER}"}}"#), "refundId"),
            (r#"{"refundId":"r"}"#.to_owned(), "orderId"),
            (with(r#","itemIds":"all""#), "itemIds"),
            (with(r#","itemIds":[{}]"#), "itemIds"),
            (with(r#","ticketIds":["x"]"#), "ticketIds"),
            (with(r#","amount":-1"#), "amount"),
            (with(r#","amount":"much""#), "amount"),
            (with(r#","currency":"euro""#), "currency"),
            (with(r#","paymentId":[]"#), "paymentId"),
            (with(r#","status":"unheard of""#), "status"),
            (with(r#","status":7"#), "status"),
            (with(r#","items":["a"]"#), "items[0]"),
            (with(r#","items":[{"itemId":"a","quantity":1},{"quantity":1}]"#), "items[1].itemId"),
            (with(r#","items":[{"itemId":"a"}]"#), "items[0].quantity"),
            (with(r#","items":[{"itemId":"a","quantity":0}]"#), "items[0].quantity"),
            (with(r#","items":[{"itemId":"a","quantity":1.5}]"#), "items[0].quantity"),
        ] {
            let fault = Refund::parse(json.as_bytes()).unwrap_err().field;
            assert_eq!(fault.as_deref(), Some(field), "{json}");
        }
    }

    #[test]
    fn a_status_says_how_far_a_refund_has_come() {
        let read = |status: &str| {
            let json = format!(r#"{{"refundId":"r","orderId":"{ORDER}","status":{status}}}"#);
            Refund::parse(json.as_bytes()).unwrap().progress
        };
        let words = |words: &[&str], progress: Progress| {
            for word in words {
                assert_eq!(read(&format!("\"{word}\"")), progress, "{word}");
                assert_eq!(read(&format!("\" {} \"", word.to_uppercase())), progress, "{word}");
            }
        };
        let done = ["succeeded", "success", "completed", "refunded", "settled", "processed"];
        let going = ["pending", "requested", "processing", "requires_action", "created"];
        let not = ["failed", "canceled", "cancelled", "rejected", "declined", "reversed", "expired"];
        words(&done, Progress::Final);
        words(&going, Progress::Pending);
        words(&not, Progress::Failed);
        assert_eq!((read("null"), read("\"\"")), (Progress::Final, Progress::Final));
    }

    #[test]
    fn a_refund_of_no_payment_in_particular_is_of_the_order_s() {
        for none in [r#""00000000-0000-0000-0000-000000000000""#, "0", r#""-""#] {
            let json = format!(r#"{{"refundId":"r","orderId":"{ORDER}","paymentId":{none}}}"#);
            let refund = Refund::parse(json.as_bytes()).unwrap();
            assert_eq!((refund.payment_key(), refund.payment_id), (format!("order:{ORDER}"), None), "{none}");
        }
    }

    #[test]
    fn items_can_have_a_number() {
        let read = |rest: &str| {
            let json = format!(r#"{{"refundId":"r","orderId":"{ORDER}",{rest}}}"#);
            Refund::parse(json.as_bytes()).unwrap().names
        };
        let names = read(
            r#""itemIds":["a","b"],"items":[{"itemId":"b","quantity":2},{"item_id":7,"Quantity":1},
            {"itemId":"b","quantity":1}]"#,
        );
        let item = |id: &str, quantity| ItemQuantity { item_id: id.to_owned(), quantity };
        assert_eq!((names.items, names.item_ids), (vec![item("b", 3), item("7", 1)], vec!["a".to_owned()]));
        let without = serde_json::to_string(&read(r#""itemIds":["a"],"items":[]"#)).unwrap();
        assert_eq!(without, r#"{"itemIds":["a"]}"#, "as it was stored before there were numbers");
    }

    #[test]
    fn cancellations_are_told_apart_by_their_time() {
        let key = |rest: &str| {
            let json = format!(r#"{{"orderId":"{ORDER}"{rest}}}"#);
            Withdrawal::Cancellation(Cancellation::parse(json.as_bytes()).unwrap()).key()
        };
        assert_eq!(key(""), format!("cancellation:{ORDER}"));
        for no_time in ["nonsense", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z", "2026-11-29"] {
            assert_eq!(key(&format!(r#","cancelledAt":"{no_time}""#)), key(""), "{no_time}");
        }
        let at = key(r#","cancelled_at":"2026-11-22T10:00:00Z""#);
        assert_ne!(at, key(r#","cancelledAt":"2026-11-23T10:00:00Z""#));
        assert_eq!(at, key(r#","cancelledAt":"2026-11-22T11:00:00+01:00","reason":"x""#));
        assert!(Cancellation::parse(b"{}").is_err());
    }
}
