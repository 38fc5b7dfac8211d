//! Conformance of reissues: new generations of tickets.

use fulfillment_domain::{EventKind, Flag, Message, OrderState, Ticket, TicketStatus, Withdrawal};

use super::Backend;
use super::fixtures::{
    LONG, at_once, cancellation, cancellation_with, claimed, desk, draft, freeze, frozen, generated, ingest,
    issued, loudly, order, payment, reinstate, sold, to_kafka,
};
use crate::WithdrawalState::{Applied, Lifted};
use crate::{Draft, IngestOutcome, Reissue, Source, Store, WithdrawalState};

/// An issued ticket of the fixture, whose generation starts where the service's does.
async fn one(backend: &dyn Backend) -> Ticket {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    backend.execute("UPDATE tickets SET generation = 0").await;
    store.ticket(id).await.unwrap().unwrap()
}

fn next(live: &Ticket, generation: u32, reinstates: bool) -> Reissue {
    let mut ticket = live.clone();
    ticket.code.generation = generation;
    ticket.holder.name = Some("Another Holder".into());
    ticket.code.data = format!("TK1:GEN{generation}");
    ticket.lifecycle.delivered_at = None;
    (ticket.lifecycle.voided_at, ticket.lifecycle.void_reason) = (None, None);
    let mut done = generated(&ticket, &["kafka"]);
    done.ticket.document.sha256 = Some([generation.to_be_bytes()[3]; 32]);
    Reissue {
        ticket: done.ticket,
        expected: live.code.generation,
        reinstates,
        events: done.events,
        by: desk(),
        reason: Some("sold on\0".into()),
        request: Some(format!("request-{generation}")),
    }
}

pub async fn the_new_takes_the_place_of_the_old(backend: &dyn Backend) {
    let store = backend.store();
    let live = one(backend).await;
    assert!(store.reserve(live.id, &draft(&live, 1), None).await.unwrap());
    assert_eq!(store.ticket(live.id).await.unwrap().as_ref(), Some(&live), "the old one is good until then");
    let reissue = next(&live, 1, false);
    let stands = store.reissue(&reissue).await.unwrap().unwrap();
    assert_eq!((stands.code.generation, stands.lifecycle.sequence), (1, 2));
    assert_eq!((stands.lifecycle.status, stands.code.data.as_str()), (TicketStatus::Generated, "TK1:GEN1"));
    let stored = store.ticket(live.id).await.unwrap().unwrap();
    assert_eq!(stored.holder.name.as_deref(), Some("Another Holder"));
    assert_eq!(stored, stands, "what was answered is what stands");
    assert_eq!(stored.lifecycle.created_at, live.lifecycle.created_at);
    let kept = "SELECT count(*) FROM ticket_revisions WHERE generation = 0 AND who = 'desk' AND why = 'sold on' \
                AND record LIKE '%TK1:ABC%' AND cti = 'ff000102030405060708'";
    assert_eq!(backend.number(kept).await, 1);
    let told = "SELECT count(*) FROM ticket_history WHERE why = 'reissued as generation 1: sold on'";
    assert_eq!(backend.number(told).await, 1);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 2);
    let drafted = store.drafted(live.id).await.unwrap();
    assert_eq!((drafted.draft, drafted.next), (None, 2), "the draft has become live");
    assert!(store.was_reissued(live.id, "request-1").await.unwrap());
    assert!(!store.was_reissued(live.id, "request-2").await.unwrap());
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued);
}

