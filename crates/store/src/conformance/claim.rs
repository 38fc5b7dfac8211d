//! Conformance of claims, fences and leases.

use std::collections::HashSet;
use std::time::Duration;

use fulfillment_domain::OrderState;

use super::Backend;
use super::fixtures::{
    LONG, SHORT, at_once, at_stored, claimed, completion, freeze, frozen, ingest, order, payment, ticket,
    wait,
};
use crate::{Claim, Claimable, Completion, FreezeOutcome, NextStep, Release};

pub async fn lends_each_order_once(backend: &dyn Backend) {
    let batch: Vec<_> = (0..200).map(|n| payment(n, n, "5")).collect();
    ingest(&*backend.store(), &batch).await;
    let lent = at_once(backend, 8, |store, n| async move {
        let mut mine = Vec::new();
        loop {
            let claims = store.claim(&format!("w{n}"), 7, LONG).await.unwrap();
            if claims.is_empty() {
                return mine;
            }
            assert!(claims.len() <= 7);
            mine.extend(claims.into_iter().map(|c| c.order_id));
        }
    })
    .await;
    let all: Vec<_> = lent.into_iter().flatten().collect();
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
}

pub async fn expired_leases_are_claimed_again(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    let first = store.claim("a", 1, SHORT).await.unwrap().remove(0);
    assert!(store.claim("b", 1, SHORT).await.unwrap().is_empty());
    wait().await;
    let second = store.claim("b", 1, SHORT).await.unwrap().remove(0);
    assert_eq!((second.fence, second.attempts), (first.fence + 1, 2));
    assert_eq!((first.deaths, second.deaths), (0, 1), "the first worker never gave it back");
    assert_eq!(store.renew(&[(order(1), first.fence)], LONG).await.unwrap(), []);
    assert_eq!(store.renew(&[(order(1), second.fence)], LONG).await.unwrap(), [order(1)]);
}

pub async fn renewed_leases_are_not(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5")]).await;
    let claims = store.claim("a", 2, SHORT).await.unwrap();
    let kept = &claims[0];
    assert_eq!(store.renew(&[(kept.order_id, kept.fence)], LONG).await.unwrap(), [kept.order_id]);
    wait().await;
    let again = store.claim("b", 2, LONG).await.unwrap();
    assert_eq!(again.iter().map(|c| c.order_id).collect::<Vec<_>>(), [claims[1].order_id]);
}

pub async fn steps_of_the_clock_lose_nothing(backend: &dyn Backend) {
    let store = backend.store();
    claimed(&*store, 2).await;
    // The second lease was given by a clock that was ahead.
    backend
        .execute("UPDATE orders SET due_at = '2999-01-01T00:00:00.000000Z' WHERE payment_key = 'pay-2'")
        .await;
    let again = store.claim("b", 10, LONG).await.unwrap();
    assert_eq!(again.iter().map(|c| c.order_id).collect::<Vec<_>>(), [order(2)]);
    assert_eq!(again[0].fence, 2);
    // An order due that far ahead without a worker waits intentionally.
    backend.execute("UPDATE orders SET worker = NULL, due_at = '2999-01-01T00:00:00.000000Z'").await;
    assert!(store.claim("b", 10, LONG).await.unwrap().is_empty());
}

pub async fn stale_fences_are_refused(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5")]).await;
    let mut old = store.claim("sleeper", 2, SHORT).await.unwrap();
    old.sort_by_key(|c| c.order_id);
    let tickets = frozen(store.freeze(&[freeze(&old[1], 1)]).await.unwrap().remove(0));
    wait().await;
    let new = store.claim("b", 2, LONG).await.unwrap();
    assert_eq!(new.len(), 2);
    assert_eq!(store.freeze(&[freeze(&old[0], 2)]).await.unwrap(), [FreezeOutcome::Stale]);
    assert_eq!(store.freeze(&[freeze(&old[1], 1)]).await.unwrap(), [FreezeOutcome::Stale]);
    assert_eq!(store.complete(&[completion(&old[1], &tickets, &["kafka"])]).await.unwrap(), [false]);
    let release = |order_id, fence| Release {
        order_id,
        fence,
        reason: "late".into(),
        failed: vec![],
        then: NextStep::Park(None),
        refused_answer: None,
    };
    let stale: Vec<_> = old.iter().map(|c| release(c.order_id, c.fence)).collect();
    assert_eq!(store.release(&stale).await.unwrap(), [false, false]);
    assert_eq!(store.release(&[release(order(77), 1)]).await.unwrap(), [false]);
    for claim in &new {
        let record = store.order(claim.order_id).await.unwrap().unwrap();
        assert_eq!(record.reason, None);
    }
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 0);
    assert_eq!(backend.number("SELECT count(*) FROM tickets WHERE status = 'Pending'").await, 1);
    // A stale claim in the batch does not affect the others.
    let fresh = new.iter().find(|c| c.order_id == order(1)).unwrap();
    let outcomes = store.freeze(&[freeze(&old[1], 1), freeze(fresh, 1)]).await.unwrap();
    assert_eq!(outcomes[0], FreezeOutcome::Stale);
    assert_eq!(frozen(outcomes[1].clone()).len(), 1);
}

