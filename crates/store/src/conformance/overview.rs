//! Conformance of the overview.

use fulfillment_domain::Delivered;
use jiff::SignedDuration;

use super::Backend;
use super::fixtures::{
    LONG, at, claimed, completion, desk, freeze, frozen, ingest, issued, message, order, payment, quietly,
    refund, withdraw,
};
use crate::{
    AttentionReason, EventTotals, EventsWanted, FailedTicket, Flow, NextStep, OpenGroup, OpenWork, Release,
    Store,
};

/// The statements, with the parameters that a plan needs.
pub const OPEN: &str = crate::sql::OPEN;
/// Unfinished tickets by event.
pub const UNFINISHED: &str = crate::sql::UNFINISHED;
/// Open deliveries by destination.
pub const DELIVERIES: &str = crate::sql::DELIVERIES;
/// Events with their counts.
pub const EVENTS: &str = crate::sql::EVENTS;

async fn of(store: &dyn Store, work: OpenWork) -> Vec<OpenGroup> {
    let mut found: Vec<_> =
        store.open_work().await.unwrap().into_iter().filter(|group| group.work == work).collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found
}

async fn released(store: &dyn Store, claims: &[crate::Claim], reason: &str, then: NextStep) {
    let releases: Vec<_> = claims
        .iter()
        .map(|claim| Release {
            order_id: claim.order_id,
            fence: claim.fence,
            reason: reason.into(),
            failed: claim
                .tickets
                .iter()
                .map(|t| FailedTicket { id: t.id, reason: "disk full".into() })
                .collect(),
            then,
            refused_answer: None,
        })
        .collect();
    assert!(store.release(&releases).await.unwrap().iter().all(|done| *done));
}

pub async fn orders_by_what_they_wait_for(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.open_work().await.unwrap(), []);
    let claims = claimed(&*store, 4).await;
    released(&*store, &claims[..2], "Ordering cannot be reached", NextStep::Retry(LONG)).await;
    released(&*store, &claims[2..3], "no items", NextStep::Park(None)).await;
    backend.execute("UPDATE orders SET received_at = '2001-01-01T00:00:00.000000Z'").await;
    let waiting = of(&*store, OpenWork::ForOrdering).await;
    // The fourth is at work, but its payment is older than a minute.
    let texts: Vec<_> = waiting.iter().map(|group| (group.text.as_deref(), group.count)).collect();
    assert_eq!(texts, [(None, 1), (Some("Ordering cannot be reached"), 2)]);
    assert_eq!(waiting[1].example, Some(order(1).to_string()));
    assert!(waiting[1].since.is_some());
    let parked = of(&*store, OpenWork::ParkedOrder).await;
    assert_eq!((parked[0].text.as_deref(), parked[0].count), (Some("no items"), 1));
    assert_eq!(of(&*store, OpenWork::Unissued).await[0].count, 3, "a parked one is not counted twice");
    // One that just came is in motion.
    let mut now = payment(9, 9, "1");
    now.received_at = at() + SignedDuration::from_hours(24 * 365 * 50);
    ingest(&*store, &[now]).await;
    assert_eq!(of(&*store, OpenWork::ForOrdering).await.iter().map(|group| group.count).sum::<u64>(), 3);
    assert_eq!(of(&*store, OpenWork::Unissued).await[0].count, 4);
}

pub async fn tickets_refunds_and_messages(backend: &dyn Backend) {
    let store = backend.store();
    let mut claim = claimed(&*store, 1).await.remove(0);
    claim.tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    released(&*store, std::slice::from_ref(&claim), "the file storage: away", NextStep::Retry(LONG)).await;
    let waiting = of(&*store, OpenWork::ForTickets).await;
    assert_eq!((waiting[0].text.as_deref(), waiting[0].count), (Some("the file storage: away"), 1));
    store.retry(crate::RetrySelection::All, &desk()).await.unwrap();
    let mut claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    claim.tickets = store.order(order(1)).await.unwrap().unwrap().tickets;
    released(&*store, &[claim], "given up", NextStep::Park(None)).await;
    let failed = of(&*store, OpenWork::FailedTicket).await;
    assert_eq!((failed[0].text.as_deref(), failed[0].count), (Some("disk full"), 3));

    ingest(&*store, &[message(7, b"x"), message(8, b"y"), payment(1, 5, "7")]).await;
    assert_eq!(of(&*store, OpenWork::Unreadable).await.iter().map(|g| g.count).sum::<u64>(), 2);
    let quarantined = of(&*store, OpenWork::Quarantined).await;
    assert_eq!(quarantined.len(), 1);
    assert!(quarantined[0].example.as_deref().is_some_and(|id| id.parse::<i64>().is_ok()), "{quarantined:?}");

    withdraw(&*store, refund(1, 77, 6, "")).await;
    assert_eq!(of(&*store, OpenWork::ParkedRefund).await, [], "it waits for its payment");
    backend.execute("UPDATE withdrawals SET state = 'parked', note = 'of an unknown payment'").await;
    let parked = of(&*store, OpenWork::ParkedRefund).await;
    assert_eq!((parked[0].count, parked[0].example.as_deref()), (1, Some("refund:r-1")));
}

