//! Conformance of folding: one payment under two keys, with an id and without.

use fulfillment_domain::{Message, OrderState, Subject, Withdrawal};

use super::Backend;
use super::fixtures::{
    LONG, at_once, cancellation, desk, ingest, issued, loudly, message, order, payment, refund, to_kafka,
};
use crate::IngestOutcome::{AlreadyPaid, Duplicate, Folded, Late, New, Quarantined};
use crate::{Incoming, Store};

/// A payment of order `of` as a producer without payment ids writes it; `rest` are more fields of its JSON.
fn nameless(of: u32, amount: &str, rest: &str) -> Incoming {
    let json = format!(r#"{{"OrderId":"{}","Amount":{amount}{rest}}}"#, order(of));
    message(i64::from(1_000 + of), json.as_bytes())
}

/// Key, outcome and the key it is folded into, for each payment of an order.
async fn payments(store: &dyn Store, n: u32) -> Vec<(String, String, Option<String>)> {
    let record = store.order(order(n)).await.unwrap().unwrap();
    record.payments.into_iter().map(|p| (p.key, p.outcome.to_string(), p.folded_into)).collect()
}

fn one_payment(n: u32, id: u32) -> [(String, String, Option<String>); 2] {
    let key = format!("pay-{id}");
    [(key.clone(), "accepted".into(), None), (format!("order:{}", order(n)), "folded".into(), Some(key))]
}

pub async fn in_either_order(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(ingest(&*store, &[nameless(1, "5", "")]).await, [New(order(1))]);
    assert_eq!(ingest(&*store, &[payment(1, 1, "5.0")]).await, [Folded(order(1))]);
    assert_eq!(ingest(&*store, &[payment(2, 2, "5")]).await, [New(order(2))]);
    assert_eq!(ingest(&*store, &[nameless(2, "5.00", r#","Currency":"EUR""#)]).await, [Folded(order(2))]);
    let batch = [nameless(3, "5", ""), payment(3, 3, "5"), payment(4, 4, "5"), nameless(4, "5", "")];
    assert_eq!(
        ingest(&*store, &batch).await,
        [New(order(3)), Folded(order(3)), New(order(4)), Folded(order(4))]
    );
    for n in 1..=4 {
        assert_eq!(payments(&*store, n).await, one_payment(n, n), "order {n}");
    }
    for again in [payment(1, 1, "5"), nameless(1, "5", "")] {
        assert_eq!(ingest(&*store, &[again]).await, [Duplicate(order(1))]);
    }
    // A second payment with an id is another payment, whichever key came first.
    assert_eq!(ingest(&*store, &[payment(5, 1, "5")]).await, [AlreadyPaid(order(1))]);
    // The claim has the payment's id, though its first key has none.
    let claims = store.claim("w", 10, LONG).await.unwrap();
    let claim = claims.iter().find(|c| c.order_id == order(1)).unwrap();
    assert_eq!(claim.payment_key, format!("order:{}", order(1)));
    assert_eq!((claim.payment_id.as_deref(), claim.customer_id.as_deref()), (Some("pay-1"), Some("c-1")));
    assert_eq!(claim.currency.unwrap().to_string(), "EUR");
}

pub async fn what_contradicts_is_another_payment(backend: &dyn Backend) {
    let store = backend.store();
    let others = [
        ("6", ""),
        ("5", r#","Currency":"USD""#),
        ("5", r#","CustomerId":"somebody""#),
        ("5", r#","ProcessedAt":"2026-11-22T18:40:00Z""#),
    ];
    for (n, (amount, rest)) in (1..).zip(others) {
        let outcomes = ingest(&*store, &[payment(n, n, "5"), nameless(n, amount, rest)]).await;
        assert_eq!(outcomes, [New(order(n)), AlreadyPaid(order(n))], "{amount} {rest}");
    }
    // The provider's transaction id is recorded, and compared with later messages.
    ingest(&*store, &[nameless(9, "5", r#","TransactionId":"t""#)]).await;
    let with = |n: u32, transaction: &str| {
        let json = format!(
            r#"{{"paymentId":"pay-{n}","orderId":"{}","amount":5,"transactionId":"{transaction}"}}"#,
            order(9)
        );
        message(i64::from(n), json.as_bytes())
    };
    assert_eq!(ingest(&*store, &[with(9, "u")]).await, [AlreadyPaid(order(9))]);
    assert_eq!(ingest(&*store, &[with(10, "t")]).await, [Folded(order(9))]);
}

pub async fn a_known_order_with_another_amount(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5"), nameless(1, "5", "")]).await;
    assert_eq!(ingest(&*store, &[nameless(1, "6", "")]).await, [Quarantined(order(1))]);
    let letters = store.dead_letters(0, false, 10).await.unwrap();
    assert_eq!((letters[0].kind.as_str(), letters[0].order_id), ("quarantined", Some(order(1))));
    assert_eq!(payments(&*store, 1).await, one_payment(1, 1));
}

pub async fn a_refund_of_either_key(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 4, 1).await;
    let unnamed = |n: u32, of: u32| {
        let mut refund = refund(n, 0, of, r#","amount":49.90,"currency":"EUR""#);
        let json = format!(r#"{{"refundId":"r-{n}","orderId":"{}","amount":49.90}}"#, order(of));
        refund.content = Message::parse(Subject::Refund, json.as_bytes());
        refund
    };
    // The refund arrives before or after the other key, and names either key.
    store.ingest(&[refund(1, 1, 1, "")], &to_kafka(), &loudly()).await.unwrap();
    let nameless: Vec<_> = (1..=4).map(|n| nameless(n, "49.90", "")).collect();
    assert_eq!(ingest(&*store, &nameless).await, [1, 2, 3, 4].map(|n| Folded(order(n))));
    let after = [refund(2, 2, 2, ""), unnamed(3, 3)];
    store.ingest(&after, &to_kafka(), &loudly()).await.unwrap();
    for n in 1..=3 {
        let record = store.order(order(n)).await.unwrap().unwrap();
        assert_eq!(record.state, OrderState::Voided, "order {n}: {record:?}");
        assert!(record.tickets.iter().all(|t| t.lifecycle.voided_at.is_some()), "order {n}");
    }
    assert_eq!(store.order(order(4)).await.unwrap().unwrap().state, OrderState::Issued);
    // Two halves, one for each key, are the whole.
    let half = |mut refund: Incoming| {
        if let Ok(Message::Withdrawal(Withdrawal::Refund(said))) = &mut refund.content {
            said.amount = Some("24.95".parse().unwrap());
        }
        refund
    };
    let halves = [half(refund(4, 4, 4, "")), half(unnamed(5, 4))];
    store.ingest(&halves, &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(store.order(order(4)).await.unwrap().unwrap().state, OrderState::Voided);
}

pub async fn the_other_key_is_not_late(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[nameless(1, "49.90", ""), payment(2, 2, "49.90")]).await;
    store.ingest(&[cancellation(1, "rain"), cancellation(2, "rain")], &to_kafka(), &loudly()).await.unwrap();
    let others = [payment(1, 1, "49.90"), nameless(2, "49.90", "")];
    assert_eq!(ingest(&*store, &others).await, [Folded(order(1)), Folded(order(2))]);
    for n in 1..=2 {
        let record = store.order(order(n)).await.unwrap().unwrap();
        assert_eq!(record.state, OrderState::Voided, "the payment came before: {:?}", record.reason);
    }
    // A payment that is late under one key is late under the other.
    store.ingest(&[cancellation(3, "rain")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(ingest(&*store, &[nameless(3, "49.90", "")]).await, [Late(order(3))]);
    let before = store.order(order(3)).await.unwrap().unwrap();
    assert_eq!(ingest(&*store, &[payment(3, 3, "49.90")]).await, [Folded(order(3))]);
    let record = store.order(order(3)).await.unwrap().unwrap();
    assert_eq!((record.state, &record.reason), (before.state, &before.reason));
    assert_eq!(backend.number("SELECT count(*) FROM payments WHERE late = 1 AND key = 'pay-3'").await, 1);
}

/// Another payment of an order is one payment under two keys as well, even when both arrive in one batch.
pub async fn both_keys_at_once_are_a_payment_that_is_new(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    ingest(&*store, &[nameless(1, "5", ""), payment(51, 1, "5"), payment(52, 2, "5"), nameless(2, "5", "")])
        .await;
    let claims = store.claim("w", 10, LONG).await.unwrap();
    let mut asked: Vec<_> =
        claims.iter().filter_map(|c| Some((c.order_id, c.refresh.as_ref()?.asks))).collect();
    asked.sort();
    assert_eq!(asked, [(order(1), 1), (order(2), 1)], "Ordering is asked what is new, once each");
    // It can be late, like any other.
    store.ingest(&[cancellation(3, "rain")], &to_kafka(), &loudly()).await.unwrap();
    ingest(&*store, &[nameless(3, "5", ""), payment(53, 3, "5")]).await;
    assert_eq!(store.order(order(3)).await.unwrap().unwrap().state, OrderState::Parked);
}

pub async fn what_was_seen_to_stays_so_under_the_other_key(backend: &dyn Backend) {
    let store = backend.store();
    store.ingest(&[cancellation(1, "rain")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(ingest(&*store, &[nameless(1, "49.90", "")]).await, [Late(order(1))]);
    assert!(store.acknowledge_late(order(1), &desk()).await.unwrap());
    assert_eq!(ingest(&*store, &[payment(1, 1, "49.90")]).await, [Folded(order(1))]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.attention), (OrderState::Voided, vec![]));
}

pub async fn both_at_once(backend: &dyn Backend) {
    at_once(backend, 6, |store, n| async move {
        for order in 1..=20 {
            let known = payment(900, 900, "5");
            let one = if (n + order as usize).is_multiple_of(2) {
                payment(order, order, "5")
            } else {
                nameless(order, "5", "")
            };
            let mut batch = vec![known, one, nameless(order + 100, "5", "")];
            if n % 3 == 0 {
                batch.push(payment(order + 100, order + 100, "5"));
                batch.reverse();
            }
            ingest(&*store, &batch).await;
        }
    })
    .await;
    let store = backend.store();
    for n in (1..=20).chain(101..=120) {
        assert_eq!(payments(&*store, n).await, one_payment(n, n), "order {n}");
    }
    assert_eq!(
        backend
            .number("SELECT count(*) FROM payments WHERE outcome <> 'accepted' AND folded_into IS NULL")
            .await,
        0
    );
}

/// Two payments of one amount without ids are two if other fields differ: the second must not be taken for a repeat.
pub async fn what_contradicts_without_an_id_is_set_apart(backend: &dyn Backend) {
    let store = backend.store();
    let first = r#","transactionId":"t1","processedAt":"2026-11-22T10:00:00Z""#;
    assert_eq!(ingest(&*store, &[nameless(1, "5", first)]).await, [New(order(1))]);
    for (rest, outcome) in [
        (first, Duplicate(order(1))),
        ("", Duplicate(order(1))),
        (r#","processedAt":"2026-11-22T10:09:00Z""#, Duplicate(order(1))),
        (r#","processedAt":"0001-01-01T00:00:00""#, Duplicate(order(1))),
        (r#","transactionId":"t2","processedAt":"2026-11-22T10:00:00Z""#, Quarantined(order(1))),
        (r#","processedAt":"2026-11-22T11:00:00Z""#, Quarantined(order(1))),
    ] {
        assert_eq!(ingest(&*store, &[nameless(1, "5", rest)]).await, [outcome], "{rest}");
    }
    let letters = store.dead_letters(0, false, 9).await.unwrap();
    assert_eq!((letters.len(), letters[0].field.as_deref()), (2, Some("paymentId")));
    // In one batch too.
    let other = nameless(2, "5", r#","transactionId":"t2""#);
    let batch = [nameless(2, "5", first), other];
    assert_eq!(ingest(&*store, &batch).await, [New(order(2)), Quarantined(order(2))]);
}
