//! Conformance of voiding all tickets of a cancelled event.

use fulfillment_domain::{EventKind, Ticket};

use super::Backend;
use super::fixtures::{LONG, at_once, claimed, completion, desk, freeze, frozen, loudly, reinstate, state};
use crate::decide::unsaid::UNSAID;
use crate::{Action, AuditFilter, EventCancellation, Store};

const EVENT: &str = "event-1";

/// Orders `1..=n` of two tickets each of the event; the last one is of another event.
async fn sold(store: &dyn Store, n: u32) -> Vec<Ticket> {
    assert_eq!(store.event_number(EVENT).await.unwrap(), 1);
    assert_eq!(store.event_number("event-2").await.unwrap(), 2);
    let mut all = Vec::new();
    for (index, claim) in (1..).zip(claimed(store, n).await) {
        let mut freeze = freeze(&claim, 2);
        for (cti, ticket) in (0..).zip(&mut freeze.tickets) {
            (ticket.code.cti, ticket.code.generation) = ([index, cti, 0, 0, 0, 0, 0, 0, 0, 0], 0);
            if u32::from(index) == n {
                (ticket.event.id, ticket.event.number) = ("event-2".into(), 2);
            }
        }
        let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
        store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap();
        all.extend(tickets);
    }
    all
}

async fn finish(store: &dyn Store, limit: usize) -> EventCancellation {
    loop {
        let job = store.void_next_of_event(Some(EVENT), limit, &loudly()).await.unwrap().unwrap();
        if job.finished_at.is_some() {
            return job;
        }
    }
}

async fn live(store: &dyn Store, tickets: &[Ticket]) -> usize {
    let mut live = 0;
    for ticket in tickets {
        let ticket = store.ticket(ticket.id).await.unwrap().unwrap();
        live += usize::from(ticket.lifecycle.voided_at.is_none());
    }
    live
}

/// Whatever processes work on it, and whoever voids beside it: each ticket of the event is void once, and no other.
pub async fn every_ticket_once(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 6).await;
    assert_eq!(store.cancel_event("event-3", "rain", &desk()).await.unwrap(), None);
    assert_eq!(store.void_next_of_event(None, 9, &loudly()).await.unwrap(), None);
    store.void_ticket(tickets[0].id, "lost", &loudly(), &desk()).await.unwrap();
    let job = store.cancel_event(EVENT, "rain", &desk()).await.unwrap().unwrap();
    assert_eq!((job.total, job.done, &job.finished_at), (9, 0, &None));
    assert_eq!(store.cancel_event(EVENT, "snow", &desk()).await.unwrap(), Some(job), "it is under way");
    at_once(backend, 4, |store, _| async move {
        while store.void_next_of_event(None, 2, &loudly()).await.unwrap().is_some() {}
    })
    .await;
    let jobs = store.event_cancellations().await.unwrap();
    assert_eq!((jobs.len(), jobs[0].done, jobs[0].finished_at.is_some()), (1, 9, true), "{jobs:?}");
    assert_eq!((live(&*store, &tickets).await, live(&*store, &tickets[10..]).await), (2, 2));
    let voided = store.ticket(tickets[1].id).await.unwrap().unwrap();
    assert_eq!(voided.lifecycle.void_reason.as_deref(), Some("rain"));
    assert_eq!(state(&*store, 1).await.0.to_string(), "voided");
    let told = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
    let of_voids = backend.number("SELECT count(*) FROM outbox WHERE kind = 'ticket-voided'").await;
    assert_eq!((of_voids, told.iter().any(|d| d.event.kind == EventKind::TicketVoided)), (10, false));
    assert_eq!(backend.number("SELECT count(*) FROM door_deviations WHERE event_number = 1").await, 10);
    let entries = store.audit(&AuditFilter::default(), 10).await.unwrap();
    let entry =
        entries.iter().map(|record| &record.entry).find(|entry| entry.action == Action::CancelEvent).unwrap();
    assert_eq!((entry.subject.as_deref(), entry.times), (Some(EVENT), 9));
}

/// What is live again, or was sold in between, is found; and a repeat begins again.
pub async fn until_none_is_left(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 3).await;
    store.erase(tickets[3].order_id, &desk()).await.unwrap().unwrap();
    store.cancel_event(EVENT, "rain", &desk()).await.unwrap().unwrap();
    let first = store.void_next_of_event(None, 3, &loudly()).await.unwrap().unwrap();
    assert_eq!((first.done, first.total), (3, 4));
    assert!(reinstate(&*store, tickets[0].id).await.is_some(), "behind the job");
    assert_eq!(finish(&*store, 3).await.done, 5);
    assert_eq!(live(&*store, &tickets[..4]).await, 0);
    let reason = async |n: usize| store.ticket(tickets[n].id).await.unwrap().unwrap().lifecycle.void_reason;
    assert_eq!(reason(2).await.as_deref(), Some(UNSAID), "no reason is kept for an erased order");
    assert_eq!(reason(1).await.as_deref(), Some("rain"));
    assert_eq!(store.void_next_of_event(Some(EVENT), 3, &loudly()).await.unwrap(), None);
    let again = store.cancel_event(EVENT, "still rain", &desk()).await.unwrap().unwrap();
    assert_eq!((again.total, again.done, again.reason.as_str()), (0, 0, "still rain"));
    assert_eq!(finish(&*store, 3).await.done, 0);
}
