//! Conformance of refunds: what they void, by their names and amounts.

use fulfillment_domain::OrderState;

use super::Backend;
use super::fixtures::{
    LONG, desk, ingest, listed, live, loudly, order, payment, recorded, refund, reinstate, sold, sold_with,
    state, to_kafka, withdrawn,
};
use crate::WithdrawalState::{Applied, Parked};
use crate::{AttentionReason, RefundRules, Store, WithdrawalState};

pub async fn what_an_amount_voids(backend: &dyn Backend) {
    let store = backend.store();
    // Three tickets of 10 EUR each, beside one of 40.
    let cases: [(&str, WithdrawalState, &[u32]); 16] = [
        (r#","itemIds":["a"]"#, Applied, &[4]),
        (r#","itemIds":["a"],"amount":30"#, Applied, &[4]),
        (r#","itemIds":["a"],"amount":31.5,"currency":"EUR""#, Applied, &[4]),
        (r#","itemIds":["a"],"amount":10"#, Applied, &[1, 2, 4]),
        (r#","itemIds":["a"],"amount":20.00"#, Applied, &[1, 4]),
        (r#","itemIds":["a"],"amount":5"#, Parked, &[1, 2, 3, 4]),
        (r#","itemIds":["a"],"amount":0"#, Parked, &[1, 2, 3, 4]),
        (r#","itemIds":["a"],"amount":29.99"#, Parked, &[1, 2, 3, 4]),
        (r#","itemIds":["a","b"],"amount":30"#, Parked, &[1, 2, 3, 4]),
        (r#","itemIds":["a","b"],"amount":70"#, Applied, &[]),
        (r#","itemIds":["a"],"amount":30,"currency":"USD""#, Parked, &[1, 2, 3, 4]),
        (r#","items":[{"itemId":"a","quantity":2}],"amount":5"#, Applied, &[1, 4]),
        (r#","items":[{"itemId":"a","quantity":3}]"#, Applied, &[4]),
        (r#","items":[{"itemId":"a","quantity":4}]"#, Parked, &[1, 2, 3, 4]),
        (r#","items":[{"itemId":"b","quantity":1}],"itemIds":["a"],"amount":50"#, Applied, &[1, 2]),
        (r#","items":[{"itemId":"x","quantity":1}]"#, Parked, &[1, 2, 3, 4]),
    ];
    for (n, (rest, expected, left)) in (1..).zip(cases) {
        sold(&*store, n, "70", &[("a", "10", 3), ("b", "40", 1)]).await;
        let found = recorded(&*store, refund(n, n, n, rest)).await;
        let note = withdrawn(&*store, n, n).await.note;
        assert_eq!((found, &live(&*store, n).await[..]), (expected, left), "{rest}: {note:?}");
    }
    let note = async |n: u32| withdrawn(&*store, n, n).await.note.unwrap_or_default();
    let settle = "it names the item a (3 x 10) and returns 5: send ticketIds, or items with a quantity, or run \
                  `fulfillment refund` with --ticket";
    assert_eq!(note(6).await, settle);
    assert_eq!(note(12).await, "refund_below_price: it returns 5 of 20");
    assert_eq!((note(4).await, note(13).await), (String::new(), String::new()));
    let tickets = sold(&*store, 50, "30", &[("a", "10", 3)]).await;
    let one = format!(r#","ticketIds":["{}"],"amount":1"#, tickets[0].id);
    assert_eq!(recorded(&*store, refund(50, 50, 50, &one)).await, Applied);
    assert_eq!(
        (live(&*store, 50).await, note(50).await),
        (vec![2, 3], "refund_below_price: it returns 1 of 10".into())
    );
    // The last tickets that are not void yet, and never more than there are.
    for (n, left) in [(51, vec![2]), (52, vec![])] {
        assert_eq!(recorded(&*store, refund(n, 50, 50, r#","itemIds":["a"],"amount":10"#)).await, Applied);
        assert_eq!(live(&*store, 50).await, left);
    }
    assert_eq!(state(&*store, 50).await.0, OrderState::Voided);
}

pub async fn the_remainder_of_a_payment(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1, "50", &[("a", "10", 2), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund(1, 1, 1, r#","itemIds":["b"],"amount":30"#)).await, Applied);
    assert_eq!(recorded(&*store, refund(2, 1, 1, r#","itemIds":["a"],"amount":15"#)).await, Parked);
    assert_eq!(live(&*store, 1).await, [1, 2]);
    assert_eq!(recorded(&*store, refund(3, 1, 1, r#","itemIds":["a"],"amount":5"#)).await, Applied);
    assert_eq!((live(&*store, 1).await, withdrawn(&*store, 1, 2).await.state), (vec![], Applied));
}

pub async fn names_void_no_others(backend: &dyn Backend) {
    let store = backend.store();
    let one = r#","items":[{"itemId":"a","quantity":1}],"amount":50"#;
    for (n, rest, left) in [
        (1, one, vec![1, 2, 4]),
        (2, r#","itemIds":["b"],"amount":50"#, vec![1, 2, 3]),
        (3, r#","itemIds":["a"]"#, vec![4]),
    ] {
        sold(&*store, n, "50", &[("a", "10", 3), ("b", "20", 1)]).await;
        assert_eq!(recorded(&*store, refund(n, n, n, rest)).await, Applied, "{rest}");
        assert_eq!(live(&*store, n).await, left, "whatever the amount: {rest}");
    }
    // Also before its tickets exist.
    store.ingest(&[payment(9, 9, "50")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(recorded(&*store, refund(9, 9, 9, one)).await, WithdrawalState::Waiting);
}

pub async fn seats_are_named_one_by_one(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "30", &[("a", "10", 3)]).await;
    backend.execute("UPDATE tickets SET seat_number = '7' WHERE ticket_index = 2").await;
    for (n, rest) in
        [(1, r#","itemIds":["a"],"amount":10"#), (2, r#","items":[{"itemId":"a","quantity":1}]"#)]
    {
        assert_eq!(recorded(&*store, refund(n, 1, 1, rest)).await, Parked, "nobody knows which");
        assert!(withdrawn(&*store, 1, n).await.note.unwrap().contains("have seats: send ticketIds"));
    }
    assert_eq!(live(&*store, 1).await, [1, 2, 3]);
    // Later voids for another reason do not show what the refunds were for.
    for ticket in &tickets[1..] {
        assert!(store.void_ticket(ticket.id, "desk", &loudly(), &desk()).await.unwrap());
    }
    recorded(&*store, refund(3, 1, 1, r#","amount":1"#)).await;
    assert_eq!((live(&*store, 1).await, withdrawn(&*store, 1, 1).await.state), (vec![1], Parked));
    recorded(&*store, refund(4, 1, 1, r#","amount":19"#)).await;
    assert!(live(&*store, 1).await.is_empty(), "ten, one and nineteen are all of it");
}

pub async fn a_fee_that_is_kept(backend: &dyn Backend) {
    let rules = RefundRules { retained_share: "0.1".parse().unwrap(), grace: None };
    let store = backend.with_refunds(rules).await;
    let cases: [(&str, WithdrawalState, &[u32]); 6] = [
        (r#","amount":90"#, Applied, &[]),
        (r#","amount":89.99"#, Parked, &[1, 2]),
        (r#","itemIds":["a"],"amount":45"#, Applied, &[2]),
        (r#","itemIds":["a"],"amount":44.99"#, Parked, &[1, 2]),
        (r#","items":[{"itemId":"a","quantity":1}],"amount":45"#, Applied, &[2]),
        (r#","itemIds":["a","b"],"amount":90"#, Applied, &[]),
    ];
    for (n, (rest, expected, left)) in (1..).zip(cases) {
        sold(&*store, n, "100", &[("a", "50", 1), ("b", "50", 1)]).await;
        let found = recorded(&*store, refund(n, n, n, rest)).await;
        assert_eq!((found, &live(&*store, n).await[..]), (expected, left), "{rest}");
        assert_eq!(withdrawn(&*store, n, n).await.note.is_some(), expected == Parked, "{rest}");
    }
    sold(&*store, 9, "200", &[("a", "10", 10), ("b", "100", 1)]).await;
    assert_eq!(recorded(&*store, refund(9, 9, 9, r#","itemIds":["a"],"amount":90"#)).await, Parked);
    assert!(
        withdrawn(&*store, 9, 9).await.note.unwrap().contains("can be 9 to 10 tickets"),
        "nine, or ten less the fee"
    );
    // 9.99 less the retained share is 8.991, which cannot be paid.
    for (n, back, expected) in [(10, "8.98", Parked), (11, "8.99", Applied)] {
        sold(&*store, n, "9.99", &[("a", "9.99", 1)]).await;
        let found = recorded(&*store, refund(n, n, n, &format!(r#","itemIds":["a"],"amount":{back}"#))).await;
        assert_eq!(found, expected);
    }
}

pub async fn lines_that_admit_nobody(backend: &dyn Backend) {
    let store = backend.store();
    // Two tickets of 30 EUR beside a fee of 2 for each and a voucher of 10: 54 EUR.
    let charges = [("fee", "2", 2), ("voucher", "-10", 1)];
    let cases: [(&str, WithdrawalState, &[u32]); 13] = [
        (r#","itemIds":["a","fee","voucher"],"amount":54"#, Applied, &[]),
        (r#","itemIds":["a","voucher"],"amount":50"#, Applied, &[]),
        (r#","itemIds":["a","fee","voucher"],"amount":50"#, Applied, &[]),
        (r#","itemIds":["a","fee","voucher"],"amount":49.99"#, Parked, &[1, 2]),
        (r#","itemIds":["a","fee"],"amount":30"#, Parked, &[1, 2]),
        (r#","itemIds":["a","fee","voucher"]"#, Applied, &[]),
        (r#","itemIds":["fee"],"amount":4"#, Applied, &[1, 2]),
        (r#","itemIds":["fee"]"#, Applied, &[1, 2]),
        (r#","itemIds":["fee"],"amount":4.01"#, Parked, &[1, 2]),
        (r#","items":[{"itemId":"fee","quantity":1}],"amount":2"#, Applied, &[1, 2]),
        (r#","items":[{"itemId":"fee","quantity":3}],"amount":2"#, Parked, &[1, 2]),
        (
            r#","items":[{"itemId":"a","quantity":1},{"itemId":"fee","quantity":1}],"amount":32"#,
            Applied,
            &[1],
        ),
        (r#","itemIds":["fees"],"amount":4"#, Parked, &[1, 2]),
    ];
    for (n, (rest, expected, left)) in (1..).zip(cases) {
        sold_with(&*store, n, "54", &[("a", "30", 2)], &charges).await;
        let found = recorded(&*store, refund(n, n, n, rest)).await;
        let note = withdrawn(&*store, n, n).await.note;
        assert_eq!((found, &live(&*store, n).await[..]), (expected, left), "{rest}: {note:?}");
        assert_eq!(note.is_some(), expected == Parked, "{rest}: {note:?}");
    }
}

pub async fn what_is_void_already_can_be_named(backend: &dyn Backend) {
    let store = backend.store();
    let cases = [
        r#","items":[{"itemId":"a","quantity":1}],"amount":10"#,
        r#","itemIds":["a"],"amount":20"#,
        r#","itemIds":["a"]"#,
    ];
    for (n, rest) in (1..).zip(cases) {
        for ticket in &sold(&*store, n, "40", &[("a", "10", 2), ("b", "20", 1)]).await[..2] {
            assert!(store.void_ticket(ticket.id, "desk", &loudly(), &desk()).await.unwrap());
        }
        assert_eq!(recorded(&*store, refund(n, n, n, rest)).await, Applied, "{rest}");
        assert_eq!(live(&*store, n).await, [3], "{rest}");
    }
}

pub async fn a_free_ticket_goes_back(backend: &dyn Backend) {
    let store = backend.store();
    for (n, rest, left) in [(1, r#","amount":0"#, vec![]), (2, r#","itemIds":["b"],"amount":0"#, vec![1])] {
        sold(&*store, n, "0", &[("a", "0", 1), ("b", "0", 1)]).await;
        assert_eq!(recorded(&*store, refund(n, n, n, rest)).await, Applied, "{rest}");
        assert_eq!(live(&*store, n).await, left, "{rest}");
    }
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
    sold(&*store, 3, "5", &[("a", "5", 1)]).await;
    assert_eq!(recorded(&*store, refund(3, 3, 3, r#","amount":0"#)).await, Parked, "nothing of five");
}

/// Another payment arrives, and Ordering is being asked again.
async fn paid_again(store: &dyn Store, n: u32, of: u32, amount: &str) {
    ingest(store, &[payment(n, of, amount)]).await;
    assert_eq!(store.claim("w", 9, LONG).await.unwrap().len(), 1);
}

pub async fn a_part_of_the_price_goes_back(backend: &dyn Backend) {
    let store = backend.store();
    let underpaid = |n| vec![(n, AttentionReason::Underpaid)];
    // Two half payments, one of which is refunded.
    sold(&*store, 1, "30", &[("a", "30", 2)]).await;
    paid_again(&*store, 11, 1, "30").await;
    assert_eq!(recorded(&*store, refund(1, 11, 1, "")).await, Applied);
    assert_eq!((live(&*store, 1).await, listed(&*store).await), (vec![1, 2], underpaid(1)));
    let detail = store.attention(9).await.unwrap().remove(0).detail;
    assert!(detail.starts_with("30 EUR of its payments is left, and its good tickets cost 60:"), "{detail}");
    let ticket = store.order(order(1)).await.unwrap().unwrap().tickets.remove(1);
    assert!(store.void_ticket(ticket.id, "not paid", &loudly(), &desk()).await.unwrap());
    assert!(listed(&*store).await.is_empty(), "what is left covers the other");
    // A double charge, for a price with a voucher and a fee that is kept.
    sold_with(&*store, 2, "54", &[("a", "30", 2)], &[("fee", "4", 1), ("voucher", "-10", 1)]).await;
    paid_again(&*store, 12, 2, "54").await;
    assert_eq!(recorded(&*store, refund(2, 12, 2, r#","amount":54"#)).await, Applied);
    assert_eq!((live(&*store, 2).await, listed(&*store).await), (vec![1, 2], vec![]));
    // All of the money for one of two tickets, and the other is still valid: the order is listed.
    sold(&*store, 3, "60", &[("a", "30", 1), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund(3, 3, 3, r#","itemIds":["a"],"amount":60"#)).await, Applied);
    assert_eq!((live(&*store, 3).await, listed(&*store).await), (vec![2], underpaid(3)));
    assert_eq!(recorded(&*store, refund(4, 3, 3, r#","itemIds":["b"]"#)).await, Applied);
    assert_eq!((state(&*store, 3).await.0, listed(&*store).await), (OrderState::Voided, vec![]));
    // The amount is that of the other ticket.
    sold(&*store, 5, "80", &[("a", "60", 1), ("b", "20", 1)]).await;
    assert_eq!(recorded(&*store, refund(6, 5, 5, r#","itemIds":["b"],"amount":60"#)).await, Applied);
    assert_eq!((live(&*store, 5).await, listed(&*store).await), (vec![1], underpaid(5)));
    assert_eq!(recorded(&*store, refund(7, 5, 5, r#","itemIds":["a"],"amount":20"#)).await, Applied);
    // A discount without a line does not count as a shortage.
    sold(&*store, 6, "70", &[("a", "60", 1), ("b", "20", 1)]).await;
    assert_eq!(recorded(&*store, refund(8, 6, 6, r#","itemIds":["b"],"amount":20"#)).await, Applied);
    assert_eq!((live(&*store, 6).await, listed(&*store).await), (vec![1], vec![]));
    // Reinstated by an operator.
    let tickets = sold(&*store, 4, "60", &[("a", "30", 1), ("b", "30", 1)]).await;
    assert_eq!(recorded(&*store, refund(5, 4, 4, "")).await, Applied);
    assert!(reinstate(&*store, tickets[0].id).await.is_some());
    assert!(listed(&*store).await.is_empty());
}