pub async fn drafts_keep_their_number(backend: &dyn Backend) {
    let store = backend.store();
    let live = one(backend).await;
    let drafted = store.drafted(live.id).await.unwrap();
    assert_eq!((drafted.draft, drafted.next), (None, 1));
    let first = draft(&live, 1);
    assert!(store.reserve(live.id, &first, None).await.unwrap());
    assert_eq!(store.drafted(live.id).await.unwrap().draft.as_ref(), Some(&first), "whole");
    let other = Draft { holder_name: Some("Grace".into()), ..first.clone() };
    assert!(!store.reserve(live.id, &other, None).await.unwrap(), "the first has come before");
    assert!(store.reserve(live.id, &other, Some(&first)).await.unwrap(), "under the same number");
    assert!(!store.reserve(live.id, &first, Some(&first)).await.unwrap(), "it was replaced");
    assert_eq!(store.drafted(live.id).await.unwrap().draft.as_ref(), Some(&other));
    let higher = draft(&live, 255);
    assert!(store.reserve(live.id, &higher, Some(&other)).await.unwrap());
    let drafted = store.drafted(live.id).await.unwrap();
    assert_eq!((drafted.draft, drafted.next), (Some(higher.clone()), 1), "no number is lost for good");
    let lower = draft(&live, 0);
    assert!(!store.reserve(live.id, &lower, Some(&higher)).await.unwrap(), "the live one's own number");
    assert!(!store.reserve(super::fixtures::ticket(order(9), 1).id, &first, None).await.unwrap());
}

pub async fn what_came_in_between_is_refused(backend: &dyn Backend) {
    let store = backend.store();
    let live = one(backend).await;
    let stale = Draft { expected: 7, ..draft(&live, 8) };
    assert!(!store.reserve(live.id, &stale, None).await.unwrap(), "another generation is live");
    assert_eq!(store.reissue(&next(&live, 1, true)).await.unwrap(), None, "it is not void");
    let sleeper = next(&live, 1, false);
    assert!(store.reissue(&next(&live, 2, false)).await.unwrap().is_some());
    assert_eq!(store.reissue(&sleeper).await.unwrap(), None, "a paused writer changes nothing");
    let stored = store.ticket(live.id).await.unwrap().unwrap();
    assert!(store.void_ticket(live.id, "refund", &loudly(), &desk()).await.unwrap());
    assert_eq!(store.reissue(&next(&stored, 3, false)).await.unwrap(), None, "it was voided meanwhile");
    assert_eq!(backend.number("SELECT count(*) FROM ticket_revisions").await, 1);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 3);
}

pub async fn two_at_once(backend: &dyn Backend) {
    let live = one(backend).await;
    let wanted = live.clone();
    let answers = at_once(backend, 6, move |store, n| {
        let live = wanted.clone();
        async move {
            let mine = Draft { request: Some(n.to_string()), ..draft(&live, 1) };
            let kept = store.reserve(live.id, &mine, None).await.unwrap();
            let mut reissue = next(&live, 1, false);
            reissue.request = Some(n.to_string());
            (kept, store.reissue(&reissue).await.unwrap().is_some())
        }
    })
    .await;
    assert!(answers.iter().filter(|(kept, _)| *kept).count() <= 1, "one draft a ticket: {answers:?}");
    assert_eq!(answers.iter().filter(|(_, done)| *done).count(), 1, "{answers:?}");
    assert_eq!(backend.number("SELECT count(*) FROM ticket_revisions").await, 1);
}

pub async fn seats_change_hands(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 3).await;
    let seated = |n: usize, seat: &str| {
        let mut freeze = freeze(&claims[n], 1);
        freeze.tickets[0].seat.id = Some(seat.into());
        freeze.tickets[0].code.generation = 0;
        freeze
    };
    let mut all = Vec::new();
    for (n, seat) in [(0, "a"), (1, "b"), (2, "b")] {
        let tickets = frozen(store.freeze(&[seated(n, seat)]).await.unwrap().remove(0));
        let done = super::fixtures::completion(&claims[n], &tickets, &[]);
        assert_eq!(store.complete(&[done]).await.unwrap(), [true]);
        all.push(store.ticket(tickets[0].id).await.unwrap().unwrap());
    }
    let conflict = |t: &Ticket| t.flags.contains(Flag::SeatConflict);
    assert!(!conflict(&all[1]) && conflict(&all[2]));
    let mut away = next(&all[2], 1, false);
    away.ticket.seat.id = Some("c".into());
    assert!(!conflict(&store.reissue(&away).await.unwrap().unwrap()), "a seat of its own");
    let mut onto = next(&all[0], 1, false);
    onto.ticket.seat.id = Some("b".into());
    assert!(conflict(&store.reissue(&onto).await.unwrap().unwrap()), "another's, and said so");
    assert!(store.void_ticket(all[1].id, "refund", &loudly(), &desk()).await.unwrap());
    let heir = "SELECT count(*) FROM seats s JOIN tickets t ON t.id = s.ticket_id \
                WHERE s.seat_key LIKE 'id:' || t.seat_id || '_on:%'";
    assert_eq!(backend.number(heir).await, 2, "the seat a is free, b went on to the first, c is the third's");
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 2);
}

