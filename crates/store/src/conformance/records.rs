//! Conformance of queries.

use fulfillment_domain::{Delivered, OrderState, Ticket, TicketId, TicketStatus};
use jiff::{SignedDuration, Timestamp};

use super::Backend;
use super::fixtures::{
    at, at_stored, cancellation, claimed, desk, generated, ingest, issued, message, order, payment, quietly,
    ticket, to_kafka,
};
use crate::decide::summary::{COUNTS, GROUPS};
use crate::{OrderPages, Redrawn, Reissue};

/// The statements of the summary.
pub const SUMMARY: [&str; 2] = [GROUPS, COUNTS];

fn nobody() -> TicketId {
    TicketId(uuid::Uuid::from_u128(404))
}

pub async fn order_with_everything(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 1, 3).await;
    ingest(&*store, &[payment(8, 1, "1.10")]).await;
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(record.state, OrderState::Issued);
    assert_eq!(record.tickets.iter().map(|t| t.line.index).collect::<Vec<_>>(), [1, 2, 3]);
    let paid: Vec<_> = record.payments.iter().map(|p| p.amount.unwrap().to_string()).collect();
    assert_eq!(paid, ["49.90", "1.10"]);
    assert!(store.order(order(9)).await.unwrap().is_none());
}

pub async fn orders_by_time(backend: &dyn Backend) {
    let store = backend.store();
    store.ingest(&[cancellation(9, "rain")], &to_kafka(), &quietly()).await.unwrap();
    ingest(&*store, &[payment(3, 3, "1"), payment(1, 1, "1"), payment(2, 2, "1")]).await;
    let mut late = payment(4, 4, "1");
    late.received_at += jiff::SignedDuration::from_hours(1);
    ingest(&*store, &[late.clone()]).await;
    let since = async |at, after, limit| store.orders_since(at, after, limit).await.unwrap();
    assert_eq!(
        since(at_stored(), None, 9).await,
        [order(1), order(2), order(3), order(4)],
        "paid ones alone"
    );
    assert_eq!(since(at_stored(), None, 2).await, [order(1), order(2)]);
    assert_eq!(since(at_stored(), Some(order(2)), 2).await, [order(3), order(4)]);
    assert_eq!(since(late.received_at, None, 9).await, [order(4)]);
    assert_eq!(since(at_stored(), Some(order(4)), 9).await, []);
}

pub async fn tickets_in_parts(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 5).await;
    let part = async |after, limit| {
        let part = store.tickets_after(order(1), after, limit).await.unwrap();
        part.iter().map(|t| t.line.index).collect::<Vec<_>>()
    };
    assert_eq!(part(0, 2).await, [1, 2]);
    assert_eq!(part(2, 2).await, [3, 4]);
    assert_eq!(part(4, 2).await, [5]);
    assert_eq!(part(5, 2).await, [0; 0]);
    let whole = store.order(order(1)).await.unwrap().unwrap().tickets;
    assert_eq!(store.tickets_after(order(1), 0, 9).await.unwrap(), whole);
}

pub async fn by_number(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 1, 2).await;
    let found = store.ticket_by_number(&tickets[1].number).await.unwrap().unwrap();
    assert_eq!(found.id, tickets[1].id);
    assert!(store.ticket_by_number("nothing\0").await.unwrap().is_none());
    assert!(store.ticket(nobody()).await.unwrap().is_none());
}

