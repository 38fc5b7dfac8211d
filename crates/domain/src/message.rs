//! Parses a producer's message: a payment, a refund, a cancellation or a change of an event. All transports use it.

use crate::event_record::EventChange;
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
    /// The details of an event changed.
    EventChange(EventChange),
}

impl Message {
    /// Reads a message as the subject that its topic or route states.
    ///
    /// # Errors
    /// The field at fault and what is wrong with it, as of [`Payment::parse`], [`Refund::parse`],
    /// [`Cancellation::parse`] and [`EventChange::parse`].
    pub fn parse(subject: Subject, raw: &[u8]) -> Result<Self, Unreadable> {
        match subject {
            Subject::Payment => Payment::parse(raw).map(Self::Payment),
            Subject::Refund => Refund::parse(raw).map(Withdrawal::Refund).map(Self::Withdrawal),
            Subject::Cancellation => {
                Cancellation::parse(raw).map(Withdrawal::Cancellation).map(Self::Withdrawal)
            }
            Subject::EventChange => EventChange::parse(raw).map(Self::EventChange),
        }
    }

    /// The same, unless the message has more than `limit` bytes.
    ///
    /// # Errors
    /// As of [`Message::parse`], or that it is too large.
    pub fn parse_within(limit: usize, subject: Subject, raw: &[u8]) -> Result<Self, Unreadable> {
        if raw.len() > limit { Err(Unreadable::too_large(limit)) } else { Self::parse(subject, raw) }
    }

    /// The order that it is about; none for a change of an event.
    pub fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::Payment(payment) => Some(payment.order_id),
            Self::Withdrawal(withdrawal) => Some(withdrawal.order_id()),
            Self::EventChange(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_what_it_claims_to_be() {
        let order = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
        let key = |read: &Message| match read {
            Message::Payment(payment) => payment.key(),
            Message::Withdrawal(withdrawal) => withdrawal.key(),
            Message::EventChange(change) => change.event_id.clone(),
        };
        for (subject, more, wanted) in [
            (Subject::Payment, r#","paymentId":"p""#, "p".to_owned()),
            (Subject::Refund, r#","refundId":"r""#, "refund:r".to_owned()),
            (Subject::Cancellation, "", format!("cancellation:{order}")),
            (Subject::EventChange, r#","eventId":"e""#, "e".to_owned()),
        ] {
            let raw = format!(r#"{{"orderId":"{order}"{more}}}"#).into_bytes();
            let read = Message::parse(subject, &raw).unwrap();
            assert!(key(&read).ends_with(&wanted), "{}", key(&read));
            let of_order = read.order_id().map(|order| order.to_string());
            assert_eq!(of_order.as_deref(), Some(order).filter(|_| subject != Subject::EventChange));
            assert_eq!(subject.as_str().parse(), Ok(subject));
            assert_eq!(Message::parse_within(raw.len(), subject, &raw), Ok(read));
            let reason = Message::parse_within(raw.len() - 1, subject, &raw).unwrap_err().reason;
            assert!(reason.contains("larger than"), "{reason}");
        }
        assert!(Message::parse(Subject::Refund, b"{").is_err());
        assert!("invoice".parse::<Subject>().is_err());
    }
}