pub async fn reinstated(backend: &dyn Backend) {
    let store = backend.store();
    let live = one(backend).await;
    let off = [cancellation(1, "rain")];
    store.ingest(&off, &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(ingest(&*store, &[payment(2, 1, "1")]).await, [IngestOutcome::Late(order(1))]);
    let void = store.ticket(live.id).await.unwrap().unwrap();
    let mut again = next(&void, 1, true);
    again.ticket.code.era = 1;
    let stands = store.reissue(&again).await.unwrap().unwrap();
    assert_eq!((stands.lifecycle.voided_at, stands.code.era, stands.lifecycle.sequence), (None, 1, 3));
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason), (OrderState::Issued, None));
    assert_eq!(record.withdrawals[0].state, WithdrawalState::Lifted);
    // The topic is read again: the same cancellation is known, and was dismissed.
    store.ingest(&off, &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued);
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 1, "it has its seat again");
    // A different cancellation is a new one.
    let mut other = cancellation(1, "snow");
    if let Ok(Message::Withdrawal(Withdrawal::Cancellation(said))) = &mut other.content {
        said.cancelled_at = Some(super::fixtures::at());
    }
    store.ingest(&[other], &to_kafka(), &loudly()).await.unwrap();
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason.as_deref()), (OrderState::Voided, Some("cancelled: snow")));
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap();
    assert!(lent.iter().all(|d| d.event.kind == EventKind::TicketVoided), "no announcement of a void ticket");
}

/// Cancels an order without a time. The record's time is used: Kafka's timestamp, or the receipt of another source.
async fn cancel_at(store: &dyn Store, n: u32, source: Option<Source>, at: &str) -> IngestOutcome {
    let mut message = cancellation(n, "rain");
    let at: jiff::Timestamp = at.parse().unwrap();
    match (&mut message.source, source) {
        (_, Some(other)) => (message.source, message.received_at) = (other, at),
        (Source::Kafka { timestamp, .. }, None) => *timestamp = Some(at.as_millisecond()),
        (other, None) => panic!("{other:?} has no time"),
    }
    store.ingest(&[message], &to_kafka(), &loudly()).await.unwrap().remove(0)
}

async fn order_state(store: &dyn Store, n: u32) -> OrderState {
    store.order(order(n)).await.unwrap().unwrap().state
}

/// Times before every reinstatement of these tests; the next ones are after it.
const BEFORE: [&str; 2] = ["2020-01-01T00:00:00.001Z", "2020-01-02T00:00:00Z"];
const AFTER: [&str; 3] = ["2099-01-01T00:00:00.001Z", "2099-01-01T00:00:00.002Z", "2099-01-02T00:00:00Z"];

