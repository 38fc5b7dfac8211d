//! Conformance of releasing orders, and restarting them.

use std::time::Duration;

use fulfillment_domain::{OrderState, TicketStatus};

use super::Backend;
use super::fixtures::{LONG, claimed, completion, desk, freeze, frozen, ingest, order, payment};
use crate::{Claim, FailedTicket, NextStep, Release, RetrySelection};

fn release(claim: &Claim, then: NextStep) -> Release {
    Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "Ordering says\0 503".into(),
        failed: vec![],
        then,
        refused_answer: Some(b"\0answer".to_vec()),
    }
}

pub async fn retries_later(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let batch =
        [release(&claims[0], NextStep::Retry(LONG)), release(&claims[1], NextStep::Retry(Duration::ZERO))];
    assert_eq!(store.release(&batch).await.unwrap(), [true, true]);
    let waiting = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.attempts), (OrderState::Received, 1));
    assert_eq!(waiting.reason.as_deref(), Some("Ordering says 503"));
    assert!(waiting.next_attempt_at.unwrap() > waiting.updated_at);
    assert_eq!(store.summary().await.unwrap().retrying, 1);
    assert_eq!(backend.number("SELECT count(*) FROM orders WHERE length(refused_answer) = 7").await, 2);
    let again = store.claim("b", 5, LONG).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].order_id, again[0].attempts, again[0].was_parked), (order(2), 2, false));
}

pub async fn waiting_costs_no_try(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    assert_eq!(store.release(&[release(&claim, NextStep::Wait(Duration::ZERO))]).await.unwrap(), [true]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().attempts, 0);
    let again = store.claim("b", 1, LONG).await.unwrap().remove(0);
    assert_eq!((again.attempts, again.fence, again.deaths), (1, 2, 0));
}

pub async fn parks_with_failed_tickets(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    let failed = vec![FailedTicket { id: tickets[1].id, reason: "no font\0".into() }];
    let retry = Release { failed: failed.clone(), ..release(&claim, NextStep::Retry(Duration::ZERO)) };
    assert_eq!(store.release(&[retry]).await.unwrap(), [true]);
    let ticket = store.ticket(tickets[1].id).await.unwrap().unwrap();
    assert_eq!((ticket.lifecycle.status, ticket.lifecycle.attempts), (TicketStatus::Pending, 1));
    assert_eq!(ticket.lifecycle.last_error.as_deref(), Some("no font"));
    let claim = store.claim("b", 1, LONG).await.unwrap().remove(0);
    let park = Release { failed, ..release(&claim, NextStep::Park(Some(Duration::ZERO))) };
    assert_eq!(store.release(&[park]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(record.state, OrderState::Parked);
    let statuses: Vec<_> =
        record.tickets.iter().map(|t| (t.lifecycle.status, t.lifecycle.attempts)).collect();
    assert_eq!(statuses, [(TicketStatus::Pending, 0), (TicketStatus::Failed, 2)]);
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE to_status = 'Failed'").await, 1);
    let claim = store.claim("c", 1, LONG).await.unwrap().remove(0);
    assert_eq!((claim.was_parked, claim.tickets.len()), (true, 2));
    let since = claim.parked_at.unwrap();
    let again = release(&claim, NextStep::Park(Some(Duration::ZERO)));
    assert_eq!(store.release(&[again]).await.unwrap(), [true]);
    let claim = store.claim("c", 1, LONG).await.unwrap().remove(0);
    assert_eq!((claim.was_parked, claim.parked_at), (true, Some(since)), "parked once, tried again");
    assert_eq!(store.complete(&[completion(&claim, &claim.tickets, &[])]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason), (OrderState::Issued, None));
    assert!(
        record
            .tickets
            .iter()
            .all(|t| t.lifecycle.status == TicketStatus::Generated && t.lifecycle.last_error.is_none())
    );
}

pub async fn parks_for_good(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    assert_eq!(store.release(&[release(&claim, NextStep::Park(None))]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.next_attempt_at), (OrderState::Parked, None));
    assert!(store.claim("b", 1, LONG).await.unwrap().is_empty());
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn retry_sets_going(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 3).await;
    let tickets = frozen(store.freeze(&[freeze(&claims[1], 1)]).await.unwrap().remove(0));
    let failed = vec![FailedTicket { id: tickets[0].id, reason: "no font".into() }];
    let batch = [
        release(&claims[0], NextStep::Park(None)),
        Release { failed, ..release(&claims[1], NextStep::Park(None)) },
        release(&claims[2], NextStep::Retry(LONG)),
    ];
    assert_eq!(store.release(&batch).await.unwrap(), [true; 3]);
    assert_eq!(store.retry(RetrySelection::Ticket(tickets[0].id), &desk()).await.unwrap(), 1);
    assert_eq!(store.retry(RetrySelection::Order(order(1)), &desk()).await.unwrap(), 1);
    assert_eq!(store.retry(RetrySelection::Order(order(1)), &desk()).await.unwrap(), 0, "it is going");
    assert_eq!(store.retry(RetrySelection::All, &desk()).await.unwrap(), 1);
    let ticket = store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert_eq!(
        (ticket.lifecycle.status, ticket.lifecycle.last_error.as_deref()),
        (TicketStatus::Pending, Some("no font"))
    );
    let mut again = store.claim("b", 5, LONG).await.unwrap();
    again.sort_by_key(|c| c.order_id);
    assert!(claims.iter().all(|c| c.tried_since.duration_since(c.received_at).as_secs() < 60));
    assert!(
        again.iter().all(|c| c.tried_since > c.received_at && c.parked_at.is_none()),
        "a new budget of time"
    );
    let seen: Vec<_> = again.iter().map(|c| (c.state, c.attempts, c.was_parked)).collect();
    assert_eq!(
        seen,
        [
            (OrderState::Received, 1, false),
            (OrderState::Enriched, 1, false),
            (OrderState::Received, 1, false)
        ]
    );
}

pub async fn retry_leaves_alone(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let tickets = frozen(store.freeze(&[freeze(&claims[0], 1)]).await.unwrap().remove(0));
    store.complete(&[completion(&claims[0], &tickets, &[])]).await.unwrap();
    ingest(&*store, &[payment(3, 3, "1")]).await;
    assert_eq!(store.retry(RetrySelection::All, &desk()).await.unwrap(), 0, "issued, held, and due as it is");
    assert_eq!(store.retry(RetrySelection::Order(order(9)), &desk()).await.unwrap(), 0);
    assert_eq!(store.renew(&[(order(2), claims[1].fence)], LONG).await.unwrap(), [order(2)]);
}

pub async fn a_repeat_is_stale(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let wait = release(&claim, NextStep::Wait(LONG));
    assert_eq!(store.release(&[wait.clone(), wait.clone()]).await.unwrap(), [true, false]);
    assert_eq!(store.release(&[wait]).await.unwrap(), [false]);
    assert_eq!(store.renew(&[(order(1), claim.fence)], LONG).await.unwrap(), []);
    assert!(store.release(&[]).await.unwrap().is_empty());
}
