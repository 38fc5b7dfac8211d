//! Conformance of freezing orders.

use fulfillment_domain::{Flag, OrderState};

use super::Backend;
use super::fixtures::{
    LONG, at_once, at_stored, cancellation, claimed, desk, freeze, frozen, loudly, order, quietly, refund,
    ticket, to_kafka,
};
use crate::{FreezeOutcome, RetrySelection};

pub async fn writes_tickets_whole(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    assert!(store.order(order(1)).await.unwrap().unwrap().notes.is_empty());
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    assert_eq!(tickets.len(), 3);
    for (index, stored) in (1..).zip(&tickets) {
        let mut given = ticket(order(1), index);
        for time in
            [&mut given.lifecycle.created_at, &mut given.lifecycle.updated_at, &mut given.lifecycle.issued_at]
        {
            *time = at_stored();
        }
        given.event.starts_at = Some(at_stored());
        given.event.ends_at = Some(at_stored());
        assert_eq!(stored, &given);
        assert_eq!(stored.price.to_string(), "49.90");
        assert_eq!(store.ticket(given.id).await.unwrap().as_ref(), Some(&given), "reads as it was answered");
    }
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.tickets), (OrderState::Enriched, tickets));
    assert_eq!(record.notes, ["doorsAt was \"left\" out", "東"]);
    assert_eq!(backend.number("SELECT length(snapshot) FROM orders").await, 15);
    assert!(store.freeze(&[]).await.unwrap().is_empty());
}

pub async fn without_tickets_is_issued(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let empty = crate::Freeze { tickets: vec![], ..freeze(&claims[0], 1) };
    let outcomes = store.freeze(&[empty.clone(), freeze(&claims[1], 1)]).await.unwrap();
    assert_eq!(outcomes[0], FreezeOutcome::Stale, "nothing is left to do");
    assert_eq!(frozen(outcomes[1].clone()).len(), 1);
    for _ in 0..2 {
        let record = store.order(order(1)).await.unwrap().unwrap();
        assert_eq!((record.state, record.reason.as_deref()), (OrderState::Issued, Some("nothing_admits")));
        assert_eq!((record.tickets.len(), record.next_attempt_at, record.notes.len()), (0, None, 2));
        assert_eq!(backend.number("SELECT count(*) FROM orders WHERE worker IS NOT NULL").await, 1);
        assert_eq!(
            store.freeze(std::slice::from_ref(&empty)).await.unwrap(),
            [FreezeOutcome::Stale],
            "again"
        );
        assert!(store.claim("w", 9, LONG).await.unwrap().is_empty());
        assert_eq!(store.retry(RetrySelection::Order(order(1)), &desk()).await.unwrap(), 0);
    }
    store.ingest(&[refund(1, 1, 1, "")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Voided, "a refund in full");
}

pub async fn again_answers_the_first(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let first = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    let mut other = freeze(&claim, 3);
    for (n, ticket) in other.tickets.iter_mut().enumerate() {
        ticket.event.name = "Another".into();
        ticket.number = format!("OTHER{n}");
    }
    let second = store.freeze(&[other.clone(), other]).await.unwrap();
    assert_eq!(second, [FreezeOutcome::Frozen(first.clone()), FreezeOutcome::Frozen(first)]);
    assert_eq!(backend.number("SELECT count(*) FROM tickets").await, 2);
}

pub async fn numbers_taken(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 4).await;
    frozen(store.freeze(&[freeze(&claims[0], 1)]).await.unwrap().remove(0));
    let taken = ticket(order(1), 1).number;
    let mut stored_before = freeze(&claims[1], 2);
    stored_before.tickets[1].number.clone_from(&taken);
    let mut within_batch = freeze(&claims[3], 2);
    within_batch.tickets[0].number = ticket(order(3), 1).number;
    let good = freeze(&claims[2], 1);
    let outcomes = store.freeze(&[stored_before.clone(), good, within_batch]).await.unwrap();
    assert_eq!(outcomes[0], FreezeOutcome::NumberTaken(taken));
    assert_eq!(frozen(outcomes[1].clone()).len(), 1);
    assert_eq!(outcomes[2], FreezeOutcome::NumberTaken(ticket(order(3), 1).number));
    assert_eq!(backend.number("SELECT count(*) FROM tickets").await, 2);
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 2, "nothing is left of the refused");
    assert_eq!(store.order(order(2)).await.unwrap().unwrap().state, OrderState::Received);
    stored_before.tickets[1].number = "FREE".into();
    assert_eq!(frozen(store.freeze(&[stored_before]).await.unwrap().remove(0)).len(), 2);
    let mut twice = freeze(&claims[3], 2);
    twice.tickets[1].number = "TWICE".into();
    twice.tickets[0].number = "TWICE".into();
    assert!(matches!(store.freeze(&[twice]).await.unwrap()[0], FreezeOutcome::NumberTaken(_)));
}