pub async fn a_cancellation_without_a_time_takes_its_records(backend: &dyn Backend) {
    let store = backend.store();
    let ticket = sold(&*store, 1, "20", &[("a", "10", 1)]).await.remove(0);
    let (new, known) = (IngestOutcome::Recorded(order(1), Applied), IngestOutcome::Duplicate(order(1)));
    let cancel = async |at: &str| cancel_at(&*store, 1, None, at).await;
    assert_eq!(cancel(BEFORE[0]).await, new);
    assert_eq!(cancel(BEFORE[1]).await, known, "it is cancelled");
    assert!(reinstate(&*store, ticket.id).await.is_some());
    for at in BEFORE {
        assert_eq!(cancel(at).await, known, "not later than the reinstatement");
    }
    assert_eq!(order_state(&*store, 1).await, OrderState::Issued);
    assert_eq!(cancel(AFTER[0]).await, new);
    assert_eq!(order_state(&*store, 1).await, OrderState::Voided);
    assert_eq!(cancel(AFTER[1]).await, known, "it is cancelled");
    // However much the clocks of the broker and the database differ.
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert_eq!(cancel(AFTER[0]).await, known, "the same record read again");
    assert_eq!(order_state(&*store, 1).await, OrderState::Issued);
    assert_eq!(cancel(AFTER[2]).await, new);
    assert_eq!(order_state(&*store, 1).await, OrderState::Voided);
    let record = store.order(order(1)).await.unwrap().unwrap();
    let kept: Vec<_> = record.withdrawals.iter().map(|w| (w.said_at, w.state)).collect();
    assert_eq!(kept, [(None, Lifted), (None, Lifted), (None, Applied)], "nobody said when");
    assert_eq!(record.withdrawals.iter().map(|w| w.duplicates).sum::<u64>(), 5);
    let ticket = sold(&*store, 2, "20", &[("a", "10", 1)]).await.remove(0);
    cancel_at(&*store, 2, None, AFTER[0]).await;
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert_eq!(cancel_at(&*store, 2, None, AFTER[0]).await, IngestOutcome::Duplicate(order(2)));
    assert_eq!(
        order_state(&*store, 2).await,
        OrderState::Issued,
        "nor does its first, by a clock that is ahead"
    );
}

pub async fn one_ticket_again_and_a_later_cancellation(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "20", &[("a", "10", 2)]).await;
    cancel_at(&*store, 1, None, BEFORE[0]).await;
    assert!(reinstate(&*store, tickets[1].id).await.is_some());
    assert_eq!(cancel_at(&*store, 1, None, BEFORE[1]).await, IngestOutcome::Duplicate(order(1)));
    assert_eq!(order_state(&*store, 1).await, OrderState::Issued);
    cancel_at(&*store, 1, None, AFTER[0]).await;
    assert_eq!(order_state(&*store, 1).await, OrderState::Voided);
}

pub async fn cancelled_before_and_read_after(backend: &dyn Backend) {
    let store = backend.store();
    for n in [1, 2] {
        let ticket = sold(&*store, n, "20", &[("a", "10", 1)]).await.remove(0);
        assert!(store.void_ticket(ticket.id, "by mistake", &loudly(), &desk()).await.unwrap());
        assert!(reinstate(&*store, ticket.id).await.is_some());
    }
    assert_eq!(cancel_at(&*store, 1, None, BEFORE[0]).await, IngestOutcome::Recorded(order(1), Lifted));
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.tickets[0].lifecycle.voided_at), (OrderState::Issued, None));
    assert_eq!(record.withdrawals[0].note.as_deref(), Some("made before the order was reinstated"));
    assert_eq!(cancel_at(&*store, 1, None, AFTER[0]).await, IngestOutcome::Recorded(order(1), Applied));
    assert_eq!(order_state(&*store, 1).await, OrderState::Voided);
    // A cancellation with a time counts, whatever its date.
    let said = cancellation_with(2, r#","cancelledAt":"2020-01-01T00:00:00Z""#);
    store.ingest(&[said], &to_kafka(), &loudly()).await.unwrap();
    let record = store.order(order(2)).await.unwrap().unwrap();
    assert_eq!(
        (record.withdrawals[0].state, record.tickets[0].lifecycle.voided_at.is_some()),
        (Applied, true)
    );
    // For an order that was reinstated before it had tickets.
    cancel_at(&*store, 3, None, BEFORE[0]).await;
    ingest(&*store, &[payment(3, 3, "5")]).await;
    assert!(store.reinstate_order(order(3), &desk()).await.unwrap());
    assert_eq!(cancel_at(&*store, 3, None, BEFORE[1]).await, IngestOutcome::Duplicate(order(3)));
    assert_eq!(order_state(&*store, 3).await, OrderState::Received);
    assert_eq!(cancel_at(&*store, 3, None, AFTER[0]).await, IngestOutcome::Recorded(order(3), Applied));
}

