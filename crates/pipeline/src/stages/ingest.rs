//! Inbox: takes payments, refunds, cancellations and changes of events from Kafka, HTTP or a file. Each message is
//! written as a row before anything else happens; nothing here asks another service or draws a page.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::trace::trace_id;
use fulfillment_domain::{Clock, Delivered, Message, Subject, Unreadable};
use fulfillment_store::{
    Announcing, DeadLetterRoute, Incoming, IngestOutcome, Position, Store, StoreError, step,
};
use tokio_util::sync::CancellationToken;
use tracing::{Span, error, info, warn};

use crate::Wake;
use crate::keyring::random;
use crate::ports::{Accept, Sink};
use crate::runtime::Runtime;
use crate::trace;

/// The single entry of every message.
pub struct Ingest {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The destination of what cannot be read.
    pub dead_letters: DeadLetterRoute,
    /// How events are written that only the store can write.
    pub announcing: Announcing,
    /// Wakes the workers when there is work.
    pub wake: Arc<Wake>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The runtime, for waits.
    pub runtime: Arc<dyn Runtime>,
    /// Ends the wait for an unreachable store.
    pub stop: CancellationToken,
}

#[async_trait]
impl Accept for Ingest {
    async fn accept(&self, mut batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError> {
        begin_traces(&mut batch);
        self.record(&batch, &[]).await
    }
}

#[async_trait]
impl Sink for Ingest {
    async fn accept(&self, mut batch: Vec<Incoming>, reached: Vec<Position>) -> bool {
        begin_traces(&mut batch);
        self.until_stored("messages", || self.record(&batch, &reached)).await
    }

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
    async fn record(
        &self,
        batch: &[Incoming],
        reached: &[Position],
    ) -> Result<Vec<IngestOutcome>, StoreError> {
        let spans: Vec<_> = batch.iter().map(trace::message).collect();
        step!("before-inbox-commit");
        let outcomes = match self
            .store
            .ingest_read(batch, reached, &self.dead_letters, &self.announcing)
            .await
        {
            Err(StoreError::Refused(error) | StoreError::Unmet(error)) => {
                warn!(%error, messages = batch.len(), "the store rejected a batch; trying each message separately");
                let outcomes = self.one_by_one(batch).await?;
                self.store.advance(reached).await?;
                outcomes
            }
            outcomes => outcomes?,
        };
        step!("after-inbox-commit");
        self.tell(batch, &outcomes, &spans);
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
                Err(error) => error!(%error, "cannot record {what}; retrying"),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                () = self.runtime.sleep(wait) => {}
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// One bad row must not fail the others of its batch: a message that the store refuses by itself becomes a dead
    /// letter. One that only a constraint of a later version keeps out is not at fault: it is tried again.
    async fn one_by_one(&self, batch: &[Incoming]) -> Result<Vec<IngestOutcome>, StoreError> {
        let (letters, announcing) = (&self.dead_letters, &self.announcing);
        let mut outcomes = Vec::with_capacity(batch.len());
        for message in batch {
            let alone = self.store.ingest(std::slice::from_ref(message), letters, announcing).await;
            let outcome = match alone {
                Err(StoreError::Refused(error)) => {
                    warn!(%error, "the store rejected a message; it becomes a dead letter");
                    let content = Err(Unreadable::whole("was rejected by the store"));
                    let refused = Incoming { content, ..message.clone() };
                    self.store.ingest(&[refused], letters, announcing).await?
                }
                outcome => outcome?,
            };
            outcomes.extend(outcome);
        }
        Ok(outcomes)
    }

    fn tell(&self, batch: &[Incoming], outcomes: &[IngestOutcome], spans: &[Span]) {
        for ((message, outcome), span) in batch.iter().zip(outcomes).zip(spans) {
            let outcome = word(message, outcome);
            span.record("outcome", outcome);
            let counter = match message.subject {
                Subject::Payment => "fulfillment_payments_total",
                Subject::Refund | Subject::Cancellation => "fulfillment_withdrawals_total",
                Subject::EventChange => "fulfillment_event_changes_total",
            };
            metrics::counter!(counter, "outcome" => outcome).increment(1);
        }
        if outcomes.iter().any(|outcome| matches!(outcome, IngestOutcome::New(_))) {
            self.wake.orders.notify_one();
        }
        self.wake.events.send_replace(());
    }
}

/// The outcome's label in metrics; what an operator should know of is logged.
fn word(message: &Incoming, outcome: &IngestOutcome) -> &'static str {
    let subject = message.subject.as_str();
    let trace = message.traceparent.as_deref().and_then(trace_id);
    match outcome {
        IngestOutcome::New(_) => "new",
        IngestOutcome::Duplicate(_) => "duplicate",
        IngestOutcome::Folded(order) => {
            info!(%order, trace, "a payment is known under another key: with an id and without one");
            "folded"
        }
        IngestOutcome::AlreadyPaid(order) => {
            warn!(%order, trace, "another payment of an order; Ordering is asked whether it has grown");
            "already_paid"
        }
        IngestOutcome::Late(order) => {
            warn!(%order, trace, "a payment of an order that was voided before; the order is parked");
            "late"
        }
        IngestOutcome::Recorded(order, state) => {
            info!(%order, trace, subject, state = state.as_str(), "a refund or cancellation was recorded");
            state.as_str()
        }
        IngestOutcome::Event(outcome) => {
            if let Ok(Message::EventChange(change)) = &message.content {
                let (event, outcome) = (&change.event_id, outcome.as_str());
                info!(event, trace, outcome, "a change of an event arrived");
            }
            outcome.as_str()
        }
        IngestOutcome::Quarantined(order) => {
            warn!(%order, trace, subject, "a message has a known id and different content; it is quarantined");
            "quarantined"
        }
        IngestOutcome::DeadLettered(Unreadable { field, reason }) => {
            warn!(subject, trace, field, reason, "a message cannot be read; it is a dead letter");
            "dead_lettered"
        }
    }
}

/// Starts a trace for each payment that came without one, so that its events can be followed too.
fn begin_traces(batch: &mut [Incoming]) {
    for message in batch.iter_mut().filter(|message| message.subject == Subject::Payment) {
        message.traceparent.get_or_insert_with(|| trace::onward(None).unwrap_or_else(begin_trace));
    }
}

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
