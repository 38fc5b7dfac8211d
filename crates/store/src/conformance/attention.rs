//! Conformance of the attention list.

use super::Backend;
use super::fixtures::{at_once, desk, issued, order};
use crate::{AttentionReason, AttentionScope};

/// Puts an entry on the list, as refunds and later payments do.
async fn enter(backend: &dyn Backend, n: u32, reason: AttentionReason, shows_at: &str) {
    let (order, reason) = (order(n), reason.as_str());
    let sql = format!(
        "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) VALUES \
         ('{order}', '{reason}', 'about {n}', '2026-11-01T00:00:00.000000Z', '{shows_at}')"
    );
    backend.execute(&sql).await;
}

pub async fn listed_when_it_shows(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 3, 1).await;
    enter(backend, 2, AttentionReason::Overpaid, "2026-11-02T00:00:00.000000Z").await;
    enter(backend, 1, AttentionReason::Overpaid, "2026-11-03T00:00:00.000000Z").await;
    enter(backend, 1, AttentionReason::VoidButPaid, "2999-01-01T00:00:00.000000Z").await;
    let listed = store.attention(10).await.unwrap();
    let seen: Vec<_> = listed.iter().map(|a| (a.order_id, a.reason, a.detail.as_str())).collect();
    let overpaid = AttentionReason::Overpaid;
    assert_eq!(seen, [(order(2), overpaid, "about 2"), (order(1), overpaid, "about 1")]);
    assert_eq!(store.attention(1).await.unwrap(), listed[..1]);
    let counts = store.summary().await.unwrap().attention;
    assert_eq!(
        (counts["overpaid"], counts["void_but_paid"], counts.len()),
        (2, 0, AttentionReason::ALL.len())
    );
    let record = store.order(order(1)).await.unwrap().unwrap();
    let reasons: Vec<_> = record.attention.iter().map(|a| a.reason).collect();
    assert_eq!(reasons, [overpaid, AttentionReason::VoidButPaid], "an order shows what is listed later too");
}

pub async fn acknowledged_by_order_and_event(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 3, 1).await;
    backend.execute(&format!("UPDATE tickets SET event_id = 'gala' WHERE order_id <> '{}'", order(1))).await;
    for n in 1..=3 {
        enter(backend, n, AttentionReason::Overpaid, "2026-11-02T00:00:00.000000Z").await;
    }
    enter(backend, 1, AttentionReason::VoidButPaid, "2999-01-01T00:00:00.000000Z").await;
    assert_eq!(tickets.len(), 3);
    let one = AttentionScope::Order(order(1));
    let event = AttentionScope::Event("gala".into());
    let within = async || {
        let counts = [store.attention_within(&one).await, store.attention_within(&event).await];
        counts.map(|count| count.unwrap())
    };
    assert_eq!(within().await, [1, 2], "what is not listed yet does not count");
    assert_eq!(store.acknowledge(&one, "seen\0", &desk()).await.unwrap(), 1, "what is not listed yet stays");
    assert_eq!(store.acknowledge(&one, "again", &desk()).await.unwrap(), 0);
    assert_eq!(within().await, [0, 2]);
    let done = at_once(backend, 2, |store, _| {
        let event = event.clone();
        async move { store.acknowledge(&event, "the event is off", &desk()).await.unwrap() }
    })
    .await;
    assert_eq!(done.iter().sum::<u64>(), 2);
    assert_eq!(within().await, [0, 0]);
    assert!(store.attention(10).await.unwrap().is_empty());
    assert_eq!(store.summary().await.unwrap().attention["overpaid"], 0);
}
