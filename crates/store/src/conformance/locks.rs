//! Calls that lock the same rows, against each other: none may fail because another one ran. In PostgreSQL two
//! transactions that lock rows in different orders end in a deadlock, which is an error of one of them.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::{OrderId, OrderState, Subject, Ticket};

use super::Backend;
use super::fixtures::{
    LONG, SHORT, at_once, cancellation, cancellation_with, claimed, completion, desk, freeze, frozen, ingest,
    loudly, order, payment, refund, reinstate, said, to_kafka,
};
use crate::{
    AttentionScope, Completion, DeliveryOutcome, Freeze, Incoming, IngestOutcome, NextStep, Release,
    RetrySelection, Store,
};

/// Runs two tasks at the same time until the first is done, the second one again and again.
async fn against<A, B>(
    backend: &dyn Backend,
    first: impl FnOnce(Arc<dyn Store>) -> A,
    again: impl Fn(Arc<dyn Store>, u32) -> B + Send + 'static,
) where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let other = backend.another().await;
    let first = tokio::spawn(first(backend.store()));
    let mut round = 0;
    while !first.is_finished() || round == 0 {
        tokio::spawn(again(Arc::clone(&other), round)).await.unwrap();
        round += 1;
    }
    first.await.unwrap();
}

/// The `k`th payment of an order: keys fall while the orders' ids rise.
fn payment_of(n: u32, k: u32) -> Incoming {
    payment(9_000 - 10 * n - k, n, "49.90")
}

const PAYMENTS: u32 = 4;

/// Orders `1..=n` with several payments each, issued with two tickets.
async fn paid_several_times(store: &dyn Store, n: u32) {
    for i in 1..=n {
        ingest(store, &[payment_of(i, 0)]).await;
        issue(store, order(i), 2).await;
    }
    for k in 1..PAYMENTS {
        for i in 1..=n {
            ingest(store, &[payment_of(i, k)]).await;
        }
    }
}

/// Processes a paid order until it is issued.
async fn issue(store: &dyn Store, id: OrderId, tickets: u32) -> Vec<Ticket> {
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    assert_eq!(claim.order_id, id);
    let mut freeze = freeze(&claim, tickets);
    for ticket in &mut freeze.tickets {
        ticket.code.generation = 0;
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    assert_eq!(store.complete(&[completion(&claim, &tickets, &["kafka", "web"])]).await.unwrap(), [true]);
    tickets
}

/// Reads the payments of orders `1..=n` again.
async fn read_again(store: Arc<dyn Store>, n: u32) {
    let batch: Vec<_> = (1..=n).flat_map(|i| (0..PAYMENTS).map(move |k| payment_of(i, k))).collect();
    let outcomes = ingest(&*store, &batch).await;
    assert!(outcomes.iter().all(|o| matches!(o, IngestOutcome::Duplicate(_))), "{outcomes:?}");
}

/// Cancels an order, by a message that was not received before.
fn cancelled(n: u32, round: u32) -> Incoming {
    let at = format!(r#","cancelledAt":"2026-11-23T{:02}:{:02}:00Z""#, round / 60, round % 60);
    cancellation_with(n, &at)
}

pub async fn ingest_against_reinstate(backend: &dyn Backend) {
    const ORDERS: u32 = 6;
    paid_several_times(&*backend.store(), ORDERS).await;
    let first = |store: Arc<dyn Store>| async move {
        for round in 0..12 {
            for n in 1..=ORDERS {
                ingest(&*store, &[cancelled(n, round)]).await;
                let record = store.order(order(n)).await.unwrap().unwrap();
                assert_eq!(record.state, OrderState::Voided);
                for ticket in record.tickets {
                    assert!(reinstate(&*store, ticket.id).await.is_some());
                }
            }
        }
    };
    against(backend, first, |store, _| read_again(store, ORDERS)).await;
}

pub async fn ingest_against_acknowledge(backend: &dyn Backend) {
    const ORDERS: u32 = 6;
    paid_several_times(&*backend.store(), ORDERS).await;
    let cancellations: Vec<_> = (1..=ORDERS).map(|n| cancellation(n, "why")).collect();
    ingest(&*backend.store(), &cancellations).await;
    let first = |store: Arc<dyn Store>| async move {
        for round in 0..40 {
            let late: Vec<_> = (1..=ORDERS).map(|n| payment(20_000 - 100 * n - round, n, "1.00")).collect();
            ingest(&*store, &late).await;
            let scope = AttentionScope::Event("event-1".into());
            assert!(store.acknowledge(&scope, "seen", &desk()).await.unwrap() > 0);
        }
    };
    against(backend, first, |store, _| read_again(store, ORDERS)).await;
}

pub async fn ingest_against_erase(backend: &dyn Backend) {
    const ORDERS: u32 = 40;
    paid_several_times(&*backend.store(), ORDERS).await;
    let first = |store: Arc<dyn Store>| async move {
        for n in 1..=ORDERS {
            assert!(store.erase(order(n), &desk()).await.unwrap().is_some());
        }
    };
    against(backend, first, |store, _| read_again(store, ORDERS)).await;
}

/// Refunds of some orders and payments of others, in batches of the same orders.
fn mixed(round: u32, kind: u32) -> Vec<Incoming> {
    const ORDERS: u32 = 24;
    let message = |n: u32| match (n + kind) % 4 {
        0 => payment(n, n, "49.90"),
        1 => refund(n, n, n, ""),
        2 => cancellation(n, "why"),
        _ => payment(50_000 - n, n, "49.90"),
    };
    let orders = (1..=ORDERS).map(|n| n + round * ORDERS);
    if kind.is_multiple_of(2) { orders.map(message).collect() } else { orders.rev().map(message).collect() }
}

pub async fn mixed_batches(backend: &dyn Backend) {
    at_once(backend, 4, |store, task| async move {
        for round in 0..20 {
            for kind in 0..4 {
                let batch = mixed(round, (kind + u32::try_from(task).unwrap()) % 4);
                store.ingest(&batch, &to_kafka(), &loudly()).await.unwrap();
            }
        }
    })
    .await;
}

/// Tickets of all these orders have the same seats; the later the ticket, the lower its seat.
fn of_one_row(mut freeze: Freeze) -> Freeze {
    let count = freeze.tickets.len();
    for (index, ticket) in freeze.tickets.iter_mut().enumerate() {
        ticket.seat.section = Some("1".into());
        ticket.seat.number = Some(format!("{:02}", count - index));
        ticket.code.generation = 0;
    }
    freeze
}

pub async fn freeze_against_void(backend: &dyn Backend) {
    const ORDERS: u32 = 24;
    const SEATS: u32 = 16;
    let store = backend.store();
    let claims = claimed(&*store, 2 * ORDERS).await;
    let (before, later) = claims.split_at(ORDERS as usize);
    let freezes: Vec<_> = before.iter().map(|claim| of_one_row(freeze(claim, SEATS))).collect();
    let outcomes = store.freeze(&freezes).await.unwrap();
    let done: Vec<Completion> =
        before.iter().zip(outcomes).map(|(c, o)| completion(c, &frozen(o), &["kafka"])).collect();
    store.complete(&done).await.unwrap();
    let later: Vec<_> = later.iter().map(|claim| of_one_row(freeze(claim, SEATS))).collect();
    let first = move |store: Arc<dyn Store>| async move {
        for freezes in later.chunks(3) {
            store.freeze(freezes).await.unwrap().into_iter().for_each(|outcome| drop(frozen(outcome)));
        }
    };
    against(backend, first, |store, round| async move {
        if round < ORDERS {
            ingest(&*store, &[cancellation(round + 1, "why")]).await;
        }
    })
    .await;
    let void =
        "SELECT count(*) FROM seats s JOIN tickets t ON t.id = s.ticket_id WHERE t.voided_at IS NOT NULL";
    assert_eq!(backend.number(void).await, 0, "no seat belongs to a void ticket");
}

/// Two tickets of one seat are voided at the same time: the seat never passes on to a ticket that is void.
pub async fn heirs_are_voided_meanwhile(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 40).await;
    for pair in claims.chunks(2) {
        let mut freezes: Vec<_> = pair.iter().map(|claim| of_one_row(freeze(claim, 1))).collect();
        for freeze in &mut freezes {
            freeze.tickets[0].seat.number = Some(pair[0].order_id.to_string());
        }
        store.freeze(&freezes).await.unwrap();
    }
    at_once(backend, 2, |store, task| async move {
        for pair in 0..20_u32 {
            let n = 2 * pair + 1 + u32::try_from(task).unwrap();
            store.ingest(&[cancellation(n, "why")], &to_kafka(), &loudly()).await.unwrap();
        }
    })
    .await;
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 0);
}

