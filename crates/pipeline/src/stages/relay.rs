//! Relay: delivers outbox events to each destination separately, by their delivery state and never by "id above the
//! last".

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{Delivery, DeliveryOutcome, Outbox, step};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Wake;
use crate::ports::Destination;
use crate::runtime::Runtime;
use crate::trace;

/// Between two tries while the store is away: no notification arrives in that time.
const AWAY: Duration = Duration::from_secs(1);

/// Events given a stream position in one batch.
const SEQUENCED: usize = 2_000;

/// The results of a batch of deliveries, by their outbox ids.
type Outcomes = Vec<(i64, DeliveryOutcome)>;

/// Delivers events to one destination.
pub struct Relay {
    /// The store that records them.
    pub store: Arc<dyn Outbox>,
    /// The destination.
    pub destination: Arc<dyn Destination>,
    /// Signals that an event is due.
    pub wake: Arc<Wake>,
    /// The runtime, for waits.
    pub runtime: Arc<dyn Runtime>,
    /// The longest wait before it polls for events of other processes.
    pub idle_poll: Duration,
    /// How long events are leased: a delivery that takes longer is leased again, and the destination sees the same
    /// event id twice.
    pub lease: Duration,
}

impl Relay {
    /// Delivers events until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut woken = self.wake.events.subscribe();
        let full = self.destination.batch(self.lease);
        // What was sent and is not recorded yet: recorded while the next batch is leased.
        let mut sent = Outcomes::new();
        while !stop.is_cancelled() {
            let (alone, asked) = (sent.is_empty(), self.runtime.moment());
            let (recorded, lent) = tokio::join!(
                self.record(std::mem::take(&mut sent), &stop),
                self.store.claim_deliveries(self.destination.name(), full, self.lease)
            );
            match recorded.and(lent) {
                // Events that were held back by the last batch become visible only once it is recorded.
                Ok(batch) if batch.is_empty() && !alone => {}
                Ok(batch) if batch.is_empty() => self.rest(&mut woken, &stop).await,
                // A relay that was delayed since (the process was paused, the answer was late) has lost its leases to
                // another, which may have sent later events of the same tickets meanwhile. The other half of the lease
                // is for the destination.
                Ok(_) if self.runtime.moment().duration_since(asked) > self.lease / 2 => {}
                Ok(batch) => {
                    sent = self.deliver(batch).await;
                    // With nothing sent, the destination is in trouble: pause.
                    if !sent.iter().any(|(_, outcome)| *outcome == DeliveryOutcome::Sent) {
                        let _said = self.record(std::mem::take(&mut sent), &stop).await;
                        self.rest(&mut woken, &stop).await;
                    }
                }
                Err(error) => {
                    error!(destination = self.destination.name(), %error, "cannot relay events; retrying");
                    pause(self.runtime.as_ref(), &stop).await;
                }
            }
        }
        let _said = self.record(sent, &stop).await;
    }

    async fn deliver(&self, batch: Vec<Delivery>) -> Outcomes {
        let name = self.destination.name();
        let spans: Vec<_> = batch.iter().map(|delivery| trace::delivery(delivery, name)).collect();
        let orders: HashMap<_, _> = batch.iter().map(|d| (d.outbox_id, d.event.order_id)).collect();
        let outcomes = self.destination.deliver(batch).await;
        drop(spans);
        step!("after-produce");
        let mut sent = 0;
        for (id, outcome) in &outcomes {
            match outcome {
                DeliveryOutcome::Sent => sent += 1,
                DeliveryOutcome::Retry { .. } => {}
                DeliveryOutcome::Parked { reason } => {
                    let order = orders.get(id).copied().flatten().map(|order| order.to_string());
                    warn!(
                        destination = name,
                        outbox_id = id,
                        order,
                        reason,
                        "the destination rejected an event; it is parked: see `fulfillment dlq list`"
                    );
                    metrics::counter!("fulfillment_events_parked_total", "destination" => name.to_owned())
                        .increment(1);
                }
            }
        }
        metrics::counter!("fulfillment_events_sent_total", "destination" => name.to_owned()).increment(sent);
        outcomes
    }

    /// Recorded, or leased again: a repeat is the same bytes under the same id. What was sent is remembered while the
    /// store is away, so that it is not sent again afterwards.
    async fn record(&self, outcomes: Outcomes, stop: &CancellationToken) -> fulfillment_store::Result<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let name = self.destination.name();
        while let Err(error) = self.store.record_deliveries(name, &outcomes).await {
            error!(destination = name, %error, "cannot record which events were sent; retrying");
            if stop.is_cancelled() {
                return Err(error);
            }
            pause(self.runtime.as_ref(), stop).await;
        }
        Ok(())
    }

    async fn rest(&self, woken: &mut watch::Receiver<()>, stop: &CancellationToken) {
        rest(self.runtime.as_ref(), woken, self.idle_poll, stop).await;
    }
}

/// Gives committed events their position in the stream and notifies followers, until `stop`.
pub async fn sequence(
    store: Arc<dyn Outbox>,
    wake: Arc<Wake>,
    runtime: Arc<dyn Runtime>,
    head: watch::Sender<i64>,
    idle_poll: Duration,
    stop: CancellationToken,
) {
    let mut woken = wake.events.subscribe();
    while !stop.is_cancelled() {
        match store.sequence_events(SEQUENCED).await {
            Ok(position) => {
                let moved = head.send_if_modified(|known| {
                    let moved = *known != position;
                    *known = position;
                    moved
                });
                if moved {
                    continue;
                }
            }
            Err(error) => {
                error!(%error, "cannot sequence events; retrying");
                pause(runtime.as_ref(), &stop).await;
                continue;
            }
        }
        rest(runtime.as_ref(), &mut woken, idle_poll, &stop).await;
    }
}

/// Waits while the store is away, or until `stop`.
async fn pause(runtime: &dyn Runtime, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = runtime.sleep(AWAY) => {}
    }
}

/// Waits until an event of this process is due, until one of another process may be, or until `stop`.
async fn rest(
    runtime: &dyn Runtime,
    woken: &mut watch::Receiver<()>,
    longest: Duration,
    stop: &CancellationToken,
) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        // The sender lives as long as the relay that waits here.
        _ = woken.changed() => {}
        () = runtime.sleep(longest) => {}
    }
}
