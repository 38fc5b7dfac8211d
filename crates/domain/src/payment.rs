//! `payment-succeeded`: the message that starts an order's processing.

use jiff::{SignedDuration, Timestamp};

use crate::envelope;
use crate::event_time::is_date;
use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;
use crate::money::{Amount, Currency};

/// The largest difference between two producers' times of one payment.
const SAME_TIME: SignedDuration = SignedDuration::from_mins(10);

/// A payment, as far as its producers can be relied upon: only the order id is always present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The payment's own id; a GUID in lower case, or whatever the producer has.
    pub payment_id: Option<String>,
    /// The order that was paid.
    pub order_id: OrderId,
    /// Who paid.
    pub customer_id: Option<String>,
    /// How much, exactly.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// The payment provider's transaction id.
    pub transaction_id: Option<String>,
    /// When, by the producer's clock. An unreadable time is not a reason to refuse a paid order.
    pub processed_at: Option<Timestamp>,
}

impl Payment {
    /// Reads a message of the topic `payment-succeeded`: camelCase, `PascalCase`, `snake_case` or a mix, bare or in an
    /// envelope that is unwrapped. Unknown fields are ignored.
    ///
    /// # Errors
    /// Not a JSON object, no readable order id, a status other than succeeded or a type that means another one, a
    /// `refundId`, a wrong-typed amount, currency or payment id, or two spellings of a field that disagree.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        not_called_otherwise(bytes)?;
        envelope::open(bytes, Self::read)
    }

    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        if let Some(status) = fields.text("status")?
            && !status.eq_ignore_ascii_case("succeeded")
        {
            return Err(Unreadable::field("status", "is not \"succeeded\""));
        }
        for name in ["success", "isSuccess", "succeeded"] {
            if fields.boolean(name).ok().flatten() == Some(false) {
                return Err(Unreadable::field(name, "says that the payment did not succeed"));
            }
        }
        if fields.raw("refundId")?.is_some() {
            return Err(Unreadable::field("refundId", "belongs to a refund: send it as one"));
        }
        let order_id =
            fields.guid("orderId")?.map(OrderId).ok_or_else(|| Unreadable::field("orderId", "is missing"))?;
        let amount = match fields.amount("amount")? {
            Some(amount) => Some(amount),
            None => fields.amount("price")?,
        };
        if amount.is_some_and(Amount::is_negative) {
            return Err(Unreadable::field("amount", "is negative"));
        }
        let currency = fields
            .text("currency")?
            .map(|c| c.parse::<Currency>().map_err(|e| Unreadable::field("currency", e.to_string())))
            .transpose()?;
        Ok(Self {
            payment_id: fields.optional_id("paymentId")?,
            order_id,
            customer_id: fields.optional_id("customerId").ok().flatten(),
            amount,
            currency,
            transaction_id: fields.optional_id("transactionId").ok().flatten(),
            processed_at: ["processedAt", "timestamp"]
                .iter()
                .find_map(|name| fields.time(name).ok().flatten().filter(|at| is_date(*at))),
        })
    }

    /// The idempotency key: the payment's id, or the order's id if the producer gives none.
    pub fn key(&self) -> String {
        self.payment_id.clone().unwrap_or_else(|| format!("order:{}", self.order_id))
    }

    /// The facts that another message about the same payment must agree with.
    pub fn facts(&self) -> Facts {
        Facts {
            amount: self.amount,
            currency: self.currency,
            customer_id: self.customer_id.clone(),
            transaction_id: self.transaction_id.clone(),
            processed_at: self.processed_at,
        }
    }

    /// Whether another message with the same key has the same content: order, amount and currency, compared after
    /// parsing. A new timestamp, another spelling or trailing zeros make no difference.
    pub fn says_the_same(&self, order: OrderId, amount: Option<Amount>, currency: Option<Currency>) -> bool {
        self.order_id == order && self.amount == amount && self.currency == currency
    }
}

/// What is known of a payment beside its order and its id. By these facts a message without an id is recognised as a
/// payment that another producer sent with an id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How much.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// Who paid.
    pub customer_id: Option<String>,
    /// The payment provider's transaction id.
    pub transaction_id: Option<String>,
    /// When, by the producer's clock.
    pub processed_at: Option<Timestamp>,
}

/// Checks that no type of the message names a failed payment, or something other than a payment. Payment services often
/// send all their messages to one address.
fn not_called_otherwise(bytes: &[u8]) -> Result<(), Unreadable> {
    let says = |said: &str, words: &[&str]| words.iter().any(|word| said.contains(word));
    let is_another = |said: &str| {
        says(&said.replace("refundable", ""), &["refund", "dispute", "chargeback"])
            || says(said, &["fail", "cancel", "declin", "denied", "pending", "expired"])
                && !says(said, &["succe", "paid", "complet", "captured", "settl"])
    };
    match envelope::called(bytes).into_iter().find(|(_, said)| is_another(said)) {
        None => Ok(()),
        Some((name, _)) => Err(Unreadable::field(name, "says that the payment did not succeed")),
    }
}