pub async fn retry_against_sorted_batches(backend: &dyn Backend) {
    const ORDERS: u32 = 60;
    let store = backend.store();
    // Stored in the opposite order of their ids.
    for n in (1..=ORDERS).rev() {
        ingest(&*store, &[payment(n, n, "49.90")]).await;
    }
    let first = |store: Arc<dyn Store>| async move {
        for round in 0..60 {
            let claims = store.claim("w", ORDERS as usize, LONG).await.unwrap();
            let then = if round % 2 == 0 { NextStep::Park(None) } else { NextStep::Retry(LONG) };
            let releases: Vec<_> = claims
                .iter()
                .map(|claim| Release {
                    order_id: claim.order_id,
                    fence: claim.fence,
                    reason: "not now".into(),
                    failed: Vec::new(),
                    then,
                    refused_answer: None,
                })
                .collect();
            store.release(&releases).await.unwrap();
            let more: Vec<_> = (1..=ORDERS).map(|n| payment(1_000 * (round + 1) + n, n, "1.00")).collect();
            ingest(&*store, &more).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    against(backend, first, |store, _| async move {
        store.retry(RetrySelection::All, &desk()).await.unwrap();
    })
    .await;
}

pub async fn erase_against_deliveries(backend: &dyn Backend) {
    const ORDERS: u32 = 30;
    let store = backend.store();
    for n in 1..=ORDERS {
        let unreadable = said(i64::from(n), Subject::Payment, format!("{{{}", order(n)).as_bytes());
        ingest(&*store, &[payment(n, n, "49.90"), unreadable]).await;
        issue(&*store, order(n), 6).await;
    }
    let first = |store: Arc<dyn Store>| async move {
        for n in (1..=ORDERS).rev() {
            assert!(store.erase(order(n), &desk()).await.unwrap().is_some());
        }
    };
    against(backend, first, |store, round| async move {
        let destination = if round % 2 == 0 { "kafka" } else { "web" };
        let lent = store.claim_deliveries(destination, 500, SHORT).await.unwrap();
        let retry = |id| (id, DeliveryOutcome::Retry { after: Duration::ZERO, reason: "not now".into() });
        let outcomes: Vec<_> = lent.iter().map(|delivery| retry(delivery.outbox_id)).collect();
        store.record_deliveries(destination, &outcomes).await.unwrap();
        store.sequence_events(500).await.unwrap();
    })
    .await;
}
