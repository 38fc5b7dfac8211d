//! Gauges of what waits, is parked or went wrong, for an operator's alarms.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{Records, Summary};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::runtime::Runtime;

/// Interval between two counts.
const EVERY: Duration = Duration::from_secs(60);

/// Counts now, then every minute until `stop`.
pub async fn count(store: Arc<dyn Records>, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
    loop {
        match store.summary().await {
            Ok(summary) => show(&summary),
            Err(error) => warn!(%error, "cannot count orders and tickets"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(EVERY) => {}
        }
    }
}

fn show(summary: &Summary) {
    for (state, n) in &summary.orders {
        metrics::gauge!("fulfillment_orders", "state" => state.clone()).set(gauge(*n));
    }
    for (status, n) in &summary.tickets {
        metrics::gauge!("fulfillment_tickets", "status" => status.clone()).set(gauge(*n));
    }
    for (reason, n) in &summary.attention {
        metrics::gauge!("fulfillment_attention", "reason" => reason.clone()).set(gauge(*n));
    }
    metrics::gauge!("fulfillment_orders_retrying").set(gauge(summary.retrying));
    metrics::gauge!("fulfillment_seat_conflicts").set(gauge(summary.seat_conflicts));
    for (kind, n) in [("unreadable", summary.dead_lettered), ("quarantined", summary.quarantined)] {
        metrics::gauge!("fulfillment_dead_letters", "kind" => kind).set(gauge(n));
    }
    for (state, n) in [("waiting", summary.waiting_refunds), ("parked", summary.parked_refunds)] {
        metrics::gauge!("fulfillment_refunds", "state" => state).set(gauge(n));
    }
    for (state, n) in [("pending", summary.undelivered), ("parked", summary.parked_deliveries)] {
        metrics::gauge!("fulfillment_deliveries", "state" => state).set(gauge(n));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts stay far below 2^52")]
fn gauge(n: u64) -> f64 {
    n as f64
}
