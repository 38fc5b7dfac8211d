//! Operators' requests about orders, repeated to whichever process answers until they are done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fulfillment_domain::OrderId;
use fulfillment_pipeline::operations::reissue::{NotReissued, Wanted};
use fulfillment_store::conformance::fixtures::desk;
use fulfillment_store::{AskOutcome, OrderRecord, Records as _};

use crate::process::End;
use crate::world::{World, lock};

/// The newest life of each process, for requests.
pub(super) type Ends = Arc<Mutex<BTreeMap<u32, Arc<End>>>>;

/// The maximum number of tries.
const TRIES: u32 = 100;

/// The kind of request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Errand {
    /// Reissue its first ticket, under one idempotency key.
    Reissue,
    /// Void one of its tickets.
    Void { nth: usize },
    /// Reinstate its void tickets, or the first of them; or the order, if it was voided before it had any.
    Reinstate { all: bool },
    /// Ask Ordering again.
    Refresh,
}

impl Errand {
    pub(super) async fn run(self, world: Arc<World>, ends: Ends, order: OrderId) {
        for _ in 0..TRIES {
            world.sleep(Duration::from_secs(world.draw(1, 20).into())).await;
            let Ok(Some(record)) = world.at_once(world.store.order(order)) else { continue };
            let Some(end) = lock(&ends).values().nth(world.draw(0, 3) as usize).cloned() else { continue };
            let done = tokio::select! {
                biased;
                done = self.attempt(&end, &record) => done,
                () = world.sleep(Duration::from_secs(30)) => continue,
            };
            match done {
                Ok(true) => return world.note(format_args!("{order}: {self:?} is done")),
                Ok(false) => {}
                Err(error) => world.note(format_args!("{order}: no {self:?}: {error}")),
            }
        }
    }

    /// Whether it is done, or is not needed any more.
    async fn attempt(self, end: &End, record: &OrderRecord) -> Result<bool, NotReissued> {
        let order = record.order_id;
        match self {
            Self::Reissue => {
                let Some(ticket) = record.tickets.first() else { return Ok(false) };
                let wanted = Wanted { request: Some("lost phone".into()), ..Wanted::default() };
                match end.reissuer.reissue(ticket.id, wanted, &desk()).await {
                    Ok(_) | Err(NotReissued::Voided) => Ok(true),
                    Err(error) => Err(error),
                }
            }
            Self::Void { nth } => {
                let count = record.tickets.len().max(1);
                let Some(ticket) = record.tickets.get(nth % count) else { return Ok(false) };
                end.voider.void(ticket.id, "by hand", &desk()).await?;
                Ok(true)
            }
            Self::Reinstate { .. } if record.tickets.is_empty() => {
                Ok(end.reissuer.store.reinstate_order(order, &desk()).await?)
            }
            Self::Reinstate { all } => {
                let void: Vec<_> =
                    record.tickets.iter().filter(|t| t.lifecycle.voided_at.is_some()).collect();
                for ticket in void.iter().take(if all { usize::MAX } else { 1 }) {
                    let request = Some("goodwill".into());
                    let wanted = Wanted { reinstate: true, request, ..Wanted::default() };
                    end.reissuer.reissue(ticket.id, wanted, &desk()).await?;
                }
                Ok(!void.is_empty())
            }
            Self::Refresh => {
                Ok(end.reissuer.store.ask_ordering(order, false, &desk()).await? == AskOutcome::Asked)
            }
        }
    }
}
