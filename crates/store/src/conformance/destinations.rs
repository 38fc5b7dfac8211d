//! Conformance of destinations: what waits for each, also for one that is configured no more.

use std::time::Duration;

use super::Backend;
use super::fixtures::{claimed, completion, desk, freeze, frozen};
use crate::DeliveryOutcome::Parked;

pub async fn listed_and_closed(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.destinations().await.unwrap(), []);
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &["kafka", "webhook:gone"])]).await.unwrap();
    let lent = store.claim_deliveries("webhook:gone", 1, Duration::from_secs(60)).await.unwrap();
    let refused = Parked { reason: "HTTP 410".into() };
    store.record_deliveries("webhook:gone", &[(lent[0].outbox_id, refused)]).await.unwrap();

    let listed = store.destinations().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|d| (d.name.as_str(), d.waiting, d.parked)).collect();
    assert_eq!(seen, [("kafka", 3, 0), ("webhook:gone", 2, 1)]);
    assert!(listed.iter().all(|d| d.since.is_some()), "{listed:?}");
    let reasons: Vec<_> = listed.iter().map(|d| d.reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("HTTP 410")]);

    let mut closed = Vec::new();
    while closed.last() != Some(&0) {
        closed.push(store.close_deliveries("webhook:gone", "removed", 2, &desk()).await.unwrap());
    }
    assert_eq!(closed, [2, 1, 0], "in batches");
    assert!(store.claim_deliveries("webhook:gone", 9, Duration::ZERO).await.unwrap().is_empty());
    let open: Vec<_> = store.destinations().await.unwrap().into_iter().map(|d| (d.name, d.waiting)).collect();
    assert_eq!(open, [("kafka".to_owned(), 3)], "the others still wait");
    let closed = "SELECT count(*) FROM outbox_delivery WHERE state = 'suppressed' AND reason = 'removed'";
    assert_eq!(backend.number(closed).await, 3);
}
