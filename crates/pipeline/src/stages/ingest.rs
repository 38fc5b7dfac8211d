//! Payments in, and what takes them back: a row before anything else. Nothing here asks a neighbour or draws a page.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Clock, Delivered, TicketId, Unreadable, Withdrawal};
use fulfillment_store::{
    Announcing, DeadLetterRoute, Incoming, IngestOutcome, Position, Store, StoreError, WithdrawalOutcome,
    step,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Wake;
use crate::keyring::random;
use crate::ports::{Accept, DeliveredSink, Sink};
use crate::runtime::Runtime;

/// The one door that every payment comes through, from Kafka, HTTP or a file.
pub struct Ingest {
    /// Where all of it is on record.
    pub store: Arc<dyn Store>,
    /// Where what cannot be read is sent.
    pub dead_letters: DeadLetterRoute,
    /// How the store writes the events that only it can write.
    pub announcing: Announcing,
    /// Wakes the workers when there is work.
    pub wake: Arc<Wake>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Time to wait.
    pub runtime: Arc<dyn Runtime>,
    /// Ends the wait for an unreachable store.
    pub stop: CancellationToken,
}

#[async_trait]
impl Accept for Ingest {
    async fn accept(&self, batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError> {
        self.accept_read(batch, &[]).await
    }

    async fn withdraw(&self, batch: Vec<Incoming<Withdrawal>>) -> Result<Vec<WithdrawalOutcome>, StoreError> {
        self.withdraw_read(batch, &[]).await
    }

    async fn void(&self, id: TicketId, reason: &str) -> Result<bool, StoreError> {
        let voided = self.store.void_ticket(id, reason, &self.announcing).await?;
        self.wake.events.send_replace(());
        Ok(voided)
    }
}

#[async_trait]
impl Sink for Ingest {
    async fn accept(&self, batch: Vec<Incoming>, reached: Vec<Position>) -> bool {
        self.until_stored("payments", || self.accept_read(batch.clone(), &reached)).await
    }

    async fn withdraw(&self, batch: Vec<Incoming<Withdrawal>>, reached: Vec<Position>) -> bool {
        self.until_stored("refunds and cancellations", || self.withdraw_read(batch.clone(), &reached)).await
    }
}

#[async_trait]
impl DeliveredSink for Ingest {
    async fn delivered(&self, batch: Vec<Delivered>, reached: Vec<Position>) -> bool {
        for delivered in &batch {
            let at = delivered.delivered_at.unwrap_or_else(|| self.clock.now());
            if !self.until_stored("a delivery", || self.store.deliver(delivered, at)).await {
                return false;
            }
        }
        self.until_stored("how far deliveries were read", || self.store.advance(&reached)).await
    }
}

impl Ingest {
    async fn accept_read(
        &self,
        mut batch: Vec<Incoming>,
        reached: &[Position],
    ) -> Result<Vec<IngestOutcome>, StoreError> {
        for message in &mut batch {
            message.traceparent.get_or_insert_with(begin_trace);
        }
        step!("before-inbox-commit");
        let (letters, announcing) = (&self.dead_letters, &self.announcing);
        let outcomes = match self.store.ingest_read(&batch, reached, letters, announcing).await {
            Err(StoreError::Refused(error)) => {
                warn!(%error, messages = batch.len(), "the store refuses a batch; trying each message alone");
                let outcomes = self.one_by_one(batch).await?;
                self.store.advance(reached).await?;
                outcomes
            }
            outcomes => outcomes?,
        };
        step!("after-inbox-commit");
        self.tell(&outcomes);
        Ok(outcomes)
    }

    async fn withdraw_read(
        &self,
        batch: Vec<Incoming<Withdrawal>>,
        reached: &[Position],
    ) -> Result<Vec<WithdrawalOutcome>, StoreError> {
        let (letters, announcing) = (&self.dead_letters, &self.announcing);
        let outcomes = match self.store.withdraw_read(&batch, reached, letters, announcing).await {
            Err(StoreError::Refused(error)) => {
                warn!(%error, messages = batch.len(), "the store refuses a batch; trying each message alone");
                let outcomes = self.withdraw_one_by_one(batch).await?;
                self.store.advance(reached).await?;
                outcomes
            }
            outcomes => outcomes?,
        };
        self.tell_withdrawals(&outcomes);
        Ok(outcomes)
    }

    /// Repeats `write` until the store takes it; false when the service stops before that.
    async fn until_stored<T, F: Future<Output = Result<T, StoreError>> + Send>(
        &self,
        what: &str,
        write: impl Fn() -> F + Send + Sync,
    ) -> bool {
        let mut wait = Duration::from_millis(100);
        loop {
            match write().await {
                Ok(_) => return true,
                Err(error) => error!(%error, "cannot record {what}; trying again"),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                () = self.runtime.sleep(wait) => {}
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// One bad row must not fail its neighbours: what the store refuses alone is a dead letter.
    async fn one_by_one(&self, batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for mut message in batch {
            let (letters, announcing) = (&self.dead_letters, &self.announcing);
            let alone = self.store.ingest(std::slice::from_ref(&message), letters, announcing).await;
            let outcome = match alone {
                Err(StoreError::Refused(error)) => {
                    warn!(%error, "the store refuses a message; it becomes a dead letter");
                    message.content = Err(Unreadable::whole("is refused by the store"));
                    self.store.ingest(&[message], letters, announcing).await?
                }
                outcome => outcome?,
            };
            outcomes.extend(outcome);
        }
        Ok(outcomes)
    }

    /// The same of refunds and cancellations.
    async fn withdraw_one_by_one(
        &self,
        batch: Vec<Incoming<Withdrawal>>,
    ) -> Result<Vec<WithdrawalOutcome>, StoreError> {
        let (letters, announcing) = (&self.dead_letters, &self.announcing);
        let mut outcomes = Vec::with_capacity(batch.len());
        for mut message in batch {
            let alone = self.store.withdraw(std::slice::from_ref(&message), letters, announcing).await;
            let outcome = match alone {
                Err(StoreError::Refused(error)) => {
                    warn!(%error, "the store refuses a message; it becomes a dead letter");
                    message.content = Err(Unreadable::whole("is refused by the store"));
                    self.store.withdraw(&[message], letters, announcing).await?
                }
                outcome => outcome?,
            };
            outcomes.extend(outcome);
        }
        Ok(outcomes)
    }

    fn tell(&self, outcomes: &[IngestOutcome]) {
        let mut any_new = false;
        for outcome in outcomes {
            let word = match outcome {
                IngestOutcome::New(_) => "new",
                IngestOutcome::Duplicate(_) => "duplicate",
                IngestOutcome::Folded(order) => {
                    info!(%order, "a payment is known under another key: with an id and without one");
                    "folded"
                }
                IngestOutcome::AlreadyPaid(order) => {
                    warn!(%order, "another payment of an order; Ordering is asked whether it has grown");
                    "already_paid"
                }
                IngestOutcome::Late(order) => {
                    warn!(%order, "a payment of an order that was voided before; the order is parked");
                    "late"
                }
                IngestOutcome::Quarantined(order) => {
                    warn!(%order, "a known payment id says something else now; set apart");
                    "quarantined"
                }
                IngestOutcome::DeadLettered(Unreadable { field, reason }) => {
                    warn!(field, reason, "a message cannot be read; it is a dead letter");
                    "dead_lettered"
                }
            };
            any_new |= matches!(outcome, IngestOutcome::New(_));
            metrics::counter!("fulfillment_payments_total", "outcome" => word).increment(1);
        }
        if any_new {
            self.wake.orders.notify_one();
        }
        self.wake.events.send_replace(());
    }

    fn tell_withdrawals(&self, outcomes: &[WithdrawalOutcome]) {
        for outcome in outcomes {
            let word = match outcome {
                WithdrawalOutcome::Recorded(order, state) => {
                    info!(%order, state = state.as_str(), "a refund or cancellation was recorded");
                    state.as_str()
                }
                WithdrawalOutcome::Duplicate(_) => "duplicate",
                WithdrawalOutcome::Quarantined(order) => {
                    warn!(%order, "a known refund id says something else now; set apart");
                    "quarantined"
                }
                WithdrawalOutcome::DeadLettered(Unreadable { field, reason }) => {
                    warn!(field, reason, "a refund or cancellation cannot be read; it is a dead letter");
                    "dead_lettered"
                }
            };
            metrics::counter!("fulfillment_withdrawals_total", "outcome" => word).increment(1);
        }
        self.wake.events.send_replace(());
    }
}

/// A trace of its own for a payment that came without one, so that its events can be followed all the same.
fn begin_trace() -> String {
    format!("00-{}-{}-01", hex::encode(random::<16>()), hex::encode(random::<8>()))
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::trace::is_traceparent;

    use super::*;

    #[test]
    fn a_begun_trace_is_a_trace() {
        assert!(is_traceparent(&begin_trace()));
    }
}
