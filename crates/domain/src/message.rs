//! Parses a producer's message: a payment, a refund or a cancellation. All transports use it.

use crate::fields::Unreadable;
use crate::id::OrderId;
use crate::payment::Payment;
use crate::subject::Subject;
use crate::withdrawal::{Cancellation, Refund, Withdrawal};

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An order was paid.
    Payment(Payment),
    /// Tickets are taken back.
    Withdrawal(Withdrawal),
}

impl Message {
    /// Reads a message as the subject that its topic or route states.
    ///
    /// # Errors
    /// The field at fault and what is wrong with it, as of [`Payment::parse`], [`Refund::parse`] and
    /// [`Cancellation::parse`].
    pub fn parse(subject: Subject, raw: &[u8]) -> Result<Self, Unreadable> {
        match subject {
            Subject::Payment => Payment::parse(raw).map(Self::Payment),
            Subject::Refund => Refund::parse(raw).map(Withdrawal::Refund).map(Self::Withdrawal),
            Subject::Cancellation => {
                Cancellation::parse(raw).map(Withdrawal::Cancellation).map(Self::Withdrawal)
            }
        }
    }

    /// The same, unless the message has more than `limit` bytes.
    ///
    /// # Errors
    /// As of [`Message::parse`], or that it is too large.
    pub fn parse_within(limit: usize, subject: Subject, raw: &[u8]) -> Result<Self, Unreadable> {
        if raw.len() > limit { Err(Unreadable::too_large(limit)) } else { Self::parse(subject, raw) }
    }

    /// The order that it is about.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Payment(payment) => payment.order_id,
            Self::Withdrawal(withdrawal) => withdrawal.order_id(),
        }
    }

    /// Its idempotency key.
    pub fn key(&self) -> String {
        match self {
            Self::Payment(payment) => payment.key(),
            Self::Withdrawal(withdrawal) => withdrawal.key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_what_it_claims_to_be() {
        let order = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
        for (subject, more, key) in [
            (Subject::Payment, r#","paymentId":"p""#, "p".to_owned()),
            (Subject::Refund, r#","refundId":"r""#, "refund:r".to_owned()),
            (Subject::Cancellation, "", format!("cancellation:{order}")),
        ] {
            let raw = format!(r#"{{"orderId":"{order}"{more}}}"#).into_bytes();
            let read = Message::parse(subject, &raw).unwrap();
            assert!(read.key().ends_with(&key), "{}", read.key());
            assert_eq!(read.order_id().to_string(), order);
            assert_eq!(subject.as_str().parse(), Ok(subject));
            assert_eq!(Message::parse_within(raw.len(), subject, &raw), Ok(read));
            let reason = Message::parse_within(raw.len() - 1, subject, &raw).unwrap_err().reason;
            assert!(reason.contains("larger than"), "{reason}");
        }
        assert!(Message::parse(Subject::Refund, b"{").is_err());
        assert!("invoice".parse::<Subject>().is_err());
    }
}
