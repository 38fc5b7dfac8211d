//! Conformance of completion: recording generated tickets.

use fulfillment_domain::{Delivered, OrderState, TicketStatus};

use super::Backend;
use super::fixtures::{
    at, at_stored, claimed, completion, desk, freeze, frozen, generated, order, quietly, rows,
};
use crate::Completion;

pub async fn issues(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    let done = completion(&claim, &tickets, &["kafka", "webhook:a"]);
    assert_eq!(store.complete(std::slice::from_ref(&done)).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason, record.attempts), (OrderState::Issued, None, 0));
    assert_eq!(record.next_attempt_at, None);
    for (stored, given) in record.tickets.iter().zip(&done.generated) {
        let mut given = given.ticket.clone();
        given.document.generated_at = Some(at_stored());
        given.lifecycle.updated_at = stored.lifecycle.updated_at;
        assert_eq!(stored, &given);
    }
    let why = "SELECT count(*) FROM ticket_history WHERE from_status = 'Pending' AND to_status = 'Generated' \
               AND who = 'w'";
    assert_eq!(backend.number(why).await, 2);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 2);
    assert_eq!(backend.number("SELECT count(*) FROM outbox_delivery").await, 4);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn step_by_step(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    let step = Completion { finished: false, ..completion(&claim, &tickets[..1], &[]) };
    assert_eq!(store.complete(&[step]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempts), (OrderState::Enriched, 0), "progress is a new budget");
    assert_eq!(store.renew(&[(order(1), claim.fence)], super::fixtures::LONG).await.unwrap(), [order(1)]);
    assert_eq!(store.complete(&[completion(&claim, &tickets[1..], &[])]).await.unwrap(), [true]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 3);
}

pub async fn keeps_what_is_done(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    let step = Completion { finished: false, ..completion(&claim, &tickets[..1], &[]) };
    store.complete(&[step]).await.unwrap();
    let mut other = completion(&claim, &tickets, &[]);
    for done in &mut other.generated {
        done.ticket.document.sha256 = Some([9; 32]);
        done.events[0].id = uuid::Uuid::from_u128(u128::from(done.ticket.line.index));
    }
    assert_eq!(store.complete(&[other]).await.unwrap(), [true]);
    assert_eq!(store.ticket(tickets[0].id).await.unwrap().unwrap().document.sha256, Some([7; 32]));
    assert_eq!(store.ticket(tickets[1].id).await.unwrap().unwrap().document.sha256, Some([9; 32]));
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 2, "no second event for the first");
}

pub async fn delivered_before_generated(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    let word = Delivered {
        ticket_id: tickets[0].id,
        channel: Some("email".into()),
        delivered_at: None,
        generation: None,
    };
    let noted = store.deliver(&word, at()).await.unwrap().unwrap();
    assert_eq!(
        (noted.lifecycle.status, noted.lifecycle.delivered_at),
        (TicketStatus::Pending, Some(at_stored()))
    );
    store.complete(&[completion(&claim, &tickets, &[])]).await.unwrap();
    let ticket = store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert_eq!(
        (ticket.lifecycle.status, ticket.lifecycle.delivered_at),
        (TicketStatus::Delivered, Some(at_stored()))
    );
    assert!(ticket.document.path.is_some());
}

pub async fn voided_tickets(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    assert!(store.void_ticket(tickets[0].id, "refund", &quietly(), &desk()).await.unwrap());
    assert_eq!(store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
    assert_eq!(store.ticket(tickets[0].id).await.unwrap().unwrap().lifecycle.status, TicketStatus::Pending);
    assert_eq!(store.ticket(tickets[1].id).await.unwrap().unwrap().lifecycle.status, TicketStatus::Generated);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 1);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued, "nothing is left");
}

pub async fn finished_needs_every_ticket(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    assert_eq!(store.complete(&[completion(&claim, &tickets[..1], &[])]).await.unwrap(), [true]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Enriched);
}

pub async fn voided_orders(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let mut done = Vec::new();
    for claim in &claims {
        let tickets = frozen(store.freeze(&[freeze(claim, 1)]).await.unwrap().remove(0));
        done.push(completion(claim, &tickets, &["kafka"]));
    }
    backend.execute("UPDATE orders SET state = 'voided' WHERE payment_key = 'pay-1'").await;
    assert_eq!(store.complete(&done).await.unwrap(), [false, true]);
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Voided);
    assert_eq!(backend.number("SELECT count(*) FROM tickets WHERE status = 'Pending'").await, 1);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 1);
}

pub async fn repeats_change_nothing(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    let done = completion(&claim, &tickets, &["kafka"]);
    assert_eq!(store.complete(&[done.clone(), done.clone()]).await.unwrap(), [true, true]);
    let (before, record) = (rows(backend).await, store.order(order(1)).await.unwrap());
    assert_eq!(store.complete(&[done]).await.unwrap(), [true]);
    assert_eq!((rows(backend).await, store.order(order(1)).await.unwrap()), (before, record));
    assert_eq!(generated(&tickets[0], &[]).ticket.lifecycle.sequence, 1);
    assert!(store.complete(&[]).await.unwrap().is_empty());
}
