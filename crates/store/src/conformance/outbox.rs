//! Conformance of the outbox: delivery of events to each destination separately.

use std::collections::HashSet;
use std::time::Duration;

use fulfillment_domain::EventKind;
use fulfillment_domain::event::ids_of;

use super::Backend;
use super::fixtures::{
    LONG, SHORT, at_once, claimed, completion, desk, freeze, frozen, generated, ingest, issued, loudly,
    message, order, payment, quietly, wait,
};
use crate::DeliveryOutcome::{Parked, Retry, Sent};
use crate::{DeadLetterRoute, Delivery, Store};

/// Two events of one ticket, in order, with different ids.
async fn two_events(store: &dyn Store) {
    let claim = claimed(store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    let mut done = completion(&claim, &tickets, &["kafka"]);
    let mut second = generated(&done.generated[0].ticket, &["kafka"]).events.remove(0);
    second.sequence = 2;
    done.generated[0].events.push(second);
    assert_eq!(store.complete(&[done]).await.unwrap(), [true]);
}

pub async fn lends_in_order_once(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 30, 2).await;
    let first = store.claim_deliveries("kafka", 5, LONG).await.unwrap();
    assert!(first.windows(2).all(|w| w[0].outbox_id < w[1].outbox_id));
    let event = &first[0].event;
    assert_eq!(
        (event.kind, event.sequence, event.ticket_id),
        (EventKind::TicketIssued, 1, Some(tickets[0].id))
    );
    assert_eq!(
        event,
        &fulfillment_domain::OutboxEvent {
            destinations: vec![],
            ..generated(&tickets[0], &["kafka"]).events.remove(0)
        }
    );
    let lent = at_once(backend, 6, |store, _| async move {
        let mut mine = Vec::new();
        loop {
            let lent = store.claim_deliveries("kafka", 4, LONG).await.unwrap();
            if lent.is_empty() {
                return mine;
            }
            let sent: Vec<_> = lent.iter().map(|d| (d.outbox_id, Sent)).collect();
            store.record_deliveries("kafka", &sent).await.unwrap();
            mine.extend(lent.into_iter().map(|d| d.outbox_id));
        }
    })
    .await;
    let all: Vec<_> = lent.into_iter().flatten().chain(first.iter().map(|d| d.outbox_id)).collect();
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (60, 60));
    assert_eq!(store.backlog("kafka").await.unwrap().0, 5, "those lent first are not sent yet");
}

pub async fn retries_and_parks(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 3, 1).await;
    let lent = store.claim_deliveries("kafka", 5, LONG).await.unwrap();
    let retry = |after| Retry { after, reason: "no\0 leader".into() };
    let outcomes = [
        (lent[0].outbox_id, retry(Duration::ZERO)),
        (lent[1].outbox_id, retry(LONG)),
        (lent[2].outbox_id, Parked { reason: "too large".into() }),
    ];
    store.record_deliveries("kafka", &outcomes).await.unwrap();
    let again = store.claim_deliveries("kafka", 5, LONG).await.unwrap();
    assert_eq!(again.iter().map(|d| (d.outbox_id, d.attempts)).collect::<Vec<_>>(), [(lent[0].outbox_id, 2)]);
    assert_eq!(again[0].event, lent[0].event, "the same bytes");
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.undelivered, summary.parked_deliveries), (2, 1));
    // A late outcome for a parked event changes nothing.
    store.record_deliveries("kafka", &[(lent[2].outbox_id, retry(Duration::ZERO))]).await.unwrap();
    assert!(store.claim_deliveries("kafka", 5, LONG).await.unwrap().is_empty());
    store.record_deliveries("kafka", &[]).await.unwrap();
}

pub async fn leases_end(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 1, 1).await;
    assert_eq!(store.claim_deliveries("kafka", 5, SHORT).await.unwrap().len(), 1);
    assert!(store.claim_deliveries("kafka", 5, SHORT).await.unwrap().is_empty());
    wait().await;
    assert_eq!(store.claim_deliveries("kafka", 5, SHORT).await.unwrap()[0].attempts, 2);
}

pub async fn ticket_events_in_order(backend: &dyn Backend) {
    let store = backend.store();
    two_events(&*store).await;
    let first = store.claim_deliveries("kafka", 5, LONG).await.unwrap();
    assert_eq!(first.iter().map(|d| d.event.sequence).collect::<Vec<_>>(), [1], "the second is held back");
    assert!(store.claim_deliveries("kafka", 5, LONG).await.unwrap().is_empty());
    let parked = Parked { reason: "refused".into() };
    store.record_deliveries("kafka", &[(first[0].outbox_id, parked)]).await.unwrap();
    assert_eq!(store.claim_deliveries("kafka", 5, LONG).await.unwrap()[0].event.sequence, 2);
}