pub async fn seats_and_attention(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 1).await;
    backend
        .execute("UPDATE tickets SET flags = 'seat_conflict', seat_key = 'one', event_ends_at = NULL")
        .await;
    backend.execute("UPDATE tickets SET event_starts_at = NULL").await;
    backend.execute("DELETE FROM seats").await;
    let owner = format!(
        "INSERT INTO seats (event_id, seat_key, ticket_id) VALUES ('event-1', 'one', '{}')",
        tickets[0].id
    );
    backend.execute(&owner).await;
    let conflicts = of(&*store, OpenWork::SeatConflict).await;
    assert_eq!(conflicts[0].count, 1, "the owner of the seat is in nobody's way");
    assert_eq!(conflicts[0].example, Some(tickets[1].id.to_string()));
    assert!(store.void_ticket(tickets[1].id, "sold twice", &quietly(), &desk()).await.unwrap());
    assert_eq!(of(&*store, OpenWork::SeatConflict).await, [], "settled");

    ingest(&*store, &[payment(8, 2, "49.90")]).await;
    let listed = of(&*store, OpenWork::Attention).await;
    assert_eq!(listed[0].text.as_deref(), Some(AttentionReason::PaidAfterVoid.as_str()), "{listed:?}");
}

pub async fn deliveries_of_each_destination(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.open_deliveries().await.unwrap(), []);
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &["kafka", "webhook:gone"])]).await.unwrap();
    let lent = store.claim_deliveries("webhook:gone", 1, LONG).await.unwrap();
    let refused = crate::DeliveryOutcome::Parked { reason: "HTTP 410".into() };
    store.record_deliveries("webhook:gone", &[(lent[0].outbox_id, refused)]).await.unwrap();
    assert_eq!(store.open_deliveries().await.unwrap(), {
        let mut known = store.destinations().await.unwrap();
        // Within one transaction both have the same age.
        known.iter_mut().zip(store.open_deliveries().await.unwrap()).for_each(|(k, o)| k.since = o.since);
        known
    });
}

pub async fn events_are_counted_in_the_background(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("event-1").await.unwrap();
    let tickets = issued(&*store, 2, 3).await;
    let all = EventsWanted { past: true, before: None };
    let events = async |wanted| store.events_at_a_glance(wanted, 9).await.unwrap();
    assert_eq!(events(all).await[0].counted, None, "not counted yet");
    store.void_ticket(tickets[0].id, "x", &quietly(), &desk()).await.unwrap();
    store.downloaded(tickets[1].id, at()).await.unwrap();
    let delivered =
        Delivered { ticket_id: tickets[2].id, channel: None, delivered_at: None, generation: None };
    store.deliver(&delivered, at()).await.unwrap();
    assert!(store.count_next_event(LONG).await.unwrap());
    assert!(!store.count_next_event(LONG).await.unwrap(), "once a minute");
    let totals = EventTotals {
        sold: 6,
        issued: 6,
        voided: 1,
        delivered: 1,
        downloaded: 1,
        checked_in: 0,
        conflicts: 0,
    };
    let counted = events(all).await;
    assert_eq!(counted[0].counted.map(|(totals, _)| totals), Some(totals));
    assert_eq!(counted[0].name.as_deref(), Some("Gala \"1\" 東京"));
    // What is over is counted, and listed no more unless it has unfinished tickets.
    backend.execute("UPDATE event_counts SET over_at = '2001-01-01T00:00:00.000000Z'").await;
    assert_eq!(events(EventsWanted::default()).await, []);
    backend.execute("UPDATE tickets SET status = 'Failed' WHERE ticket_index = 2").await;
    let open = events(EventsWanted::default()).await;
    assert_eq!((open[0].unfinished.failed, open[0].unfinished.waiting, open[0].unfinished.parked), (2, 0, 0));
    backend.execute("UPDATE orders SET state = 'parked'").await;
    assert_eq!(events(EventsWanted::default()).await[0].unfinished.parked, 2);
    assert_eq!(events(EventsWanted { past: true, before: Some(1) }).await, []);
    let now = store.event_counted_now("event-1").await.unwrap().unwrap();
    assert_eq!(
        now.counted.map(|(totals, _)| totals),
        Some(EventTotals { issued: 4, ..totals }),
        "as it is now"
    );
    assert_eq!(store.event_counted_now("unknown").await.unwrap(), None);
}

pub async fn two_processes_count_different_events(backend: &dyn Backend) {
    let store = backend.store();
    for event in ["a", "b", "c"] {
        store.event_number(event).await.unwrap();
    }
    let counted = super::fixtures::at_once(backend, 6, |store, _| async move {
        store.count_next_event(LONG).await.unwrap()
    })
    .await;
    assert!(counted.iter().filter(|counted| **counted).count() <= 3, "{counted:?}");
    while store.count_next_event(LONG).await.unwrap() {}
    assert_eq!(backend.number("SELECT count(*) FROM event_counts WHERE counted_at IS NOT NULL").await, 3);
}

pub async fn minutes_are_counted_once(backend: &dyn Backend) {
    let store = backend.store();
    store.count_minutes().await.unwrap();
    assert_eq!(backend.number("SELECT count(*) FROM minute_counts").await, 60);
    let flow = Flow { payments: 0, tickets: 0 };
    let throughput = store.throughput().await.unwrap();
    assert_eq!((throughput.last_hour, throughput.last_minute.map(|(_, flow)| flow)), (flow, Some(flow)));
    issued(&*store, 2, 3).await;
    // As if they had come and gone in a minute that is over.
    let minute = "(SELECT max(minute) FROM minute_counts)";
    backend.execute(&format!("UPDATE inbox SET received_at = {minute}")).await;
    backend.execute(&format!("UPDATE outbox SET created_at = {minute}")).await;
    backend.execute(&format!("DELETE FROM minute_counts WHERE minute = {minute}")).await;
    store.count_minutes().await.unwrap();
    let throughput = store.throughput().await.unwrap();
    let flow = Flow { payments: 2, tickets: 6 };
    assert_eq!(throughput.last_hour, flow);
    assert!(backend.number("SELECT count(*) FROM minute_counts").await <= 61);
}