pub async fn voided_orders_are_stale(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    backend.execute("UPDATE orders SET state = 'voided' WHERE payment_key = 'pay-1'").await;
    let outcomes = store.freeze(&[freeze(&claims[0], 1), freeze(&claims[1], 1)]).await.unwrap();
    assert_eq!(outcomes[0], FreezeOutcome::Stale);
    frozen(outcomes[1].clone());
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Voided);
}

pub async fn seat_conflicts(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 3).await;
    let same_seat = |n: usize, tickets: u32| {
        let mut freeze = freeze(&claims[n], tickets);
        for ticket in &mut freeze.tickets {
            ticket.seat.section = Some("A ".into());
            ticket.seat.number = Some("12".into());
        }
        freeze
    };
    let mut other_event = same_seat(1, 2);
    other_event.tickets[1].event.id = "event-2".into();
    let outcomes = store.freeze(&[same_seat(0, 2), other_event]).await.unwrap();
    let flags = |outcome: &FreezeOutcome| -> Vec<bool> {
        frozen(outcome.clone()).iter().map(|t| t.flags.contains(Flag::SeatConflict)).collect()
    };
    assert_eq!(flags(&outcomes[0]), [false, true], "within an order");
    assert_eq!(flags(&outcomes[1]), [true, false], "within a batch, by event");
    assert_eq!(flags(&store.freeze(&[same_seat(2, 1)]).await.unwrap()[0]), [true], "across batches");
    assert_eq!(flags(&store.freeze(&[same_seat(0, 2)]).await.unwrap()[0]), [false, true], "and a repeat");
    assert_eq!(store.summary().await.unwrap().seat_conflicts, 3);
}

pub async fn placeholders_share(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, 3);
    for ticket in &mut freeze.tickets {
        ticket.seat.label = "N/A".into();
        ticket.seat.section = None;
        ticket.seat.row = None;
        ticket.seat.number = None;
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    assert!(tickets.iter().all(|t| t.flags.iter().next().is_none()));
}

pub async fn freed_seats(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 4).await;
    let freeze = |n: usize| {
        let mut freeze = freeze(&claims[n], 1);
        freeze.tickets[0].seat.id = Some("s".into());
        freeze
    };
    let conflict = |outcome: FreezeOutcome| frozen(outcome)[0].flags.contains(Flag::SeatConflict);
    assert!(!conflict(store.freeze(&[freeze(0)]).await.unwrap().remove(0)));
    assert!(conflict(store.freeze(&[freeze(1)]).await.unwrap().remove(0)));
    assert!(store.void_ticket(ticket(order(1), 1).id, "refund", &quietly(), &desk()).await.unwrap());
    assert!(conflict(store.freeze(&[freeze(2)]).await.unwrap().remove(0)), "the second has the seat now");
    assert!(store.void_ticket(ticket(order(2), 1).id, "refund", &quietly(), &desk()).await.unwrap());
    assert!(store.void_ticket(ticket(order(3), 1).id, "refund", &quietly(), &desk()).await.unwrap());
    assert!(!conflict(store.freeze(&[freeze(3)]).await.unwrap().remove(0)), "nobody has it");
}