pub async fn a_receipt_is_a_time(backend: &dyn Backend) {
    let store = backend.store();
    let http = || Some(Source::Http { caller: "desk".into() });
    let ticket = sold(&*store, 1, "20", &[("a", "10", 1)]).await.remove(0);
    let (new, known) = (IngestOutcome::Recorded(order(1), Applied), IngestOutcome::Duplicate(order(1)));
    assert_eq!(cancel_at(&*store, 1, http(), BEFORE[0]).await, new);
    assert_eq!(cancel_at(&*store, 1, http(), BEFORE[1]).await, known, "a client that tries again");
    assert!(reinstate(&*store, ticket.id).await.is_some());
    assert_eq!(cancel_at(&*store, 1, http(), AFTER[0]).await, new, "it came after the reinstatement");
    assert_eq!(cancel_at(&*store, 1, http(), AFTER[1]).await, known);
    assert_eq!(order_state(&*store, 1).await, OrderState::Voided);
    // A replay of a cancellation whose time is unknown.
    assert!(reinstate(&*store, ticket.id).await.is_some());
    let replayed = Source::Recorded { text: "http desk".into(), timestamp: None };
    assert_eq!(cancel_at(&*store, 1, Some(replayed), AFTER[2]).await, known);
    assert_eq!(order_state(&*store, 1).await, OrderState::Issued);
}

pub async fn cancellations_of_before_records_had_times(backend: &dyn Backend) {
    let store = backend.store();
    for (n, heard) in [(1, ""), (2, "final@")] {
        let ticket = sold(&*store, n, "20", &[("a", "10", 1)]).await.remove(0);
        cancel_at(&*store, n, None, BEFORE[0]).await;
        backend
            .execute(&format!("UPDATE withdrawals SET heard = '{heard}' WHERE kind = 'cancellation'"))
            .await;
        assert!(reinstate(&*store, ticket.id).await.is_some());
        assert_eq!(cancel_at(&*store, n, None, BEFORE[0]).await, IngestOutcome::Duplicate(order(n)));
        assert_eq!(order_state(&*store, n).await, OrderState::Issued, "a topic that is read again");
    }
}

pub async fn codes_are_judged(backend: &dyn Backend) {
    let store = backend.store();
    let live = one(backend).await;
    let standing = async |cti: [u8; 10]| {
        let standing = store.code_standing(cti).await.unwrap();
        (standing.voided, standing.lowest_good_generation)
    };
    assert_eq!(standing(live.code.cti).await, (false, 0));
    assert_eq!(standing([0; 10]).await, (false, 0), "nobody's");
    let second = store.reissue(&next(&live, 1, false)).await.unwrap().unwrap();
    assert_eq!(standing(live.code.cti).await, (false, 1), "the first page's code has been replaced");
    assert!(store.void_ticket(live.id, "refund", &loudly(), &desk()).await.unwrap());
    assert_eq!(standing(live.code.cti).await, (true, 1));
    let void = store.ticket(live.id).await.unwrap().unwrap();
    let mut again = next(&void, 2, true);
    (again.ticket.code.cti, again.ticket.code.era) = ([9; 10], second.code.era + 1);
    store.reissue(&again).await.unwrap().unwrap();
    assert_eq!(standing([9; 10]).await, (false, 2));
    assert!(standing(live.code.cti).await.0, "what was voided stays void at every door");
}

pub async fn orders_without_tickets_are_set_going(backend: &dyn Backend) {
    let store = backend.store();
    store.ingest(&[cancellation(1, "rain"), cancellation(2, "rain")], &to_kafka(), &loudly()).await.unwrap();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    assert!(store.reinstate_order(order(1), &desk()).await.unwrap());
    assert!(!store.reinstate_order(order(2), &desk()).await.unwrap(), "nobody paid");
    assert!(!store.reinstate_order(order(3), &desk()).await.unwrap(), "nobody knows it");
    let claim = store.claim("w", 5, LONG).await.unwrap().remove(0);
    assert_eq!(claim.order_id, order(1));
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    assert_eq!(tickets.len(), 1);
    assert!(!store.reinstate_order(order(1), &desk()).await.unwrap(), "it is not void");
}