pub async fn oldest_first(backend: &dyn Backend) {
    let store = backend.store();
    for n in 1..=5 {
        ingest(&*store, &[payment(n, 100 - n, "5")]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let claims = store.claim("w", 3, LONG).await.unwrap();
    assert_eq!(claims.iter().map(|c| c.order_id).collect::<Vec<_>>(), [order(99), order(98), order(97)]);
}

pub async fn parked_orders_come_back(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    frozen(store.freeze(&[freeze(&claims[1], 2)]).await.unwrap().remove(0));
    let park: Vec<_> = claims
        .iter()
        .map(|c| Release {
            order_id: c.order_id,
            fence: c.fence,
            reason: "no".into(),
            failed: vec![],
            then: NextStep::Park(Some(Duration::ZERO)),
            refused_answer: None,
        })
        .collect();
    assert_eq!(store.release(&park).await.unwrap(), [true, true]);
    let mut again = store.claim("b", 5, LONG).await.unwrap();
    again.sort_by_key(|c| c.order_id);
    let seen: Vec<_> = again.iter().map(|c| (c.state, c.was_parked, c.attempts, c.tickets.len())).collect();
    assert_eq!(seen, [(OrderState::Received, true, 2, 0), (OrderState::Enriched, true, 2, 2)]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Parked, "until it gets on");
    frozen(store.freeze(&[freeze(&again[0], 1)]).await.unwrap().remove(0));
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Enriched);
    let tickets = again[1].tickets.clone();
    assert_eq!(store.complete(&[completion(&again[1], &tickets, &[])]).await.unwrap(), [true]);
    assert_eq!(store.order(order(2)).await.unwrap().unwrap().state, OrderState::Issued);
}

pub async fn carries_the_payment(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    assert_eq!(
        (claim.state, claim.fence, claim.attempts, claim.was_parked),
        (OrderState::Received, 1, 1, false)
    );
    assert_eq!((claim.payment_key.as_str(), claim.payment_id.as_deref()), ("pay-1", Some("pay-1")));
    assert_eq!(claim.customer_id.as_deref(), Some("c-1"));
    assert_eq!(claim.amount.unwrap().to_string(), "49.90");
    assert_eq!(claim.currency.unwrap().as_str(), "EUR");
    assert_eq!(claim.received_at, at_stored());
    assert!(claim.traceparent.is_some() && claim.tickets.is_empty());
    // An order whose tickets are all finished is still lent, so that it can be completed.
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    let step = Completion { finished: false, ..completion(&claim, &tickets, &[]) };
    assert_eq!(store.complete(&[step]).await.unwrap(), [true]);
    backend.execute("UPDATE orders SET due_at = '2000-01-01T00:00:00.000000Z'").await;
    let again = store.claim("b", 1, LONG).await.unwrap().remove(0);
    assert_eq!((again.state, again.tickets.len()), (OrderState::Enriched, 0));
    assert_eq!(store.complete(&[completion(&again, &[], &[])]).await.unwrap(), [true]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued);
    assert_eq!(ticket(order(1), 1).id, tickets[0].id);
}

pub async fn next_due(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.next_due().await.unwrap(), None);
    ingest(&*store, &[payment(1, 1, "5")]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO));
    let claim = store.claim("w", 1, SHORT).await.unwrap().remove(0);
    assert!(store.next_due().await.unwrap().is_some_and(|d| d <= SHORT), "a lease may run out");
    let release = Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "later".into(),
        failed: vec![],
        then: NextStep::Retry(Duration::from_secs(60)),
        refused_answer: None,
    };
    store.release(&[release]).await.unwrap();
    let due = store.next_due().await.unwrap().unwrap();
    assert!(due > Duration::from_secs(50) && due <= Duration::from_secs(60), "{due:?}");
}

/// While Ordering is away, orders that need it stay where they are.
pub async fn frozen_ones_alone(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    frozen(store.freeze(&[freeze(&claims[1], 1)]).await.unwrap().remove(0));
    let releases: Vec<_> =
        claims.iter().map(|claim| released(claim, NextStep::Wait(Duration::ZERO))).collect();
    store.release(&releases).await.unwrap();
    let of = async |which| {
        let claims = store.claim_some("w", 10, SHORT, which).await.unwrap();
        wait().await;
        let mut orders: Vec<_> = claims.iter().map(|claim| claim.order_id).collect();
        orders.sort_unstable();
        orders
    };
    assert_eq!(of(Claimable::Frozen).await, [order(2)]);
    assert_eq!(of(Claimable::Unfrozen).await, [order(1)]);
    assert_eq!(of(Claimable::All).await, [order(1), order(2)]);
}

/// An outage for a day must not park the orders of that day at the first failure after it.
pub async fn time_in_which_it_cannot_be_tried_is_no_age(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    store.release(&[released(&claim, NextStep::Wait(SHORT))]).await.unwrap();
    wait().await;
    wait().await;
    let later = store.claim("w", 1, SHORT).await.unwrap().remove(0);
    let moved = later.tried_since.duration_since(claim.tried_since);
    assert!(moved >= 2 * jiff::SignedDuration::try_from(SHORT).unwrap(), "moved by {moved}");
    // It was tried for the length of the lease.
    wait().await;
    let after = store.claim("w", 1, SHORT).await.unwrap().remove(0);
    assert_eq!(after.tried_since, later.tried_since);
    store.release(&[released(&after, NextStep::Retry(Duration::ZERO))]).await.unwrap();
    let last = store.claim("w", 1, SHORT).await.unwrap().remove(0);
    assert!(
        last.tried_since.duration_since(later.tried_since) < jiff::SignedDuration::try_from(SHORT).unwrap()
    );
}

fn released(claim: &Claim, then: NextStep) -> Release {
    let (order_id, fence) = (claim.order_id, claim.fence);
    Release { order_id, fence, reason: "away".into(), failed: Vec::new(), then, refused_answer: None }
}