pub async fn deliver(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    let word = |channel: &str| Delivered {
        ticket_id: id,
        channel: Some(channel.into()),
        delivered_at: Some("2026-11-23T00:00:00Z".parse().unwrap()),
        generation: None,
    };
    let first = store.deliver(&word("email"), at()).await.unwrap().unwrap();
    assert_eq!(first.lifecycle.status, TicketStatus::Delivered);
    assert_eq!(first.lifecycle.delivered_at.unwrap().to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(store.deliver(&word("sms"), at()).await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.ticket(id).await.unwrap(), Some(first));
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE to_status = 'Delivered'").await, 1);
    let unknown = Delivered { ticket_id: nobody(), channel: None, delivered_at: None, generation: None };
    assert!(store.deliver(&unknown, at()).await.unwrap().is_none());
}

pub async fn downloaded(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    store.downloaded(id, at()).await.unwrap();
    store.downloaded(id, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(store.ticket(id).await.unwrap().unwrap().lifecycle.first_downloaded_at, Some(at_stored()));
    store.downloaded(nobody(), at()).await.unwrap();
}

pub async fn delivered_generations(backend: &dyn Backend) {
    let store = backend.store();
    let live = reissued(backend).await;
    let word = |generation: Option<u32>, delivered_at: Option<Timestamp>| Delivered {
        ticket_id: live.id,
        channel: Some("email\0".into()),
        delivered_at,
        generation,
    };
    let former = "SELECT count(*) FROM ticket_revisions WHERE generation = 0 AND delivery_channel = 'email' \
                  AND delivered_at IS NOT NULL";
    let early = at() - SignedDuration::from_mins(1);
    for (word, on_record) in [
        (word(Some(7), None), 0),
        (word(Some(0), None), 1),
        (word(Some(0), Some(early)), 1),
        (word(None, Some(early)), 1),
    ] {
        let answer = store.deliver(&word, at()).await.unwrap();
        assert_eq!(answer.as_ref(), Some(&live), "{word:?} is not of the live one");
        assert_eq!(store.ticket(live.id).await.unwrap().as_ref(), Some(&live), "{word:?}");
        assert_eq!(backend.number(former).await, on_record, "{word:?}");
    }
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE who = 'notification'").await, 1);
    // A message without a number is about the generation that was stored at its time.
    backend.execute("UPDATE ticket_revisions SET delivered_at = NULL, delivery_channel = NULL").await;
    store.deliver(&word(None, Some(early)), at()).await.unwrap();
    assert_eq!(backend.number(former).await, 1);
    let answer = store.deliver(&word(None, Some(at())), at()).await.unwrap().unwrap();
    assert_eq!(
        (answer.lifecycle.status, answer.lifecycle.delivered_at),
        (TicketStatus::Delivered, Some(at_stored()))
    );
    // A clock that is behind does not lose the delivery of a ticket that was never reissued.
    backend.execute("DELETE FROM ticket_revisions").await;
    backend.execute("UPDATE tickets SET status = 'Generated', delivered_at = NULL").await;
    let answer = store.deliver(&word(None, Some(early)), at()).await.unwrap().unwrap();
    assert_eq!(answer.lifecycle.status, TicketStatus::Delivered);
}

/// A ticket whose second generation is live.
async fn reissued(backend: &dyn Backend) -> Ticket {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    backend.execute("UPDATE tickets SET generation = 0").await;
    let mut next = store.ticket(id).await.unwrap().unwrap();
    next.code.generation = 1;
    let done = generated(&next, &[]);
    let reissue = Reissue {
        ticket: done.ticket,
        expected: 0,
        reinstates: false,
        events: vec![],
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap()
}

pub async fn redrawn(backend: &dyn Backend) {
    let store = backend.store();
    let live = reissued(backend).await;
    let id = live.id;
    let page = |generation: u32, byte: u8, size: u64| Redrawn {
        generation,
        sha256: [byte; 32],
        size,
        renderer: "2\0".into(),
    };
    let of = |generation: u32| page(generation, 8, 9);
    store.redrawn(id, &page(1, 7, 18_700)).await.unwrap();
    assert_eq!(store.ticket(id).await.unwrap().as_ref(), Some(&live), "the same bytes change nothing");
    store.redrawn(id, &of(0)).await.unwrap();
    store.redrawn(id, &of(2)).await.unwrap();
    assert_eq!(
        store.ticket(id).await.unwrap(),
        Some(live),
        "a page of another generation is not the live one's"
    );
    store.redrawn(id, &of(1)).await.unwrap();
    let after = store.ticket(id).await.unwrap().unwrap();
    assert_eq!(
        (after.document.sha256, after.document.size, after.document.renderer.as_str()),
        (Some([8; 32]), Some(9), "2")
    );
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE why LIKE '%drawn again%'").await, 2);
    store.redrawn(nobody(), &of(0)).await.unwrap();
}

pub async fn void(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    assert!(store.void_ticket(id, "refund\0", &quietly(), &desk()).await.unwrap());
    assert!(!store.void_ticket(id, "again", &quietly(), &desk()).await.unwrap());
    assert!(!store.void_ticket(nobody(), "x", &quietly(), &desk()).await.unwrap());
    let ticket = store.ticket(id).await.unwrap().unwrap();
    assert!(ticket.lifecycle.voided_at.is_some());
    assert_eq!(
        (ticket.lifecycle.void_reason.as_deref(), ticket.lifecycle.status),
        (Some("refund"), TicketStatus::Generated)
    );
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE why LIKE 'voided%'").await, 1);
}

pub async fn summary(backend: &dyn Backend) {
    let store = backend.store();
    let empty = store.summary().await.unwrap();
    assert_eq!((empty.orders.len(), empty.tickets.len(), empty.undelivered), (3, 2, 0));
    assert!(!store.any_generated().await.unwrap());
    issued(&*store, 2, 2).await;
    claimed(&*store, 0).await;
    ingest(&*store, &[payment(5, 5, "1"), payment(5, 5, "1"), payment(6, 5, "1"), message(7, b"x")]).await;
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.orders["received"], summary.orders["enriched"], summary.orders["parked"]), (1, 0, 0));
    assert_eq!((summary.tickets["Pending"], summary.tickets["Failed"], summary.dead_lettered), (0, 0, 1));
    assert!(store.any_generated().await.unwrap());
    assert_eq!((summary.undelivered, summary.retrying, summary.seat_conflicts), (5, 0, 0));
    assert_eq!(ticket(order(1), 1).order_id, order(1));
}

pub async fn pages_of_an_order(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.order_pages(order(9)).await.unwrap(), OrderPages::default(), "there is none");
    let tickets = issued(&*store, 1, 3).await;
    let first = store.order_pages(order(1)).await.unwrap();
    let generations = tickets.iter().map(|ticket| u64::from(ticket.code.generation)).sum();
    assert_eq!(first, OrderPages { generations, pages: 3 });
    store.void_ticket(tickets[0].id, "off", &quietly(), &desk()).await.unwrap();
    backend.execute(&format!("UPDATE tickets SET generation = 7 WHERE id = '{}'", tickets[0].id)).await;
    backend
        .execute(&format!("UPDATE tickets SET flags = 'seat_conflict,legacy' WHERE id = '{}'", tickets[1].id))
        .await;
    let then = store.order_pages(order(1)).await.unwrap();
    let generations = generations - u64::from(tickets[0].code.generation) + 7;
    assert_eq!(then, OrderPages { generations, pages: 1 }, "a void one has a generation and no page");
}
