//! A payment message as the platform's producer writes it: .NET's serializer, camelCase, seven fractional digits.

use jiff::Timestamp;
use uuid::Uuid;

use crate::rig::id;

/// The value of one `payment-succeeded` message. Change a field before writing it to test another case.
#[derive(Debug, Clone)]
pub struct Payment {
    /// `paymentId`; the same payment may be sent twice.
    pub payment_id: Uuid,
    /// `orderId`, also the message's key.
    pub order_id: Uuid,
    /// `customerId`.
    pub customer_id: Uuid,
    /// The JSON number as written in the message, digit for digit.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// `processedAt`.
    pub processed_at: Timestamp,
}

impl Payment {
    /// A new payment of `order`: 59.50 EUR, now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a test plays the outside world, whose clock runs")]
    pub fn of(order: Uuid) -> Self {
        Self {
            payment_id: id(),
            order_id: order,
            customer_id: id(),
            amount: "59.50".to_owned(),
            currency: "EUR".to_owned(),
            processed_at: Timestamp::now(),
        }
    }

    /// The message's value.
    #[must_use]
    pub fn json(&self) -> String {
        format!(
            concat!(
                r#"{{"paymentId":"{payment}","orderId":"{order}","customerId":"{customer}","reservationId":null,"#,
                r#""amount":{amount},"currency":"{currency}","paymentMethod":"credit_card","#,
                r#""transactionId":"txn_{transaction}","processedAt":"{at}","status":"succeeded"}}"#
            ),
            payment = self.payment_id,
            order = self.order_id,
            customer = self.customer_id,
            amount = self.amount,
            currency = self.currency,
            transaction = self.payment_id.simple(),
            at = self.processed_at.strftime("%Y-%m-%dT%H:%M:%S%.7fZ"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_dotnet_writes_it() {
        let mut payment = Payment::of(id());
        payment.processed_at = "2026-11-23T09:05:07.1234567Z".parse().unwrap();
        payment.amount = "0.10".to_owned();
        let text = payment.json();
        assert!(text.contains(r#""processedAt":"2026-11-23T09:05:07.1234567Z""#), "{text}");
        assert!(text.contains(r#""amount":0.10,"#), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["orderId"], payment.order_id.to_string());
    }
}
