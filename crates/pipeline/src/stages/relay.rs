//! Events out, to each destination apart, by state and never by "id above the last".

use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{Delivery, DeliveryOutcome, Outbox, Store, step};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Wake;
use crate::machine::{moment, sleep};
use crate::ports::Destination;

/// Between two tries while the store is away: nobody is woken by what happens then.
const AWAY: Duration = Duration::from_secs(1);

/// Events given a position at once.
const SEQUENCED: usize = 2_000;

/// What became of a batch of deliveries, by their outbox ids.
type Outcomes = Vec<(i64, DeliveryOutcome)>;

/// Carries events to one destination until `stop`. They are lent for `lease`: a delivery that takes longer is lent
/// again, and the destination sees the same event id twice.
pub async fn relay(
    store: Arc<dyn Store>,
    destination: Arc<dyn Destination>,
    wake: Arc<Wake>,
    idle_poll: Duration,
    lease: Duration,
    stop: CancellationToken,
) {
    let mut woken = wake.events.subscribe();
    let (store, destination) = (store.as_ref(), destination.as_ref());
    let full = destination.batch(lease);
    // What was sent and not recorded yet: that is done while the next batch is lent.
    let mut sent = Outcomes::new();
    while !stop.is_cancelled() {
        let (alone, asked) = (sent.is_empty(), moment());
        let (recorded, lent) = tokio::join!(
            record(store, destination, std::mem::take(&mut sent), &stop),
            store.claim_deliveries(destination.name(), full, lease)
        );
        match recorded.and(lent) {
            // What the last batch held back is seen only now that it is recorded.
            Ok(batch) if batch.is_empty() && !alone => {}
            Ok(batch) if batch.is_empty() => rest(&mut woken, idle_poll, &stop).await,
            // Whoever slept since (the process was paused, the answer was late) has lost them to another, who may have
            // sent later events of the same tickets by now. The other half of the lease is the destination's.
            Ok(_) if moment().duration_since(asked) > lease / 2 => {}
            Ok(batch) => {
                sent = deliver(destination, batch).await;
                // With nothing sent, the destination is in trouble: take a rest.
                if !sent.iter().any(|(_, outcome)| *outcome == DeliveryOutcome::Sent) {
                    let _said = record(store, destination, std::mem::take(&mut sent), &stop).await;
                    rest(&mut woken, idle_poll, &stop).await;
                }
            }
            Err(error) => {
                error!(destination = destination.name(), %error, "cannot relay events; trying again");
                pause(&stop).await;
            }
        }
    }
    let _said = record(store, destination, sent, &stop).await;
}

async fn deliver(destination: &dyn Destination, batch: Vec<Delivery>) -> Outcomes {
    let outcomes = destination.deliver(batch).await;
    step!("after-produce");
    let mut sent = 0;
    for (id, outcome) in &outcomes {
        match outcome {
            DeliveryOutcome::Sent => sent += 1,
            DeliveryOutcome::Retry { .. } => {}
            DeliveryOutcome::Parked { reason } => {
                warn!(
                    destination = destination.name(),
                    outbox_id = id,
                    reason,
                    "an event is refused; set apart"
                );
                metrics::counter!("fulfillment_events_parked_total", "destination" => destination.name().to_owned())
                    .increment(1);
            }
        }
    }
    metrics::counter!("fulfillment_events_sent_total", "destination" => destination.name().to_owned())
        .increment(sent);
    outcomes
}

/// Recorded or lent again: a repeat is the same bytes under the same id. What was sent is remembered while the store
/// is away, so that it is not sent again when it is back.
async fn record(
    store: &dyn Store,
    destination: &dyn Destination,
    outcomes: Outcomes,
    stop: &CancellationToken,
) -> fulfillment_store::Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    while let Err(error) = store.record_deliveries(destination.name(), &outcomes).await {
        error!(destination = destination.name(), %error, "cannot record what was sent; trying again");
        if stop.is_cancelled() {
            return Err(error);
        }
        pause(stop).await;
    }
    Ok(())
}

/// Gives committed events their place in the stream, and tells followers of it, until `stop`.
pub async fn sequence(
    store: Arc<dyn Store>,
    wake: Arc<Wake>,
    head: watch::Sender<i64>,
    idle_poll: Duration,
    stop: CancellationToken,
) {
    let mut woken = wake.events.subscribe();
    while !stop.is_cancelled() {
        match Outbox::sequence_events(store.as_ref(), SEQUENCED).await {
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
                error!(%error, "cannot sequence events; trying again");
                pause(&stop).await;
                continue;
            }
        }
        rest(&mut woken, idle_poll, &stop).await;
    }
}

/// While the store is away, or until `stop`.
async fn pause(stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = sleep(AWAY) => {}
    }
}

/// Until an event of this process is due, until one of another's may be, or until `stop`.
async fn rest(woken: &mut watch::Receiver<()>, longest: Duration, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        // The sender lives as long as the relay that waits here.
        _ = woken.changed() => {}
        () = sleep(longest) => {}
    }
}
