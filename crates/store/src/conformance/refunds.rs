//! Conformance of refunds: their payments, their statuses, and what a reinstatement dismisses.

use std::time::Duration;

use fulfillment_domain::OrderState;

use super::Backend;
use super::fixtures::{
    at_once, cancellation, cancellation_with, desk, ingest, listed, live, loudly, order, payment, recorded,
    refund, refund_without_payment, reinstate, rows, sold, state, to_kafka, withdraw, withdrawn,
};
use crate::WithdrawalState::{Applied, Failed, Lifted, Parked, Pending, Waiting};
use crate::{
    AttentionReason, AttentionScope, ImportedOrder, Incoming, IngestOutcome, RefundRules, Source,
    WithdrawalRecord, WithdrawalState,
};

/// Reaches back to before the fixture's messages, but not to 2020.
const YEARS: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

pub async fn after_a_reinstatement(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "20", &[("a", "10", 1), ("b", "10", 1)]).await;
    let whole = refund(1, 1, 1, r#","amount":20,"currency":"EUR""#);
    assert_eq!(recorded(&*store, whole.clone()).await, Applied);
    for ticket in &tickets {
        assert!(reinstate(&*store, ticket.id).await.is_some());
    }
    assert_eq!((live(&*store, 1).await, withdrawn(&*store, 1, 1).await.state), (vec![1, 2], Lifted));
    assert_eq!(withdraw(&*store, whole).await, IngestOutcome::Duplicate(order(1)));
    // A refund that was not recorded at the reinstatement counts, whatever its date.
    let older = r#","amount":10,"itemIds":["a"],"refundedAt":"2020-01-01T00:00:00Z""#;
    assert_eq!(recorded(&*store, refund(2, 1, 1, older)).await, Applied);
    assert_eq!(live(&*store, 1).await, [2], "the first refund does not count any more");
    assert_eq!(recorded(&*store, refund(3, 1, 1, r#","amount":10"#)).await, Applied);
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided, "both together are all of it");
}

pub async fn one_ticket_of_several(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "20", &[("a", "10", 1), ("b", "10", 1)]).await;
    assert_eq!(recorded(&*store, refund(1, 1, 1, r#","amount":20"#)).await, Applied);
    assert!(reinstate(&*store, tickets[0].id).await.is_some());
    let first = withdrawn(&*store, 1, 1).await;
    assert_eq!((first.state, first.dismissed_for.len()), (Applied, 1), "the other is void by it");
    assert_eq!(live(&*store, 1).await, [1]);
    // Of that one ticket's share, ten of twenty were refunded.
    recorded(&*store, refund(2, 1, 1, r#","amount":10"#)).await;
    recorded(&*store, refund(3, 1, 1, r#","itemIds":["b"],"amount":5"#)).await;
    assert_eq!((live(&*store, 1).await, state(&*store, 1).await.0), (vec![1], OrderState::Issued));
    recorded(&*store, refund(4, 1, 1, r#","amount":5"#)).await;
    assert_eq!((live(&*store, 1).await, state(&*store, 1).await.0), (vec![], OrderState::Voided));
    // A cancellation is dismissed the same way.
    let tickets = sold(&*store, 2, "20", &[("a", "10", 2)]).await;
    let off = cancellation(2, "rain");
    recorded(&*store, off.clone()).await;
    assert!(reinstate(&*store, tickets[1].id).await.is_some());
    assert_eq!(withdraw(&*store, off).await, IngestOutcome::Duplicate(order(2)));
    assert_eq!(recorded(&*store, refund(5, 2, 2, r#","amount":1"#)).await, Parked);
    assert_eq!((live(&*store, 2).await, state(&*store, 2).await.0), (vec![2], OrderState::Issued));
    let again = cancellation_with(2, r#","cancelledAt":"2026-11-23T00:00:00Z""#);
    recorded(&*store, again).await;
    assert_eq!((live(&*store, 2).await, state(&*store, 2).await.0), (vec![], OrderState::Voided));
}

pub async fn what_was_listed_of_its_lines_ends_with_the_order(backend: &dyn Backend) {
    let store = backend.store();
    for n in 1..=2 {
        sold(&*store, n, "50", &[("a", "10", 3), ("b", "20", 1)]).await;
        backend
            .execute(&format!(
                "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) VALUES ('{}', 'overpaid', \
                 'paid 60', '2026-11-01T00:00:00.000000Z', '2026-11-01T00:00:00.000000Z')",
                order(n)
            ))
            .await;
    }
    recorded(&*store, refund(1, 1, 1, r#","itemIds":["b"],"amount":20"#)).await;
    recorded(&*store, refund(2, 2, 2, r#","amount":50"#)).await;
    let listed: Vec<_> = store.attention(10).await.unwrap().iter().map(|a| (a.order_id, a.reason)).collect();
    assert_eq!(listed, [(order(1), AttentionReason::Overpaid)], "order 2 is void and paid back");
}

pub async fn on_their_way_and_failed(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1, "10", &[("a", "10", 1)]).await;
    let said = |status: &str| refund(1, 1, 1, &format!(r#","amount":10,"status":"{status}""#));
    assert_eq!(recorded(&*store, said("Requires_Action")).await, Pending);
    assert_eq!(withdraw(&*store, said("pending")).await, IngestOutcome::Duplicate(order(1)));
    assert_eq!((live(&*store, 1).await, store.open_withdrawals(9).await.unwrap()), (vec![1], vec![]));
    assert_eq!(recorded(&*store, said("failed")).await, Failed);
    assert_eq!((live(&*store, 1).await, listed(&*store).await), (vec![1], vec![]));
    assert_eq!(recorded(&*store, said("succeeded")).await, Applied, "the same refund, final at last");
    assert_eq!((live(&*store, 1).await, state(&*store, 1).await.0), (vec![], OrderState::Voided));
    // The whole topic is read again.
    let before = rows(backend).await;
    for status in ["requires_action", "pending", "failed", "succeeded"] {
        assert_eq!(withdraw(&*store, said(status)).await, IngestOutcome::Duplicate(order(1)), "{status}");
    }
    assert_eq!(rows(backend).await, before);
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters").await, 0);
    // Another amount under the same id is a contradiction, whatever its status.
    let other = refund(1, 1, 1, r#","amount":9,"status":"failed""#);
    assert_eq!(withdraw(&*store, other).await, IngestOutcome::Quarantined(order(1)));
    // It fails after it was applied: the order is listed.
    let late = refund(1, 1, 1, r#","amount":10,"status":"reversed","refundedAt":"2026-11-25T00:00:00Z""#);
    assert_eq!(recorded(&*store, late).await, Failed);
    assert_eq!(listed(&*store).await, [(1, AttentionReason::RefundFailedAfterVoid)]);
    let ticket = store.order(order(1)).await.unwrap().unwrap().tickets.remove(0);
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert!(listed(&*store).await.is_empty());
    // A refund that is pending while its ticket is reinstated counts when it becomes final: it was not recorded as
    // final.
    sold(&*store, 2, "10", &[("a", "10", 1)]).await;
    let said = |status: &str| refund(2, 2, 2, &format!(r#","amount":10,"status":"{status}""#));
    recorded(&*store, said("pending")).await;
    recorded(&*store, cancellation(2, "rain")).await;
    let ticket = store.order(order(2)).await.unwrap().unwrap().tickets.remove(0);
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert_eq!(recorded(&*store, said("completed")).await, Applied);
    assert!(live(&*store, 2).await.is_empty());
}

pub async fn without_a_payment_id(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1, "20", &[("a", "10", 2)]).await;
    assert_eq!(recorded(&*store, refund_without_payment(1, 1, r#","amount":5"#)).await, Parked);
    let bound = withdrawn(&*store, 1, 1).await;
    assert_eq!((bound.bound_to.as_deref(), live(&*store, 1).await.len()), (Some("pay-1"), 2));
    // A second payment that arrives later does not unbind it.
    ingest(&*store, &[payment(9, 1, "20")]).await;
    assert_eq!(recorded(&*store, refund_without_payment(2, 1, r#","amount":15"#)).await, Parked);
    assert!(withdrawn(&*store, 1, 2).await.note.unwrap().contains("2 payments and it names none of them"));
    // Nor does naming a ticket help: it is unknown which payment the refund is for.
    let one = r#","amount":10,"items":[{"itemId":"a","quantity":1}]"#;
    assert_eq!(recorded(&*store, refund_without_payment(12, 1, one)).await, Parked);
    assert!(withdrawn(&*store, 1, 12).await.note.unwrap().contains("2 payments and it names none of them"));
    assert_eq!(live(&*store, 1).await, [1, 2]);
    recorded(&*store, refund(3, 1, 1, r#","amount":15"#)).await;
    assert_eq!(withdrawn(&*store, 1, 1).await.state, Applied, "five and fifteen of the first payment");
    recorded(&*store, refund(4, 9, 1, "")).await;
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
    // Before its payment: whatever the payment's key, it is the only one.
    assert_eq!(recorded(&*store, refund_without_payment(5, 2, "")).await, Waiting);
    assert_eq!(withdrawn(&*store, 2, 5).await.note.as_deref(), Some("awaiting payment"));
    assert_eq!(state(&*store, 2).await, (OrderState::Parked, Some("awaiting payment".into())));
    ingest(&*store, &[payment(2, 2, "20")]).await;
    assert_eq!(state(&*store, 2).await, (OrderState::Voided, Some("refunded: why 5".into())));
}

pub async fn of_imported_orders(backend: &dyn Backend) {
    let store = backend.store();
    let cases: [(&str, WithdrawalState, OrderState); 6] = [
        ("", Applied, OrderState::Voided),
        (r#","paymentId":"of the earlier service""#, Applied, OrderState::Voided),
        (r#","amount":20,"currency":"EUR""#, Applied, OrderState::Voided),
        (r#","amount":19.99"#, Parked, OrderState::Issued),
        (r#","amount":20,"currency":"USD""#, Parked, OrderState::Issued),
        (r#","itemIds":["item"],"amount":10,"paymentId":"p""#, Parked, OrderState::Issued),
    ];
    for (n, (rest, expected, end)) in (1..).zip(cases) {
        let tickets = (1..=2).map(|index| {
            let mut ticket =
                super::fixtures::generated(&super::fixtures::ticket(order(n), index), &[]).ticket;
            (ticket.price, ticket.currency) = ("10".parse().unwrap(), "EUR".parse().unwrap());
            ticket
        });
        let imported = ImportedOrder { order_id: order(n), tickets: tickets.collect() };
        store.import(&[imported], &desk()).await.unwrap();
        assert_eq!(recorded(&*store, refund_without_payment(n, n, rest)).await, expected, "{rest}");
        assert_eq!(state(&*store, n).await.0, end, "{rest}");
    }
    // Partial refunds add up too.
    assert_eq!(recorded(&*store, refund_without_payment(10, 4, r#","amount":0.01"#)).await, Applied);
    assert_eq!(state(&*store, 4).await.0, OrderState::Voided);
}

pub async fn nothing_waits_for_ever(backend: &dyn Backend) {
    let store = backend.store();
    recorded(&*store, refund(1, 1, 1, r#","amount":5"#)).await;
    recorded(&*store, refund(2, 2, 2, r#","status":"pending""#)).await;
    backend.execute("UPDATE withdrawals SET received_at = '2020-01-01T00:00:00.000000Z'").await;
    recorded(&*store, refund(3, 3, 3, "")).await;
    assert_eq!(store.park_overdue(YEARS, 0).await.unwrap(), 0);
    assert_eq!(store.park_overdue(YEARS, 9).await.unwrap(), 1);
    assert_eq!(store.park_overdue(YEARS, 9).await.unwrap(), 0, "what is new waits");
    let parked = withdrawn(&*store, 1, 1).await;
    assert_eq!(parked.state, Parked);
    assert!(parked.note.unwrap().starts_with("awaiting payment, for longer than pipeline.withdrawal_wait"));
    // Another payment of its order does not make it wait again, and its own payment still settles it.
    ingest(&*store, &[payment(9, 1, "7")]).await;
    assert_eq!(withdrawn(&*store, 1, 1).await.state, Parked);
    ingest(&*store, &[payment(1, 1, "5")]).await;
    assert_eq!(withdrawn(&*store, 1, 1).await.state, Applied);
    recorded(&*store, refund(4, 9, 1, "")).await;
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
}

pub async fn nobody_paid(backend: &dyn Backend) {
    let store = backend.store();
    recorded(&*store, refund(1, 1, 1, "")).await;
    recorded(&*store, cancellation(2, "rain")).await;
    let off = store.order(order(2)).await.unwrap().unwrap();
    assert_eq!(off.withdrawals[0].note.as_deref(), Some("awaiting payment"));
    let waiting = store.parked_orders(9).await.unwrap();
    assert!(!waiting.is_empty() && waiting.iter().all(|order| order.parked_at.is_some()), "since when");
    assert!(store.lift_withdrawal("refund:r-1", "a typing error", &desk()).await.unwrap());
    assert!(
        store.parked_orders(9).await.unwrap().is_empty()
            && store.open_withdrawals(9).await.unwrap().is_empty()
    );
    assert!(store.lift_unpaid(order(2), "a test", &desk()).await.unwrap());
    assert!(!store.lift_unpaid(order(2), "a test", &desk()).await.unwrap(), "nothing is open of it");
    assert!(!store.lift_unpaid(order(7), "a test", &desk()).await.unwrap(), "nobody knows it");
    // A payment that arrives nevertheless is processed.
    ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5")]).await;
    assert_eq!(store.claim("w", 9, WEEK).await.unwrap().len(), 2);
    assert!(!store.lift_unpaid(order(2), "a test", &desk()).await.unwrap(), "it is paid");
}

pub async fn a_date_that_is_none_is_no_time(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    recorded(&*store, cancellation_with(1, r#","cancelledAt":"0001-01-01T00:00:00Z""#)).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("cancelled".into())), "paid before");
    recorded(&*store, cancellation_with(2, r#","cancelledAt":"9999-12-31T00:00:00Z""#)).await;
    ingest(&*store, &[payment(2, 2, "5")]).await;
    assert_eq!(state(&*store, 2).await.0, OrderState::Parked, "paid after");
}

pub async fn arrival_is_not_time(backend: &dyn Backend) {
    let rules = RefundRules { grace: Some(Duration::ZERO), ..RefundRules::default() };
    let (store, patient, never) = (
        backend.with_refunds(rules).await,
        backend.with_refunds(RefundRules { grace: Some(WEEK), ..rules }).await,
        backend.store(),
    );
    // The fixture's payments are dated 18:29:59.5.
    let off = |n: u32, at: &str| cancellation_with(n, &format!(r#","cancelledAt":"2026-11-22T{at}Z""#));
    let refunded = |n: u32| refund(n, n, n, r#","amount":5"#);
    let late = (OrderState::Parked, Some("paid after cancellation".to_owned()));
    let (paid_after, kept) = (AttentionReason::PaidAfterVoid, AttentionReason::VoidButPaid);
    // Cancelled, then paid; ingested in reverse order.
    ingest(&*patient, &[payment(1, 1, "5")]).await;
    recorded(&*patient, off(1, "18:29:00")).await;
    assert_eq!((state(&*patient, 1).await, listed(&*patient).await), (late.clone(), vec![(1, paid_after)]));
    // Paid, then cancelled; ingested in reverse order. The missing refund is listed after a while.
    recorded(&*patient, off(2, "18:30:00")).await;
    ingest(&*patient, &[payment(2, 2, "5")]).await;
    assert_eq!(state(&*patient, 2).await, (OrderState::Voided, Some("cancelled".into())));
    assert_eq!(listed(&*patient).await, [(1, paid_after)]);
    let open = patient.order(order(2)).await.unwrap().unwrap().attention;
    assert_eq!(open.iter().map(|a| a.reason).collect::<Vec<_>>(), [kept]);
    assert_eq!(
        open[0].detail,
        "the payment pay-2 of 5 EUR is not refunded: refund it, or reinstate the order"
    );
    let wait = open[0].shows_at.duration_since(open[0].since);
    assert!(
        (wait - jiff::SignedDuration::try_from(WEEK).unwrap()).abs() < jiff::SignedDuration::from_secs(60)
    );
    for n in [3, 4] {
        let store = if n == 3 { &store } else { &never };
        ingest(&**store, &[payment(n, n, "5")]).await;
        recorded(&**store, off(n, "18:30:00")).await;
    }
    assert_eq!(listed(&*store).await, [(1, paid_after), (3, kept)], "without a grace, never");
    // Without times, the order of arrival counts.
    recorded(&*patient, cancellation(5, "rain")).await;
    ingest(&*patient, &[payment(5, 5, "5")]).await;
    assert_eq!((state(&*patient, 5).await.0, listed(&*patient).await.len()), (OrderState::Parked, 3));
    assert_eq!(patient.summary().await.unwrap().attention["paid_after_void"], 2);
    // The money is refunded, or an operator acknowledges it.
    recorded(&*store, refunded(1)).await;
    recorded(&*store, refunded(3)).await;
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
    let scope = AttentionScope::Order(order(5));
    assert_eq!(store.acknowledge(&scope, "the money went back by bank", &desk()).await.unwrap(), 1);
    assert_eq!((state(&*store, 5).await.0, listed(&*store).await), (OrderState::Voided, vec![]));
    recorded(&*store, cancellation_with(8, "")).await;
    ingest(&*store, &[payment(8, 8, "5")]).await;
    assert!(store.acknowledge_late(order(8), &desk()).await.unwrap());
    assert_eq!((state(&*store, 8).await.0, listed(&*store).await), (OrderState::Voided, vec![]));
    // Money above the tickets' price may be kept, but no part of the price.
    for (n, back, expected) in [(6, "10", vec![]), (7, "9", vec![(7, kept)])] {
        sold(&*store, n, "12", &[("a", "10", 1)]).await;
        recorded(&*store, cancellation(n, "rain")).await;
        recorded(&*store, refund(n, n, n, &format!(r#","amount":{back}"#))).await;
        assert_eq!(listed(&*store).await, expected);
    }
}

pub async fn one_id_of_two_orders(backend: &dyn Backend) {
    let store = backend.store();
    let batch = [refund(1, 1, 1, ""), refund(1, 1, 2, "")];
    let outcomes = store.ingest(&batch, &to_kafka(), &loudly()).await.unwrap();
    let expected = [IngestOutcome::Recorded(order(1), Waiting), IngestOutcome::Quarantined(order(2))];
    assert_eq!(outcomes, expected);
    assert!(store.order(order(2)).await.unwrap().is_none(), "a refund that is set apart makes no order");
    // The same by several concurrent tasks.
    at_once(backend, 8, |store, n| async move {
        for k in 10..20u32 {
            let of = 100 * k + u32::try_from(n).unwrap();
            withdraw(&*store, refund(k, k, of, "")).await;
        }
    })
    .await;
    assert_eq!(backend.number("SELECT count(*) FROM withdrawals").await, 11);
    assert_eq!(backend.number("SELECT count(*) FROM orders").await, 11);
}

pub async fn dropped_beside_its_settlement(backend: &dyn Backend) {
    let store = backend.store();
    for k in 0..20 {
        recorded(&*store, refund(k, k, k, "")).await;
    }
    at_once(backend, 6, |store, n| async move {
        for k in 0..20 {
            if n % 2 == 0 {
                ingest(&*store, &[payment(k, k, "5")]).await;
            } else {
                store.lift_withdrawal(&format!("refund:r-{k}"), "goodwill", &desk()).await.unwrap();
            }
        }
    })
    .await;
    for k in 0..20 {
        let expected = match withdrawn(&*store, k, k).await.state {
            Lifted => OrderState::Received,
            Applied => OrderState::Voided,
            other => panic!("{k}: {other:?}"),
        };
        assert_eq!(state(&*store, k).await.0, expected, "{k}: put aside, or done: one of the two");
    }
}

pub async fn void_reinstate_and_settle_at_once(backend: &dyn Backend) {
    let store = backend.store();
    let mut tickets = Vec::new();
    for n in 1..=6 {
        tickets.extend(sold(&*store, n, "20", &[("a", "10", 1), ("b", "10", 1)]).await);
    }
    let ids: Vec<_> = tickets.iter().map(|t| t.id).collect();
    at_once(backend, 8, move |store, n| {
        let ids = ids.clone();
        async move {
            for (k, id) in ids.iter().enumerate() {
                let of = u32::try_from(k / 2 + 1).unwrap();
                let refund_id = u32::try_from(100 * n + k).unwrap();
                match n % 3 {
                    0 => drop(store.void_ticket(*id, "desk", &loudly(), &desk()).await.unwrap()),
                    1 => drop(
                        withdraw(&*store, refund(refund_id, of, of, r#","itemIds":["a"],"amount":10"#)).await,
                    ),
                    _ => drop(reinstate(&*store, *id).await),
                }
            }
        }
    })
    .await;
    for n in 1..=6 {
        let record = store.order(order(n)).await.unwrap().unwrap();
        let good: Vec<_> = record.tickets.iter().filter(|t| t.lifecycle.voided_at.is_none()).collect();
        assert_eq!(record.state == OrderState::Voided, good.is_empty(), "{n}: {:?}", record.reason);
        let first = record.tickets.iter().find(|t| t.line.item_id.as_deref() == Some("a")).unwrap();
        let dismissed = |w: &WithdrawalRecord| w.state == Lifted || w.dismissed_for.contains(&first.id);
        let all = record.withdrawals.iter().filter(|w| w.state != Parked).all(dismissed);
        assert!(
            first.lifecycle.voided_at.is_some() || all,
            "{n}: good again, by a word after every refund of it"
        );
    }
}

/// The same message in a later record.
fn later(message: Incoming, seconds: i64) -> Incoming {
    let mut message = message;
    if let Source::Kafka { timestamp: Some(at), .. } = &mut message.source {
        *at += 1_000 * seconds;
    }
    message
}

pub async fn a_status_that_comes_again(backend: &dyn Backend) {
    let store = backend.store();
    let said = |n: u32, status: &str, at| {
        later(refund(n, n, n, &format!(r#","amount":10,"status":"{status}""#)), at)
    };
    let listed_as = |n| vec![(n, AttentionReason::RefundFailedAfterVoid)];
    // Final, failed, reinstated, and final after all.
    let ticket = sold(&*store, 1, "10", &[("a", "10", 1)]).await.remove(0);
    assert_eq!(recorded(&*store, said(1, "succeeded", 0)).await, Applied);
    assert_eq!(recorded(&*store, said(1, "failed", 1)).await, Failed);
    assert_eq!(listed(&*store).await, listed_as(1));
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert_eq!(recorded(&*store, said(1, "succeeded", 2)).await, Applied);
    assert_eq!((state(&*store, 1).await.0, listed(&*store).await), (OrderState::Voided, vec![]));
    // Failed, final, and failed again.
    sold(&*store, 2, "10", &[("a", "10", 1)]).await;
    assert_eq!(recorded(&*store, said(2, "failed", 0)).await, Failed);
    assert_eq!(recorded(&*store, said(2, "succeeded", 1)).await, Applied);
    assert_eq!(recorded(&*store, said(2, "failed", 2)).await, Failed);
    assert_eq!(listed(&*store).await, listed_as(2));
    // The whole topic is read again.
    for (n, status, at) in [(1, "succeeded", 0), (1, "failed", 1), (1, "succeeded", 2), (2, "failed", 2)] {
        assert_eq!(withdraw(&*store, said(n, status, at)).await, IngestOutcome::Duplicate(order(n)));
    }
}

pub async fn one_on_its_way_says_less_or_more(backend: &dyn Backend) {
    let store = backend.store();
    let cases: [(&str, &str, &[u32]); 5] = [
        (r#","amount":10"#, r#","amount":"10.00","currency":"eur""#, &[]),
        ("", r#","amount":10"#, &[]),
        (r#","amount":10,"itemIds":["a"]"#, "", &[2]),
        (r#","itemIds":["b"]"#, r#","amount":5"#, &[1]),
        (r#","currency":"EUR""#, r#","itemIds":["a"]"#, &[2]),
    ];
    for (n, (first, then, left)) in (1..).zip(cases) {
        sold(&*store, n, "10", &[("a", "5", 1), ("b", "5", 1)]).await;
        let pending = refund(n, n, n, &format!(r#"{first},"status":"pending""#));
        assert_eq!(recorded(&*store, pending.clone()).await, Pending, "{first}");
        let last = refund(n, n, n, then);
        assert_eq!(recorded(&*store, last.clone()).await, Applied, "{first} {then}");
        assert_eq!(live(&*store, n).await, left, "{first} {then}");
        for again in [pending, last] {
            assert_eq!(withdraw(&*store, again).await, IngestOutcome::Duplicate(order(n)), "{first} {then}");
        }
    }
    // The first message does not name the payment.
    sold(&*store, 6, "10", &[("a", "10", 1)]).await;
    recorded(&*store, refund_without_payment(6, 6, r#","status":"pending""#)).await;
    assert_eq!(recorded(&*store, refund(6, 6, 6, "")).await, Applied);
    assert_eq!(withdrawn(&*store, 6, 6).await.payment_key.as_deref(), Some("pay-6"));
    // Both have an amount, and the amounts differ.
    sold(&*store, 7, "10", &[("a", "10", 1)]).await;
    recorded(&*store, refund(7, 7, 7, r#","amount":10,"status":"pending""#)).await;
    let other = refund(7, 7, 7, r#","amount":9"#);
    assert_eq!(withdraw(&*store, other).await, IngestOutcome::Quarantined(order(7)));
    let letter = store.dead_letters(0, false, 9).await.unwrap().remove(0);
    assert_eq!(letter.field.as_deref(), Some("amount"));
    assert_eq!(letter.reason, "was told otherwise of the refund r-7 before");
}

pub async fn a_second_payment_of_an_erased_order_goes_back(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1, "10", &[("a", "10", 1)]).await;
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    ingest(&*store, &[payment(2, 1, "10")]).await;
    assert_eq!(listed(&*store).await, [(1, AttentionReason::PaymentOfClosedOrder)]);
    recorded(&*store, refund(1, 2, 1, "")).await;
    assert_eq!((live(&*store, 1).await, listed(&*store).await), (vec![1], vec![]));
}