/// Events that wait for an earlier one of their ticket are looked at once, and not again before that one has moved.
pub async fn held_back_events_are_not_looked_at_again(backend: &dyn Backend) {
    const TICKETS: u32 = 20;
    let store = backend.store();
    let tickets = issued(&*store, TICKETS, 1).await;
    let all = usize::try_from(TICKETS).unwrap();
    let first = store.claim_deliveries("kafka", all, LONG).await.unwrap();
    assert_eq!(first.len(), all);
    for ticket in &tickets {
        assert!(store.void_ticket(ticket.id, "refund", &loudly(), &desk()).await.unwrap());
    }
    // As they were written, they are due.
    let waiting = "SELECT count(*) FROM outbox_delivery WHERE state = 'pending' AND lent = FALSE AND due_at <= updated_at";
    assert_eq!(backend.number(waiting).await, i64::from(TICKETS));
    assert!(store.claim_deliveries("kafka", 3, LONG).await.unwrap().is_empty());
    assert_eq!(backend.number(waiting).await, 0, "all of them, however few one look may lend");

    // One that is not held back is found behind them, and theirs as soon as they are free.
    ingest(&*store, &[message(77, b"nonsense")]).await;
    let free = store.claim_deliveries("kafka", 3, LONG).await.unwrap();
    assert_eq!(free.iter().map(|d| d.event.kind).collect::<Vec<_>>(), [EventKind::DeadLetter]);
    let retry = Retry { after: LONG, reason: "no".into() };
    let parked = Parked { reason: "refused".into() };
    let outcomes = [(first[0].outbox_id, Sent), (first[1].outbox_id, parked), (first[2].outbox_id, retry)];
    store.record_deliveries("kafka", &outcomes).await.unwrap();
    let next = store.claim_deliveries("kafka", all, LONG).await.unwrap();
    let seen: Vec<_> = next.iter().map(|d| (d.event.ticket_id, d.event.kind)).collect();
    let of = |n: usize| (first[n].event.ticket_id, EventKind::TicketVoided);
    assert_eq!(seen, [of(0), of(1)]);
    // An event that is ended for its erased ticket frees the next one too.
    let order = first[3].event.order_id.unwrap();
    store.erase(order, &desk()).await.unwrap().unwrap();
    let next = store.claim_deliveries("kafka", all, LONG).await.unwrap();
    assert_eq!(next.iter().map(|d| d.event.ticket_id).collect::<Vec<_>>(), [first[3].event.ticket_id]);
}

/// A void ends the event of the issue, and frees its own.
pub async fn held_back_by_what_a_void_ends(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 3, 1).await;
    let lent = store.claim_deliveries("kafka", 3, LONG).await.unwrap();
    for ticket in &tickets {
        assert!(store.void_ticket(ticket.id, "refund", &loudly(), &desk()).await.unwrap());
    }
    assert!(store.claim_deliveries("kafka", 9, LONG).await.unwrap().is_empty(), "held back");
    let retry = |d: &Delivery| (d.outbox_id, Retry { after: Duration::ZERO, reason: "no".into() });
    store.record_deliveries("kafka", &lent.iter().map(retry).collect::<Vec<_>>()).await.unwrap();
    let kinds: Vec<_> =
        store.claim_deliveries("kafka", 9, LONG).await.unwrap().iter().map(|d| d.event.kind).collect();
    assert_eq!(kinds, [EventKind::TicketVoided; 3], "at the same look");
}

pub async fn void_suppresses(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 6, 1).await;
    for ticket in &tickets[..5] {
        assert!(store.void_ticket(ticket.id, "refund", &quietly(), &desk()).await.unwrap());
    }
    let lent = store.claim_deliveries("kafka", 2, LONG).await.unwrap();
    assert_eq!(lent.iter().map(|d| d.event.ticket_id).collect::<Vec<_>>(), [Some(tickets[5].id)]);
    assert_eq!(backend.number("SELECT count(*) FROM outbox_delivery WHERE state = 'suppressed'").await, 5);
    assert_eq!(store.backlog("kafka").await.unwrap().0, 1);
}

pub async fn destinations_apart(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &["kafka", "webhook:a"])]).await.unwrap();
    let kafka = store.claim_deliveries("kafka", 5, LONG).await.unwrap();
    store.record_deliveries("kafka", &[(kafka[0].outbox_id, Sent)]).await.unwrap();
    assert!(store.claim_deliveries("webhook:b", 5, LONG).await.unwrap().is_empty());
    assert_eq!(store.summary().await.unwrap().undelivered, 1);
    let webhook = store.claim_deliveries("webhook:a", 5, LONG).await.unwrap();
    assert_eq!((webhook[0].outbox_id, webhook[0].attempts), (kafka[0].outbox_id, 1));
}

pub async fn backlog(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.backlog("kafka").await.unwrap(), (0, None));
    issued(&*store, 3, 1).await;
    let (waiting, since) = store.backlog("kafka").await.unwrap();
    assert_eq!(waiting, 3);
    let lent = store.claim_deliveries("kafka", 1, LONG).await.unwrap();
    assert_eq!(since, Some(lent[0].created_at));
    store.record_deliveries("kafka", &[(lent[0].outbox_id, Sent)]).await.unwrap();
    let (waiting, later) = store.backlog("kafka").await.unwrap();
    assert_eq!(waiting, 2);
    assert!(later >= since);
}

