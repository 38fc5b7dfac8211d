//! Lists of what was paid, to compare the record with.

use serde_json::value::RawValue;

use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;
use crate::payment::Payment;

/// A paid order, and the payment to enter should the record have none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// What the message says.
    pub payment: Payment,
    /// A message of the topic `payment-succeeded`: the listed one, or one that has the order's id alone.
    pub message: Vec<u8>,
}

impl Paid {
    /// Reads one line of a list: a bare order id, or a payment as the topic `payment-succeeded` has it.
    ///
    /// # Errors
    /// It is neither.
    pub fn line(line: &[u8]) -> Result<Self, Unreadable> {
        let text = line.trim_ascii();
        if text.first() == Some(&b'{') {
            return Ok(Self { payment: Payment::parse(text)?, message: text.to_vec() });
        }
        let id = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| Unreadable::whole("is neither an order's id nor a payment in JSON"))?;
        Self::of(id)
    }

    /// Reads Ordering's answer to `GET /orders?paidSince=`: a list of ids, or of objects with an `orderId`; or an
    /// object whose `orders` is one. What else an object says is not taken for a payment: it is an order's.
    ///
    /// # Errors
    /// It is something else, or an entry has no readable id.
    pub fn answer(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let no_list = || Unreadable::whole("is no list of orders");
        let list: Vec<&RawValue> = match bytes.trim_ascii_start().first() {
            Some(b'{') => {
                let fields = Fields::parse(bytes)?;
                let list = fields.raw("orders")?.ok_or_else(no_list)?;
                serde_json::from_str(list.get()).map_err(|_| no_list())?
            }
            _ => serde_json::from_slice(bytes).map_err(|_| no_list())?,
        };
        let read = |entry: &RawValue| {
            let id = match entry.get().as_bytes().first() {
                Some(b'{') => Fields::parse(entry.get().as_bytes())?.guid("orderId")?.map(OrderId),
                _ => serde_json::from_str(entry.get()).ok().and_then(|text: String| text.parse().ok()),
            };
            Self::of(id.ok_or_else(|| Unreadable::field("orderId", "is missing or no GUID"))?)
        };
        list.into_iter().map(read).collect()
    }

    fn of(order: OrderId) -> Result<Self, Unreadable> {
        let message = format!(r#"{{"orderId":"{order}"}}"#).into_bytes();
        Ok(Self { payment: Payment::parse(&message)?, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    const B: &str = "8d444840-9dc0-41d1-b245-5ffdce74fad2";

    #[test]
    fn a_line_is_an_id_or_a_payment() {
        let bare = Paid::line(format!(" {} \r", A.to_uppercase()).as_bytes()).unwrap();
        assert_eq!((bare.payment.order_id.to_string().as_str(), &bare.payment.payment_id), (A, &None));
        assert_eq!(bare.message, format!(r#"{{"orderId":"{A}"}}"#).into_bytes());
        let line = format!(r#"{{"PaymentId":"p","OrderId":"{A}","Amount":1.50}}"#);
        let paid = Paid::line(line.as_bytes()).unwrap();
        assert_eq!((paid.payment.key().as_str(), paid.message), ("p", line.into_bytes()));
        for bad in ["", "order", "[]", "{}", r#"{"orderId":1}"#, "\u{feff}id"] {
            assert!(Paid::line(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn ordering_may_answer_in_three_ways() {
        for answer in [
            format!(r#"["{A}","{B}"]"#),
            format!(r#"[{{"orderId":"{A}","status":"paid","price":9}},{{"order_id":"{B}"}}]"#),
            format!(r#" {{"orders":["{A}",{{"OrderId":"{B}"}}]}}"#),
        ] {
            let paid = Paid::answer(answer.as_bytes()).unwrap();
            let ids: Vec<_> = paid.iter().map(|p| p.payment.order_id.to_string()).collect();
            assert_eq!(ids, [A, B], "{answer}");
            assert!(paid.iter().all(|p| p.payment.amount.is_none()), "{answer}");
        }
        assert_eq!(Paid::answer(b"[]").unwrap(), []);
        for bad in ["", "{}", "7", r#"["x"]"#, "[{}]", "[7]", r#"{"orders":7}"#] {
            assert!(Paid::answer(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
