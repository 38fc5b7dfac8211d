//! Lists of paid orders, to compare the record with.

mod page;
mod rest;

use crate::fields::Unreadable;
use crate::id::OrderId;
use crate::payment::Payment;

pub use self::page::PaidPage;

/// A paid order, and the payment to enter if the record has none for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The content of the message.
    pub payment: Payment,
    /// A message of the topic `payment-succeeded`: the listed one, or one with only the order's id.
    pub message: Vec<u8>,
}

impl Paid {
    /// Reads one entry of a list: an order id, bare or as a JSON string, or a payment as the topic `payment-succeeded`
    /// has it.
    ///
    /// # Errors
    /// It is neither.
    pub fn line(line: &[u8]) -> Result<Self, Unreadable> {
        let text = line.trim_ascii();
        if text.first() == Some(&b'{') {
            return Ok(Self { payment: Payment::parse(text)?, message: text.to_vec() });
        }
        let quoted: Option<String> = serde_json::from_slice(text).ok();
        let bare = quoted.as_deref().or_else(|| std::str::from_utf8(text).ok());
        let id = bare.and_then(|text| text.trim().parse().ok());
        let id = id.ok_or_else(|| Unreadable::whole("is neither an order's id nor a payment in JSON"))?;
        Self::of(id)
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

    #[test]
    fn a_line_is_an_id_or_a_payment() {
        let bare = Paid::line(format!(" {} \r", A.to_uppercase()).as_bytes()).unwrap();
        assert_eq!((bare.payment.order_id.to_string().as_str(), &bare.payment.payment_id), (A, &None));
        assert_eq!(bare.message, format!(r#"{{"orderId":"{A}"}}"#).into_bytes());
        let line = format!(r#"{{"PaymentId":"p","OrderId":"{A}","Amount":1.50}}"#);
        let paid = Paid::line(line.as_bytes()).unwrap();
        assert_eq!((paid.payment.key().as_str(), paid.message), ("p", line.into_bytes()));
        assert_eq!(Paid::line(format!("\"{A}\"").as_bytes()), Paid::line(A.as_bytes()));
        for bad in ["", "order", "\"order\"", "[]", "{}", r#"{"orderId":1}"#, "\u{feff}id"] {
            assert!(Paid::line(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
