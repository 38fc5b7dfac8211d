//! Refresh of an issued order: Ordering is asked again because another payment arrived, so the order may have grown.
//!
//! The order stays issued whatever the result. New lines become tickets under the ids that they would have had from the
//! start; [`fulfillment_domain::growth`] decides what is new, and [`fulfillment_store::refreshes`] what is paid.

use fulfillment_domain::growth::{Growth, Held};
use fulfillment_domain::order::{Charge, Reading};
use fulfillment_domain::{Amount, Failure, Flag, OrderSnapshot};
use fulfillment_store::{
    Claim, Found, Freeze, NewLines, Refresh, RefreshOutcome, Refreshed, StoreError, step,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Pipeline;
use super::enrich::Enriched;
use super::freeze::NUMBER_TRIES;
use super::in_flight::Job;

impl Pipeline {
    /// Asks about one issued order. Answers with its job when it has new tickets to issue.
    pub(super) async fn refresh(&self, job: Job, stop: &CancellationToken) -> Option<Job> {
        let mut enriched = self.enrich(job, stop).await?;
        let Some(refresh) = enriched.job.claim.refresh.take() else {
            self.fail(enriched.job, Failure::transient("it is not issued"), Vec::new(), None).await;
            return None;
        };
        // The store decides whether the amounts fit: it knows all payments.
        enriched.flags = enriched.flags.iter().filter(|f| *f != Flag::AmountMismatch).collect();
        for number_try in 0..=NUMBER_TRIES {
            let outcome = match self.compared(&enriched, &refresh, number_try).await {
                Ok(refreshed) => self.store.refreshed(&refreshed).await.map_err(|error| match &error {
                    StoreError::Refused(_) => Failure::permanent(error.to_string()),
                    _ => Failure::transient(error.to_string()),
                }),
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(RefreshOutcome::Grown(tickets)) => {
                    step!("after-refresh-commit");
                    info!(tickets = tickets.len(), "new lines of the order were issued");
                    enriched.job.claim.tickets = tickets;
                    return Some(enriched.job);
                }
                // Nothing to issue, or another process owns the order now.
                Ok(RefreshOutcome::Unchanged | RefreshOutcome::Stale) => return None,
                Ok(RefreshOutcome::NumberTaken(_)) => {}
                Err(failure) => {
                    self.fail(enriched.job, failure, Vec::new(), None).await;
                    return None;
                }
            }
        }
        let failure = Failure::permanent("no free ticket number was found");
        self.fail(enriched.job, failure, Vec::new(), None).await;
        None
    }

    /// The lines of the answer that have no tickets on record.
    async fn compared(
        &self,
        enriched: &Enriched,
        refresh: &Refresh,
        number_try: u32,
    ) -> Result<Refreshed, Failure> {
        let (order, claim) = (&enriched.order, &enriched.job.claim);
        // An earlier version accepted this answer and this one does not: the recorded tickets hold the same
        // information.
        let reading = Reading { paid_in: claim.currency, ..self.reading.clone() };
        let before = refresh.snapshot.as_deref();
        let before = before.and_then(|a| OrderSnapshot::parse(a, claim.order_id, &reading).ok());
        let held: Vec<_> = refresh.tickets.iter().map(Held::from).collect();
        let found = match Growth::of(&held, before.as_ref(), order) {
            Err(unclear) => {
                warn!(%unclear, "cannot tell which lines of Ordering's answer are new");
                Found::Unclear(unclear.to_string())
            }
            Ok(growth) => {
                let highest = refresh.tickets.iter().map(|t| t.line.index).max().unwrap_or_default();
                let seats = growth.new.iter().copied().filter(|index| *index < order.seats.len()).collect();
                let tickets = self.tickets_of(enriched, seats, highest, number_try).await?;
                let freeze = Freeze {
                    order_id: claim.order_id,
                    fence: claim.fence,
                    snapshot: enriched.answer.clone(),
                    tickets,
                    notes: order.notes.clone(),
                    said: None,
                };
                let Growth { gone, gone_prices, changed, .. } = growth;
                Found::Lines(NewLines { freeze, gone, gone_prices, changed })
            }
        };
        Ok(Refreshed {
            order_id: claim.order_id,
            fence: claim.fence,
            asks: refresh.asks,
            total: order.total(),
            charges: order.charges.iter().map(Charge::cost).fold(Amount::ZERO, Amount::saturating_add),
            found,
            said: Some(enriched.said(&self.publishing.of_events)),
            ask_again: self.in_grace(claim).then(|| self.backoff(claim)),
        })
    }

    /// Whether Ordering may still be behind on what was paid: since the first payment of an order, or since the newest
    /// of one that is issued.
    pub(super) fn in_grace(&self, claim: &Claim) -> bool {
        let since = if claim.refresh.is_some() { claim.tried_since } else { claim.received_at };
        let grace = jiff::SignedDuration::try_from(self.grace).unwrap_or(jiff::SignedDuration::MAX);
        self.clock.now().duration_since(since) < grace
    }
}