impl Facts {
    /// Whether both can be about one payment: no fact that both have differs. Producers' clocks may be ten minutes
    /// apart.
    pub fn agree(&self, other: &Self) -> bool {
        let same_time = |a: Timestamp, b: Timestamp| a.duration_since(b).abs() <= SAME_TIME;
        both(self.amount, other.amount, |a, b| a == b)
            && both(self.currency, other.currency, |a, b| a == b)
            && both(self.customer_id.as_ref(), other.customer_id.as_ref(), |a, b| a == b)
            && both(self.transaction_id.as_ref(), other.transaction_id.as_ref(), |a, b| a == b)
            && both(self.processed_at, other.processed_at, same_time)
    }

    /// Whether the provider's transaction id identifies both as the same payment.
    pub fn same_transaction(&self, other: &Self) -> bool {
        self.transaction_id.is_some() && self.transaction_id == other.transaction_id
    }
}

/// Whether two values match, or one of them is unknown.
fn both<T>(a: Option<T>, b: Option<T>, fit: impl Fn(T, T) -> bool) -> bool {
    a.zip(b).is_none_or(|(a, b)| fit(a, b))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn field_at_fault(json: &str) -> Option<String> {
        Payment::parse(json.as_bytes()).unwrap_err().field
    }

    #[test]
    fn what_is_called_otherwise_is_no_payment() {
        let data = format!(r#"{{"orderId":"{ORDER}","amount":10}}"#);
        let cloud = |kind: &str| {
            format!(r#"{{"specversion":"1.0","type":"{kind}","id":"1","source":"/x","data":{data}}}"#)
        };
        let mass = |kind: &str| format!(r#"{{"messageType":["urn:message:Shop:{kind}"],"message":{data}}}"#);
        let bare = |more: &str| format!(r#"{{"orderId":"{ORDER}","amount":10,{more}}}"#);
        for (json, field) in [
            (cloud("com.shop.payment.failed.v1"), "type"),
            (cloud("payment.refunded"), "type"),
            (mass("PaymentFailed"), "messageType"),
            (bare(r#""eventType":"PaymentFailed""#), "eventType"),
            (bare(r#""event_type":"PAYMENT.CAPTURE.REFUNDED""#), "eventType"),
            (bare(r#""eventType":"PAYMENT.CAPTURE.DENIED""#), "eventType"),
            (bare(r#""eventType":"refund.completed""#), "eventType"),
            (bare(r#""type":"payment.failed""#), "type"),
            (bare(r#""paymentStatus":"failed""#), "paymentStatus"),
            (bare(r#""success":false"#), "success"),
            (bare(r#""isSuccess":"false""#), "isSuccess"),
            (bare(r#""refundId":"R1""#), "refundId"),
        ] {
            assert_eq!(field_at_fault(&json).as_deref(), Some(field), "{json}");
        }
        for json in [
            cloud("payment-succeeded"),
            cloud("com.shop.failsafe.PaymentCompleted"),
            cloud("t"),
            mass("PaymentSucceeded"),
            bare(r#""type":"refundable","eventType":"paid","refundId":null"#),
            bare(r#""eventType":"PAYMENT.CAPTURE.COMPLETED","paymentStatus":"PAID","success":true"#),
            bare(r#""type":"cancellable_ticket""#),
        ] {
            assert!(Payment::parse(json.as_bytes()).is_ok(), "{json}");
        }
    }

    #[test]
    fn reads_what_the_producer_of_record_writes() {
        let payment = Payment::parse(
            format!(
                r#"{{"paymentId":"AA444840-9DC0-11D1-B245-5FFDCE74FAD2","orderId":"{ORDER}","customerId":"c",
                "amount":99.80,"currency":"EUR","paymentMethod":"carrier_pigeon","status":"Succeeded",
                "processedAt":"2026-11-22T18:30:00.1234567"}}"#
            )
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(payment.key(), "aa444840-9dc0-11d1-b245-5ffdce74fad2");
        assert_eq!(payment.amount.unwrap().to_string(), "99.80");
        assert!(payment.processed_at.is_some());
        let never = format!(r#"{{"orderId":"{ORDER}","processedAt":"0001-01-01T00:00:00"}}"#);
        assert_eq!(
            Payment::parse(never.as_bytes()).unwrap().processed_at,
            None,
            "the date that .NET has for none"
        );
    }

    #[test]
    fn reads_the_others() {
        for json in [
            format!(r#"{{"OrderId":"{ORDER}","CustomerId":"c","Amount":1}}"#),
            format!(r#"{{"order_id":"{ORDER}","customer_email":"a@b","price":1,"timestamp":"x"}}"#),
            format!(r#"{{"orderId":"{ORDER}","Amount":1,"payment_method":"wallet"}}"#),
            format!(
                r#"{{"specversion":"1.0","id":"1","type":"t","source":"s","data":{{"orderId":"{ORDER}","amount":1}}}}"#
            ),
            format!(
                r#"{{"specversion":"1.0","data_base64":"{}"}}"#,
                STANDARD.encode(format!(r#"{{"orderId":"{ORDER}","amount":1}}"#))
            ),
        ] {
            let payment = Payment::parse(json.as_bytes()).unwrap();
            assert_eq!(payment.key(), format!("order:{ORDER}"), "{json}");
            assert_eq!(payment.amount.unwrap().to_string(), "1", "{json}");
        }
    }

    #[test]
    fn a_placeholder_is_no_payment_id() {
        for none in [r#""00000000-0000-0000-0000-000000000000""#, "0", r#""N/A""#] {
            let json = format!(
                r#"{{"orderId":"{ORDER}","paymentId":{none},"transactionId":{none},"customerId":{none}}}"#
            );
            let payment = Payment::parse(json.as_bytes()).unwrap();
            assert_eq!(payment.key(), format!("order:{ORDER}"), "{none}");
            assert_eq!(payment.facts(), Facts::default(), "{none}");
        }
    }

    #[test]
    fn names_the_field_at_fault() {
        assert_eq!(field_at_fault("{}").as_deref(), Some("orderId"));
        assert_eq!(field_at_fault(r#"{"orderId":7}"#).as_deref(), Some("orderId"));
        let with = |rest: &str| format!(r#"{{"orderId":"{ORDER}",{rest}}}"#);
        assert_eq!(field_at_fault(&with(r#""amount":"much""#)).as_deref(), Some("amount"));
        assert_eq!(field_at_fault(&with(r#""amount":-1"#)).as_deref(), Some("amount"));
        assert_eq!(field_at_fault(&with(r#""currency":"euro""#)).as_deref(), Some("currency"));
        assert_eq!(field_at_fault(&with(r#""status":"failed""#)).as_deref(), Some("status"));
        assert_eq!(field_at_fault(&with(r#""paymentId":{}"#)).as_deref(), Some("paymentId"));
        assert_eq!(
            field_at_fault(&with(r#""paymentId":"a","payment_id":"b""#)).as_deref(),
            Some("paymentId")
        );
        assert_eq!(field_at_fault("nonsense"), None);
    }

    #[test]
    fn a_repeat_may_be_spelled_otherwise() {
        let a =
            Payment::parse(format!(r#"{{"orderId":"{ORDER}","amount":1.50,"currency":"EUR"}}"#).as_bytes())
                .unwrap();
        let b =
            Payment::parse(format!(r#"{{"order_id":"{ORDER}","Amount":1.5,"currency":"eur"}}"#).as_bytes())
                .unwrap();
        assert!(a.says_the_same(b.order_id, b.amount, b.currency));
        assert!(!a.says_the_same(b.order_id, None, b.currency));
    }

    #[test]
    fn two_messages_are_one_payment_while_nothing_contradicts() {
        let facts = |rest: &str| {
            let json = format!(r#"{{"orderId":"{ORDER}"{rest}}}"#);
            Payment::parse(json.as_bytes()).unwrap().facts()
        };
        let whole = facts(
            r#","amount":20.00,"currency":"EUR","customerId":"c","transactionId":"t","processedAt":"2026-11-22T18:30:00Z""#,
        );
        for same in [
            r#","Amount":20,"Currency":"eur","CustomerId":"c","TransactionId":"t","ProcessedAt":"2026-11-22T18:40:00""#,
            r#","amount":20.0"#,
            r#","amount":20,"timestamp":"2026-11-22T18:20:00Z""#,
            "",
        ] {
            assert!(whole.agree(&facts(same)) && facts(same).agree(&whole), "{same}");
        }
        for other in [
            r#","amount":20.01"#,
            r#","amount":20,"currency":"USD""#,
            r#","amount":20,"customerId":"d""#,
            r#","amount":20,"transactionId":"u""#,
            r#","amount":20,"processedAt":"2026-11-22T18:40:00.001Z""#,
            r#","amount":20,"processedAt":"2026-11-22T18:19:59Z""#,
        ] {
            assert!(!whole.agree(&facts(other)) && !facts(other).agree(&whole), "{other}");
        }
        assert!(whole.same_transaction(&facts(r#","transactionId":"t""#)));
        assert!(!facts("").same_transaction(&facts("")));
    }
}
