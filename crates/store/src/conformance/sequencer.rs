//! Conformance of the sequencer: one gapless order of events for readers.

use fulfillment_domain::EventKind;

use super::Backend;
use super::fixtures::{LONG, at_once, claimed, completion, freeze, frozen, ingest, issued, message};
use crate::DeliveryOutcome::Sent;

pub async fn gapless_and_late(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.sequence_events(10).await.unwrap(), 0);
    let tickets = issued(&*store, 4, 1).await;
    ingest(&*store, &[message(90, b"nonsense")]).await;
    // As if the first event's transaction committed last: it is invisible while the others get their positions.
    backend.execute("UPDATE outbox SET kind = 'dead-letter' WHERE id = (SELECT min(id) FROM outbox)").await;
    assert_eq!(store.sequence_events(2).await.unwrap(), 2);
    assert_eq!(store.sequence_events(10).await.unwrap(), 3);
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 3);
    backend.execute("UPDATE outbox SET kind = 'ticket-issued' WHERE id = (SELECT min(id) FROM outbox)").await;
    assert_eq!(store.sequence_events(10).await.unwrap(), 4);
    let events = store.events_after(0, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| e.position).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events[3].event.ticket_id, Some(tickets[0].id), "late, and not lost");
    assert!(events.iter().all(|e| e.event.kind == EventKind::TicketIssued));
}

pub async fn readers_resume(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 3, 1).await;
    store.sequence_events(2).await.unwrap();
    let first = store.events_after(0, 1).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(store.position_of(first[0].event.id).await.unwrap(), Some(1));
    let rest = store.events_after(1, 10).await.unwrap();
    assert_eq!(rest.iter().map(|e| e.position).collect::<Vec<_>>(), [2]);
    assert_eq!(store.position_of(uuid::Uuid::nil()).await.unwrap(), None);
}

pub async fn two_at_once(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 40).await;
    let mut done = Vec::new();
    for claim in &claims {
        let tickets = frozen(store.freeze(&[freeze(claim, 1)]).await.unwrap().remove(0));
        done.push(completion(claim, &tickets, &[]));
    }
    // Concurrent writers and sequencers.
    at_once(backend, 6, |store, n| {
        let mine: Vec<_> = done.iter().skip(n % 3).step_by(3).cloned().collect();
        async move {
            for completion in mine {
                if n < 3 {
                    assert_eq!(store.complete(&[completion]).await.unwrap(), [true]);
                } else {
                    store.sequence_events(3).await.unwrap();
                }
            }
        }
    })
    .await;
    while store.sequence_events(7).await.unwrap() < 40 {}
    let positions: Vec<_> = store.events_after(0, 100).await.unwrap().iter().map(|e| e.position).collect();
    assert_eq!(positions, (1..=40).collect::<Vec<_>>());
}

pub async fn positions_outlive_pruning(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    store.sequence_events(10).await.unwrap();
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap();
    let sent: Vec<_> = lent.iter().map(|d| (d.outbox_id, Sent)).collect();
    store.record_deliveries("kafka", &sent).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    store.prune(std::time::Duration::from_millis(5), 100).await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 2);
    let kept = store.events_after(0, 10).await.unwrap();
    assert_eq!(kept.iter().map(|e| e.position).collect::<Vec<_>>(), [2]);
}
