//! In-flight orders: those that this process has claimed and not released.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_domain::OrderId;
use fulfillment_store::Claim;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use crate::trace;

/// Limits and lists the orders in flight.
pub(super) struct InFlight {
    room: Arc<Semaphore>,
    held: Mutex<HashMap<OrderId, i64>>,
}

/// A claimed order in flight; dropping it makes room for the next.
pub(super) struct Job {
    pub(super) claim: Claim,
    /// The span of everything that is logged and done about it.
    pub(super) span: Span,
    in_flight: Arc<InFlight>,
    _place: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    pub(super) fn new(places: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(places)), held: Mutex::default() }
    }

    /// Waits for a fair number of free places, so that claims stay large under load, and answers how many there are,
    /// `batch` at most.
    pub(super) async fn room(&self, batch: usize) -> usize {
        let fair = u32::try_from(batch.div_ceil(2)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.room.acquire_many(fair).await);
        self.room.available_permits().clamp(1, batch)
    }

    /// Adds a claim to the orders in flight. There is room: only one task claims.
    pub(super) fn take(self: &Arc<Self>, claim: Claim) -> Job {
        self.lock().insert(claim.order_id, claim.fence);
        let (span, place) = (trace::order(&claim), Arc::clone(&self.room).try_acquire_owned().ok());
        Job { claim, span, in_flight: Arc::clone(self), _place: place }
    }

    /// Order and fence of every order in flight.
    pub(super) fn held(&self) -> Vec<(OrderId, i64)> {
        self.lock().iter().map(|(order, fence)| (*order, *fence)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OrderId, i64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // What is exported of a span ends when the span was left for the last time.
        self.span.in_scope(|| {});
        let mut held = self.in_flight.lock();
        // The same order may have been claimed again before this one was dropped.
        if held.get(&self.claim.order_id) == Some(&self.claim.fence) {
            held.remove(&self.claim.order_id);
        }
    }
}
