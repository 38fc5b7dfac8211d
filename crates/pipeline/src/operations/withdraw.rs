//! Refunds and cancellations entered by an operator: each is recorded as a message of its topic would be.

use fulfillment_domain::{Message, OrderId, Subject, Unreadable};
use fulfillment_store::{Actor, Incoming, IngestOutcome, Source, StoreError, WithdrawalState};
use jiff::Timestamp;
use serde_json::Value;

use crate::ports::Accept as _;
use crate::stages::ingest::Ingest;

/// The result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The order.
    pub order_id: OrderId,
    /// The resulting state; none for one that was known with the same content.
    pub state: Option<WithdrawalState>,
    /// Why it has that state.
    pub note: Option<String>,
    /// When the order was erased, if it was.
    pub erased_at: Option<Timestamp>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotWithdrawn {
    /// It has content that no message may have.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// The order is unknown. A topic may run ahead of the payments; an operator who types an unknown id has probably
    /// mistyped it.
    #[error("no payment for order {0} has arrived; use --before-payment to record it anyway")]
    NoPayment(OrderId),
    /// The id is known with different content.
    #[error("an earlier refund with this id has different content; this one was quarantined")]
    Quarantined,
    /// The inbox did not take it.
    #[error("{0}")]
    NotTaken(String),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ingest {
    /// Records `command` in the form of a message, and answers with the result. `before_payment`: the order may be one
    /// that is not paid yet.
    ///
    /// # Errors
    /// [`NotWithdrawn`]
    pub async fn withdraw(
        &self,
        command: &str,
        by: &Actor,
        subject: Subject,
        said: &Value,
        before_payment: bool,
    ) -> Result<Withdrawn, NotWithdrawn> {
        let raw = said.to_string().into_bytes();
        let read = Message::parse(subject, &raw).map_err(NotWithdrawn::Unreadable)?;
        let Message::Withdrawal(said) = &read else {
            return Err(NotWithdrawn::NotTaken("it takes no tickets back".to_owned()));
        };
        let (order, key) = (said.order_id(), said.key());
        let record = self.store.order(order).await?;
        if !before_payment && record.is_none_or(|o| o.payments.is_empty() && o.tickets.is_empty()) {
            return Err(NotWithdrawn::NoPayment(order));
        }
        let message = Incoming {
            source: Source::Command { name: command.to_owned(), by: by.clone() },
            key: None,
            raw,
            headers: Vec::new(),
            traceparent: None,
            received_at: self.clock.now(),
            subject,
            content: Ok(read),
        };
        let (order_id, state) = match self.accept(vec![message]).await?.pop() {
            Some(IngestOutcome::Recorded(order, state)) => (order, Some(state)),
            Some(IngestOutcome::Duplicate(order)) => (order, None),
            Some(IngestOutcome::Quarantined(_)) => return Err(NotWithdrawn::Quarantined),
            Some(IngestOutcome::DeadLettered(why)) => return Err(NotWithdrawn::NotTaken(why.to_string())),
            _ => return Err(NotWithdrawn::NotTaken("it had no result".to_owned())),
        };
        let record = self.store.order(order_id).await?;
        let erased_at = record.as_ref().and_then(|order| order.erased_at);
        let note = record.and_then(|o| o.withdrawals.into_iter().find(|w| w.key == key)?.note);
        Ok(Withdrawn { order_id, state, note, erased_at })
    }
}
