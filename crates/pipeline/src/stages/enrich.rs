//! Enrich stage: asks Ordering what was bought, and Identity where to send it. Outside any transaction.

use std::sync::Arc;

use fulfillment_domain::order::Reading;
use fulfillment_domain::{EventDetails, Failure, Flag, Flags, OrderSnapshot, Refusal};
use fulfillment_store::{Announcing, Said, step};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use super::in_flight::Job;
use crate::ports::OrderingError;
use crate::trace;

/// An order whose tickets can be made.
pub(super) struct Enriched {
    pub(super) job: Job,
    pub(super) order: Arc<OrderSnapshot>,
    /// Ordering's answer as received.
    pub(super) answer: Vec<u8>,
    pub(super) flags: Flags,
    /// When Ordering was asked.
    asked_at: Timestamp,
}

impl Enriched {
    /// What the answer says about its event.
    pub(super) fn said(&self, announcing: &Arc<Announcing>) -> Said {
        Said {
            event_id: self.order.event.id.clone(),
            details: EventDetails::said_in(&self.order),
            asked_at: self.asked_at,
            announcing: Arc::clone(announcing),
        }
    }
}

/// Why an order cannot be enriched now, with the answer that was refused.
struct Refused {
    failure: Failure,
    answer: Option<Vec<u8>>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, answer: None }
    }
}

impl Pipeline {
    /// Enriches one order; one that cannot be enriched is released here.
    pub(super) async fn enrich(&self, job: Job, stop: &CancellationToken) -> Option<Enriched> {
        let asked_at = self.clock.now();
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            asked = self.ask(&job) => Some(asked),
        };
        match asked {
            Some(Ok((order, answer, flags))) => {
                Some(Enriched { job, order: Arc::new(order), answer, flags, asked_at })
            }
            Some(Err(refused)) => {
                metrics::counter!("fulfillment_enrich_failures_total").increment(1);
                self.fail(job, refused.failure, Vec::new(), refused.answer).await;
                None
            }
            None => {
                self.put_back(job).await;
                None
            }
        }
    }

    async fn ask(&self, job: &Job) -> Result<(OrderSnapshot, Vec<u8>, Flags), Refused> {
        let claim = &job.claim;
        let ordering = self
            .ordering
            .as_ref()
            .ok_or_else(|| Failure::blocked("no Ordering is configured: set FULFILLMENT_ORDERING_URL"))?;
        let in_grace = self.in_grace(claim);
        let answer = match ordering
            .order(claim.order_id, trace::onward(claim.traceparent.as_deref()).as_deref())
            .await
        {
            Ok(answer) => answer,
            Err(OrderingError::Unknown) if in_grace => {
                return Err(Failure::transient("Ordering does not know the order yet").into());
            }
            Err(OrderingError::Unknown) => {
                return Err(Failure::permanent("Ordering does not know the order").into());
            }
            Err(OrderingError::Failed(failure)) => return Err(failure.into()),
        };
        step!("after-ordering-answer");
        let reading = Reading { paid_in: claim.currency, ..self.reading.clone() };
        let mut order = OrderSnapshot::parse(&answer, claim.order_id, &reading)
            .map_err(|refusal| refused(&refusal, &answer))?;
        let mut flags = order.flags.clone();
        if order.name_is_pending() {
            if in_grace {
                return Err(Failure::transient("Ordering does not know the event's name yet").into());
            }
            flags.insert(Flag::EventDetailsPending);
        }
        if order.customer_is_user_id() && !self.resolve_customer(&mut order, in_grace).await? {
            flags.insert(Flag::EmailUnresolved);
        }
        if let (Some(paid), Some((total, currency))) = (claim.amount, order.total())
            && (paid != total || claim.currency.is_some_and(|c| c != currency))
        {
            flags.insert(Flag::AmountMismatch);
        }
        Ok((order, answer.to_vec(), flags))
    }

    /// Replaces the user id by the address; `false` when Identity could not answer. Identity is optional: its failure
    /// delays an order for the grace period at most.
    async fn resolve_customer(&self, order: &mut OrderSnapshot, in_grace: bool) -> Result<bool, Failure> {
        let Some(identity) = &self.identity else { return Ok(false) };
        match identity.email(&order.customer_email).await {
            Ok(Some(email)) => {
                order.customer_email = email;
                Ok(true)
            }
            Err(failure) if in_grace => Err(failure),
            Ok(None) | Err(_) => Ok(false),
        }
    }
}

fn refused(refusal: &Refusal, answer: &[u8]) -> Refused {
    let failure = match refusal {
        Refusal::Garbled(_) => Failure::transient(format!("Ordering: {refusal}")),
        Refusal::OtherOrder | Refusal::Misfit(_) => Failure::permanent(format!("Ordering: {refusal}")),
    };
    Refused { failure, answer: Some(answer.to_vec()) }
}