pub async fn unsent_and_sent_again(backend: &dyn Backend) {
    let store = backend.store();
    let (claims, destinations) = (claimed(&*store, 1).await, ["kafka", "webhook:a"]);
    let tickets = frozen(store.freeze(&[freeze(&claims[0], 1)]).await.unwrap().remove(0));
    let done = completion(&claims[0], &tickets, &destinations);
    let ticket = done.generated[0].ticket.clone();
    assert_eq!(store.complete(&[done]).await.unwrap(), [true]);
    let ids: Vec<_> = ids_of(ticket.id, ticket.lifecycle.sequence).collect();
    let unsent = store.unsent(&ids).await.unwrap();
    let seen: Vec<_> = unsent.iter().map(|u| (u.destination.as_str(), u.parked)).collect();
    assert_eq!(seen, [("kafka", false), ("webhook:a", false)]);
    assert_eq!((unsent[0].kind, unsent[0].ticket_id), (EventKind::TicketIssued, Some(ticket.id)));
    let event = unsent[0].event;
    let mut lent = Vec::new();
    for destination in destinations {
        lent.extend(store.claim_deliveries(destination, 5, LONG).await.unwrap());
    }
    assert!(!store.send_again(event).await.unwrap(), "both are in a relay's hand");
    store.record_deliveries("kafka", &[(lent[0].outbox_id, Sent)]).await.unwrap();
    let parked = Parked { reason: "410".into() };
    store.record_deliveries("webhook:a", &[(lent[1].outbox_id, parked)]).await.unwrap();
    let unsent = store.unsent(&ids).await.unwrap();
    assert_eq!(unsent.len(), 1);
    assert_eq!((unsent[0].parked, unsent[0].reason.as_deref()), (true, Some("410")));
    assert!(store.send_again(event).await.unwrap());
    assert!(store.claim_deliveries("kafka", 5, LONG).await.unwrap().is_empty(), "what is sent stays sent");
    let again = store.claim_deliveries("webhook:a", 5, LONG).await.unwrap();
    assert_eq!((again.len(), again[0].attempts), (1, 1), "with a new budget");
    assert_eq!(again[0].event, lent[1].event, "the same bytes");
    store.record_deliveries("webhook:a", &[(again[0].outbox_id, Sent)]).await.unwrap();
    assert_eq!(store.unsent(&ids).await.unwrap(), []);
    assert!(!store.send_again(event).await.unwrap());
    assert!(!store.send_again(uuid::Uuid::nil()).await.unwrap());
}

pub async fn prune(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 5, 1).await;
    ingest(&*store, &[message(77, b"nonsense")]).await;
    assert_eq!(store.prune(LONG, 100).await.unwrap(), 5, "they came long ago");
    assert_eq!(
        backend.number("SELECT count(*) FROM inbox WHERE raw IS NOT NULL OR key IS NOT NULL").await,
        0
    );
    store.sequence_events(100).await.unwrap();
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap();
    assert_eq!(lent.len(), 6);
    let mut outcomes: Vec<_> = lent.iter().map(|d| (d.outbox_id, Sent)).collect();
    outcomes[0].1 = Parked { reason: "no".into() };
    outcomes[1].1 = Retry { after: LONG, reason: "no".into() };
    store.record_deliveries("kafka", &outcomes).await.unwrap();
    assert_eq!(store.prune(LONG, 100).await.unwrap(), 0, "too young");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(store.prune(Duration::from_millis(10), 1).await.unwrap(), 1, "up to the limit");
    store.prune(Duration::from_millis(10), 100).await.unwrap();
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 2, "waiting, and the newest position");
    assert_eq!(store.events_after(4, 10).await.unwrap().len(), 1);
    assert_eq!(ingest(&*store, &[payment(1, 1, "49.9")]).await.len(), 1);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(record.payments[0].duplicates, 1, "what is pruned is still known");
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE length(raw) = 8").await, 1);
}

/// A batch is bounded by its bytes: large dead letters are not all read at once.
pub async fn lends_few_large_ones(backend: &dyn Backend) {
    const LETTERS: i64 = 20;
    let store = backend.store();
    let route = DeadLetterRoute { destinations: vec!["kafka".into()], max_bytes: 2 << 20 };
    for n in 0..LETTERS {
        let large = message(n, "x".repeat(1 << 20).as_bytes());
        store.ingest(&[large], &route, &quietly()).await.unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..LETTERS {
        let lent = store.claim_deliveries("kafka", 1_000, LONG).await.unwrap();
        let bytes: usize = lent.iter().map(|delivery| delivery.event.value.len()).sum();
        assert!(bytes <= 9 << 20, "{bytes} bytes at once");
        ids.extend(lent.iter().map(|delivery| delivery.outbox_id));
    }
    let once: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), once.len()), (20, 20));
}
