//! Operators' requests about orders, repeated to whichever process answers until they are done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fulfillment_domain::{OrderId, Ticket, TicketStatus};
use fulfillment_pipeline::operations::reissue::{NotReissued, Wanted};
use fulfillment_pipeline::ports::Heal as _;
use fulfillment_store::conformance::fixtures::desk;
use fulfillment_store::{AskOutcome, OrderRecord, Records as _, RetrySelection};

use crate::process::End;
use crate::world::{World, lock};

/// The newest life of each process, for requests.
pub(super) type Ends = Arc<Mutex<BTreeMap<u32, Arc<End>>>>;

/// The maximum number of tries.
pub(super) const TRIES: u32 = 100;

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
    /// Try it again.
    Retry,
    /// The file of its first ticket is lost, and drawn again.
    Heal,
    /// Erase its personal data.
    Erase,
}

impl Errand {
    pub(super) async fn run(self, world: Arc<World>, ends: Ends, order: OrderId) {
        for _ in 0..TRIES {
            world.sleep(Duration::from_secs(world.draw(1, 20).into())).await;
            let Ok(Some(record)) = world.at_once(world.store.order(order)) else { continue };
            let Some(end) = lock(&ends).values().nth(world.draw(0, 3) as usize).cloned() else { continue };
            let done = tokio::select! {
                biased;
                done = self.attempt(&world, &end, &record) => done,
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
    async fn attempt(self, world: &World, end: &End, record: &OrderRecord) -> Result<bool, NotReissued> {
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
                world.scans.voided(&ticket.id.to_string());
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
            Self::Retry => {
                end.reissuer.store.retry(RetrySelection::Order(order), &desk()).await?;
                Ok(true)
            }
            Self::Heal => Ok(record.tickets.first().is_some_and(|ticket| heal(world, end, ticket))),
            Self::Erase => match end.eraser.erase(order, &desk()).await {
                Ok(Some(erased)) => Ok(end.eraser.remove(erased.files).await.is_ok()),
                Ok(None) | Err(_) => Ok(false),
            },
        }
    }
}

/// Loses the file of a live ticket, once, and requests it until it is there again. Answers whether it is, or is not
/// needed any more.
fn heal(world: &World, end: &End, ticket: &Ticket) -> bool {
    let (mut lost, mut files) = (lock(&world.lost), lock(&world.files));
    let name = ticket.file_name();
    let is_live = ticket.lifecycle.voided_at.is_none() && ticket.lifecycle.erased_at.is_none();
    let Some((lost_name, content)) = lost.get(&ticket.id) else {
        let has_file = matches!(ticket.lifecycle.status, TicketStatus::Generated | TicketStatus::Delivered);
        if is_live
            && has_file
            && let Some(content) = files.remove(&name)
        {
            world.note(format_args!("{name} is lost"));
            lost.insert(ticket.id, (name, content));
        }
        return !is_live;
    };
    let is_there = files.get(&name).is_some_and(|file| file == content);
    if is_live && *lost_name == name && !is_there {
        end.healer.heal(ticket.id);
        return false;
    }
    // Nobody draws the page of a void ticket again.
    if ticket.lifecycle.voided_at.is_some() && ticket.lifecycle.erased_at.is_none() {
        files.insert(lost_name.clone(), content.clone());
    }
    lost.remove(&ticket.id);
    true
}