pub async fn concurrent_seats_and_numbers(backend: &dyn Backend) {
    let claims = claimed(&*backend.store(), 24).await;
    let outcomes = at_once(backend, 8, move |store, n| {
        let mut batch: Vec<_> = claims.iter().skip(n * 3).take(3).map(|c| freeze(c, 4)).collect();
        for ticket in batch.iter_mut().flat_map(|f| &mut f.tickets) {
            ticket.seat.section = Some("A".into());
        }
        batch[1].tickets[2].number = "WANTED".into();
        if n % 2 == 1 {
            batch.reverse();
            for freeze in &mut batch {
                freeze.tickets.reverse();
            }
        }
        async move { store.freeze(&batch).await.unwrap() }
    })
    .await;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let refused = outcomes.iter().filter(|o| matches!(o, FreezeOutcome::NumberTaken(n) if n == "WANTED"));
    assert_eq!(refused.count(), 7, "one of eight has the number");
    let tickets: Vec<_> =
        outcomes.into_iter().filter(|o| matches!(o, FreezeOutcome::Frozen(_))).flat_map(frozen).collect();
    assert_eq!(tickets.len(), 17 * 4);
    let free = tickets.iter().filter(|t| !t.flags.contains(Flag::SeatConflict)).count();
    assert_eq!(free, 4, "each of the four seats has one ticket without the flag");
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 4);
}

pub async fn odd_text(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, 1);
    let ticket = &mut freeze.tickets[0];
    ticket.holder.name = Some("a\0b\\u0000 \u{10ffff} \" ' \t\u{1}\u{2028}".into());
    ticket.customer.name = Some(String::new());
    ticket.event.name = "\0Night\0".into();
    ticket.payment_id = Some("p\0".into());
    ticket.line.key = "pos:0".into();
    ticket.event.starts_at = Some("-009999-01-03T04:00:00Z".parse().unwrap());
    ticket.event.ends_at = Some("9999-12-30T21:00:00.9999999Z".parse().unwrap());
    let stored = frozen(store.freeze(&[freeze]).await.unwrap().remove(0)).remove(0);
    assert_eq!(
        stored.holder.name.as_deref(),
        Some("ab\\u0000 \u{10ffff} \" ' \t\u{1}\u{2028}"),
        "but for NUL"
    );
    assert_eq!(stored.customer.name.as_deref(), Some(""));
    assert_eq!((&*stored.event.name, stored.payment_id.as_deref()), ("Night", Some("p")));
    assert_eq!(stored.event.ends_at, Some("9999-12-30T21:00:00.999999Z".parse().unwrap()));
    assert!(store.claim("w", 1, LONG).await.unwrap().is_empty());
    assert_eq!(store.ticket(stored.id).await.unwrap(), Some(stored));
}

/// A freeze of one ticket, always for the same seat, at another hour.
fn at_hour(claim: &crate::Claim, hours: i64) -> crate::Freeze {
    let mut freeze = freeze(claim, 1);
    let ticket = &mut freeze.tickets[0];
    ticket.seat.section = Some("1".into());
    ticket.event.starts_at = ticket.event.starts_at.map(|at| at + jiff::SignedDuration::from_hours(hours));
    freeze
}

pub async fn a_seat_of_two_dates_is_two(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 4).await;
    // The event begins at 3:30 in Tokyo: four hours earlier is the evening before there, and the same day in UTC.
    let hours = [0, 24, 2, -4];
    let batch: Vec<_> = claims.iter().zip(hours).map(|(claim, hours)| at_hour(claim, hours)).collect();
    let outcomes = store.freeze(&batch).await.unwrap();
    let conflicts: Vec<_> =
        outcomes.into_iter().map(|o| frozen(o)[0].flags.contains(Flag::SeatConflict)).collect();
    assert_eq!(conflicts, [false, false, true, false]);
}

pub async fn seats_of_before_dates_were_kept(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 4).await;
    let conflict = |outcome: FreezeOutcome| frozen(outcome)[0].flags.contains(Flag::SeatConflict);
    let first = store.freeze(&[at_hour(&claims[0], 0)]).await.unwrap().remove(0);
    assert!(!conflict(first));
    for table in ["seats", "tickets"] {
        let sql = format!("UPDATE {table} SET seat_key = 'in:1\u{1f}5\u{1f}1'");
        backend.execute(&sql).await;
    }
    for (claim, hours, expected) in [(&claims[1], 0, true), (&claims[2], 24, false)] {
        let outcome = store.freeze(&[at_hour(claim, hours)]).await.unwrap().remove(0);
        assert_eq!(conflict(outcome), expected, "{hours}");
    }
    store.ingest(&[cancellation(1, "off"), cancellation(2, "off")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 1, "freed under either key");
    let again = store.freeze(&[at_hour(&claims[3], 0)]).await.unwrap().remove(0);
    assert!(!conflict(again));
}
