//! Conformance of repeated refunds: the same one in other words, another one after a failed one, and one too many.

use super::Backend;
use super::fixtures::{
    ingest, listed, live, loudly, order, payment, recorded, refund, refund_without_payment, reinstate, sold,
    to_kafka, withdraw,
};
use crate::WithdrawalState::{Applied, Failed};
use crate::{AttentionReason, IngestOutcome};

pub async fn in_other_words(backend: &dyn Backend) {
    let store = backend.store();
    let two = r#"{"itemId":"a","quantity":1},{"itemId":"b","quantity":1}"#;
    let swapped = r#"{"itemId":"b","quantity":1},{"itemId":"a","quantity":1}"#;
    sold(&*store, 1, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund(1, 1, 1, &format!(r#","items":[{two}]"#))).await, Applied);
    sold(&*store, 2, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund_without_payment(2, 2, r#","amount":50"#)).await, Applied);
    sold(&*store, 3, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund(3, 3, 3, r#","amount":50,"currency":"EUR""#)).await, Applied);
    let duplicate = |n| IngestOutcome::Duplicate(order(n));
    let contradiction = |n| IngestOutcome::Quarantined(order(n));
    for (again, expected) in [
        (refund(1, 1, 1, &format!(r#","items":[{swapped}]"#)), duplicate(1)),
        (refund(1, 1, 1, r#","items":[{"itemId":"a","quantity":1}]"#), contradiction(1)),
        (refund(1, 1, 1, r#","itemIds":["a","b"]"#), contradiction(1)),
        (refund_without_payment(2, 2, r#","amount":50,"currency":"EUR""#), duplicate(2)),
        (refund_without_payment(2, 2, r#","amount":50,"currency":"USD""#), contradiction(2)),
        (refund(2, 2, 2, r#","amount":50"#), duplicate(2)),
        (refund(2, 7, 2, r#","amount":50"#), contradiction(2)),
        (refund(2, 2, 2, ""), contradiction(2)),
        (refund(3, 3, 3, r#","amount":50"#), duplicate(3)),
        (refund_without_payment(3, 3, r#","amount":50"#), duplicate(3)),
        (refund(3, 3, 3, r#","amount":50,"currency":"USD""#), contradiction(3)),
    ] {
        let said = String::from_utf8_lossy(&again.raw).into_owned();
        assert_eq!(withdraw(&*store, again).await, expected, "{said}");
    }
    // Before its payment has arrived, the default currency is unknown.
    recorded(&*store, refund(4, 4, 4, r#","amount":50"#)).await;
    let more = refund(4, 4, 4, r#","amount":50,"currency":"EUR""#);
    assert_eq!(withdraw(&*store, more).await, contradiction(4));
}

pub async fn after_one_that_failed(backend: &dyn Backend) {
    let store = backend.store();
    let failed = |n, rest: &str| {
        let rest = format!(r#"{rest},"status":"failed","refundedAt":"2026-11-25T00:00:00Z""#);
        refund(n, n, n, &rest)
    };
    let owed = |n| vec![(n, AttentionReason::RefundFailedAfterVoid)];
    // The whole payment, in one refund or in parts.
    for (n, whole) in [(1, r#","amount":50"#), (2, "")] {
        sold(&*store, n, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
        assert_eq!(recorded(&*store, refund(n, n, n, whole)).await, Applied);
        assert_eq!(recorded(&*store, failed(n, whole)).await, Failed);
        assert_eq!(listed(&*store).await, owed(n));
        recorded(&*store, refund(n + 10, n, n, r#","amount":20"#)).await;
        assert_eq!(listed(&*store).await, owed(n), "a part of it is not all of it");
        recorded(&*store, refund(n + 20, n, n, r#","amount":30"#)).await;
        assert_eq!(listed(&*store).await, [], "the money went back after all");
    }
    // One ticket of two; the other is valid.
    let a = r#","itemIds":["a"],"amount":20"#;
    for (n, again) in [(3, a), (4, r#","itemIds":["a"]"#)] {
        sold(&*store, n, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
        assert_eq!(recorded(&*store, refund(n, n, n, a)).await, Applied);
        assert_eq!(recorded(&*store, failed(n, a)).await, Failed);
        assert_eq!((live(&*store, n).await, listed(&*store).await), (vec![2], owed(n)));
        assert_eq!(recorded(&*store, refund(n + 10, n, n, again)).await, Applied);
        assert_eq!((live(&*store, n).await, listed(&*store).await), (vec![2], vec![]), "{again}");
    }
    // A refund of another ticket is not a refund of this one.
    sold(&*store, 5, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    recorded(&*store, refund(5, 5, 5, a)).await;
    recorded(&*store, failed(5, a)).await;
    recorded(&*store, refund(15, 5, 5, r#","itemIds":["b"],"amount":30"#)).await;
    assert_eq!(listed(&*store).await, owed(5));
}

pub async fn one_too_many(backend: &dyn Backend) {
    let store = backend.store();
    let too_much = |n| vec![(n, AttentionReason::RefundedTooMuch)];
    sold(&*store, 1, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    recorded(&*store, refund(1, 1, 1, r#","itemIds":["a"],"amount":20"#)).await;
    assert_eq!(listed(&*store).await, []);
    recorded(&*store, refund(2, 1, 1, r#","amount":50"#)).await;
    assert_eq!(listed(&*store).await, too_much(1));
    let detail = store.attention(9).await.unwrap().remove(0).detail;
    assert!(detail.starts_with("70 EUR of the payment pay-1 of 50 EUR went back:"), "{detail}");
    // The refund is recorded as failed: the refunds do not exceed the payment any more.
    let rest = r#","itemIds":["a"],"amount":20,"status":"reversed","refundedAt":"2026-11-25T00:00:00Z""#;
    recorded(&*store, refund(1, 1, 1, rest)).await;
    assert_eq!(listed(&*store).await, []);
    // For an order that stays valid, and for one of two payments.
    let tickets = sold(&*store, 2, "50", &[("a", "20", 1), ("b", "30", 1)]).await;
    ingest(&*store, &[payment(12, 2, "50")]).await;
    recorded(&*store, refund(3, 12, 2, r#","amount":50"#)).await;
    assert!(live(&*store, 2).await == [1, 2] && listed(&*store).await.is_empty());
    recorded(&*store, refund(4, 12, 2, r#","amount":50"#)).await;
    assert_eq!((live(&*store, 2).await, listed(&*store).await), (vec![1, 2], too_much(2)));
    recorded(&*store, refund(5, 2, 2, r#","amount":50"#)).await;
    assert!(reinstate(&*store, tickets[0].id).await.is_some());
    assert_eq!(listed(&*store).await, too_much(2), "whoever is let in, it went back twice");
}

/// An order is settled once for a batch, however many refunds of it are in it; the example `refunds` measures how long
/// that takes. Payments beside it are taken: none fails.
pub async fn hundreds_of_one_order(backend: &dyn Backend) {
    const TICKETS: u32 = 5_000;
    const REFUNDS: u32 = 500;
    let store = backend.store();
    sold(&*store, 1, "50000", &[("a", "10", TICKETS)]).await;
    let one = r#","amount":10,"items":[{"itemId":"a","quantity":1}]"#;
    let refunds: Vec<_> = (1..=REFUNDS).map(|n| refund(n, 1, 1, one)).collect();
    let settling = {
        let store = backend.another().await;
        tokio::spawn(async move { store.ingest(&refunds, &to_kafka(), &loudly()).await.unwrap() })
    };
    let mut n = 10_000;
    while !settling.is_finished() {
        n += 1;
        ingest(&*store, &[payment(n, n, "5")]).await;
    }
    let outcomes = settling.await.unwrap();
    let applied = IngestOutcome::Recorded(order(1), Applied);
    assert!(outcomes.iter().all(|outcome| *outcome == applied), "{outcomes:?}");
    assert_eq!(live(&*store, 1).await.len(), (TICKETS - REFUNDS) as usize);
}
