//! Runs the sample orders from payment to ticket: sends what a real Payment would send, and reports the result.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fulfillment_domain::ticket::Flag;
use fulfillment_domain::{Clock as _, OrderId, OrderState, TicketId, TicketStatus};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_store::{OrderRecord, Records};
use serde::{Deserialize, Serialize};

use super::SampleOrders;
use crate::error::CliError;

/// Payments in one request, and the timeout of one.
const REQUEST: usize = 50;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the run waits for its orders before it reports a problem, and the additional time for each order.
const PATIENCE: Duration = Duration::from_secs(120);
const PATIENCE_EACH: Duration = Duration::from_millis(50);

/// Interval between two reads of an order in progress.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The most reasons that are reported of parked orders.
const REASONS: usize = 5;

/// The result of one run's orders. What an earlier run left in the same folder is not included.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Orders that were paid.
    pub(crate) orders: u64,
    /// Tickets that have their file.
    pub(crate) issued: u64,
    /// Payments that were known already, and issued nothing.
    pub(crate) duplicate: u64,
    /// Orders that wait for another try.
    pub(crate) retrying: u64,
    /// Orders that are parked.
    pub(crate) parked: u64,
    /// Why, for the first few of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parked_why: Vec<String>,
    /// Messages that cannot be read.
    pub(crate) dead_lettered: u64,
    /// Tickets with characters that no font of this machine has.
    pub(crate) missing_glyphs: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// A sample ticket: of this run, or of the earlier one with the same orders.
    #[serde(skip)]
    pub(crate) ticket: Option<TicketId>,
}

impl Outcome {
    /// Adds the result of an order.
    fn count(&mut self, order: &OrderRecord) {
        self.retrying += u64::from(is_open(order));
        for ticket in order.tickets.iter().filter(|t| has_file(t.lifecycle.status)) {
            self.issued += 1;
            self.missing_glyphs += u64::from(ticket.flags.contains(Flag::MissingGlyphs));
        }
        if order.state == OrderState::Parked {
            self.parked += 1;
            if self.parked_why.len() < REASONS {
                let why = order.reason.as_deref().unwrap_or("no reason is recorded");
                self.parked_why.push(format!("{}: {why}", order.order_id));
            }
        }
    }
}

/// Pays the orders through the HTTP API of the service at `address`, with the `token` that it requires, and waits for
/// their results in its `store`. Reports the number of tickets so far to `progress`.
pub(crate) async fn run(
    address: SocketAddr,
    token: Option<&str>,
    store: &dyn Records,
    orders: &SampleOrders,
    progress: impl Fn(u64),
) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build();
    let client = client.map_err(anyhow::Error::from)?;
    let mut run = Run { store, at_work: VecDeque::new(), waiting: Vec::new(), outcome: Outcome::default() };
    for batch in orders.messages.chunks(REQUEST) {
        let answer = pay(&client, address, token, batch).await.context("the payments were not taken");
        run.take(answer.map_err(CliError::Unreachable)?);
        run.look().await?;
        progress(run.outcome.issued);
    }
    let each = u32::try_from(orders.messages.len()).unwrap_or(u32::MAX);
    let patience = PATIENCE + PATIENCE_EACH.saturating_mul(each);
    while !run.at_work.is_empty() {
        if started.elapsed() > patience {
            return Err(CliError::failed(format!("{} orders are still in progress", run.at_work.len())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        run.look().await?;
        progress(run.outcome.issued);
    }
    let mut outcome = run.end().await?;
    outcome.orders = orders.known.len() as u64 + 1;
    outcome.seconds = started.elapsed().as_secs_f64();
    outcome.ticket = a_ticket(store, orders).await?;
    Ok(outcome)
}

/// The part of the service's answer that matters here.
#[derive(Debug, Deserialize)]
struct Answered {
    results: Vec<Taken>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    outcome: String,
    order_id: Option<OrderId>,
}

async fn pay(
    client: &reqwest::Client,
    address: SocketAddr,
    token: Option<&str>,
    batch: &[String],
) -> reqwest::Result<Answered> {
    let request = client
        .post(format!("http://{address}/events/payment-succeeded"))
        .header("content-type", "application/json")
        .body(format!("[{}]", batch.join(",")));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await?.error_for_status()?.json().await
}

/// The orders of this run: each is read by its id, in the order of payment, until it is no longer in progress.
struct Run<'a> {
    store: &'a dyn Records,
    at_work: VecDeque<OrderId>,
    waiting: Vec<OrderId>,
    outcome: Outcome,
}

impl Run<'_> {
    fn take(&mut self, answer: Answered) {
        for taken in answer.results {
            match (taken.outcome.as_str(), taken.order_id) {
                ("new", Some(order)) => self.at_work.push_back(order),
                ("unreadable", _) => self.outcome.dead_lettered += 1,
                _ => self.outcome.duplicate += 1,
            }
        }
    }

    /// Counts the orders that are done, up to the first that is not.
    async fn look(&mut self) -> Result<(), CliError> {
        while let Some(id) = self.at_work.front() {
            let order = self.order(*id).await?;
            if is_open(&order) {
                let waits = order.next_attempt_at.is_some_and(|next| next > SystemClock.now());
                if !waits {
                    return Ok(());
                }
                self.waiting.push(order.order_id);
            } else {
                self.outcome.count(&order);
            }
            self.at_work.pop_front();
        }
        Ok(())
    }

    /// Orders that waited for another try may have had it meanwhile.
    async fn end(mut self) -> Result<Outcome, CliError> {
        for id in std::mem::take(&mut self.waiting) {
            let order = self.order(id).await?;
            self.outcome.count(&order);
        }
        Ok(self.outcome)
    }

    async fn order(&self, id: OrderId) -> Result<OrderRecord, CliError> {
        let order = self.store.order(id).await?;
        order.ok_or_else(|| CliError::failed(format!("the order {id} was accepted, and is not there")))
    }
}

/// Neither issued nor parked.
fn is_open(order: &OrderRecord) -> bool {
    matches!(order.state, OrderState::Received | OrderState::Enriched)
}

fn has_file(status: TicketStatus) -> bool {
    matches!(status, TicketStatus::Generated | TicketStatus::Delivered)
}

async fn a_ticket(store: &dyn Records, orders: &SampleOrders) -> Result<Option<TicketId>, CliError> {
    for id in &orders.known {
        let order = store.order(*id).await?;
        if let Some(ticket) = order.iter().flat_map(|o| &o.tickets).find(|t| has_file(t.lifecycle.status)) {
            return Ok(Some(ticket.id));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted_by_where_they_stand() {
        let mut outcome = Outcome::default();
        let at = "2026-11-22T18:30:00Z".parse().unwrap();
        for (i, state) in (0..).zip([OrderState::Received, OrderState::Parked, OrderState::Issued]) {
            outcome.count(&OrderRecord {
                withdrawals: Vec::new(),
                order_id: OrderId(uuid::Uuid::from_u128(i)),
                state,
                reason: Some("the answer is not an order".into()),
                attempts: 1,
                next_attempt_at: None,
                received_at: at,
                updated_at: at,
                payments: Vec::new(),
                tickets: Vec::new(),
                notes: Vec::new(),
                attention: Vec::new(),
                voided_at: None,
                erased_at: None,
            });
        }
        assert_eq!((outcome.retrying, outcome.parked, outcome.issued), (1, 1, 0));
        assert_eq!(outcome.parked_why, ["00000000-0000-0000-0000-000000000001: the answer is not an order"]);
    }
}
