//! Conformance of the record of events, and of the store's epoch.

use std::sync::Arc;

use fulfillment_domain::event_record::Change;
use fulfillment_domain::{Amount, EventDetails, EventKind, EventPatch, EventRecord, EventStatus};
use jiff::SignedDuration;

use super::Backend;
use super::fixtures::{LONG, at_once, at_stored, claimed, desk, freeze, frozen, loudly, payment, to_kafka};
use crate::{
    Action, AuditFilter, Claim, EventOnRecord, Found, Freeze, NewLines, Refreshed, Said, SetEvent, Store,
};

/// What Ordering says about the event of the fixtures' tickets, asked so many seconds after their time.
fn said(name: &str, seconds: i64) -> Said {
    let details = EventDetails {
        name: Some(name.into()),
        starts_at: Some(at_stored()),
        time_zone: Some("Asia/Tokyo".into()),
        ..EventDetails::default()
    };
    Said {
        event_id: "event-1".into(),
        details,
        asked_at: at_stored() + SignedDuration::from_secs(seconds),
        announcing: Arc::new(loudly()),
    }
}

fn freeze_with(claim: &Claim, said: Said) -> Freeze {
    let mut freeze = freeze(claim, 1);
    let event = &mut freeze.tickets[0].event;
    let details = said.details.clone();
    (event.name, event.time_zone) = (details.name.unwrap(), details.time_zone);
    (event.starts_at, event.ends_at) = (details.starts_at, None);
    (event.venue_name, event.venue_address) = (None, None);
    Freeze { said: Some(Arc::new(said)), ..freeze }
}

async fn record(store: &dyn Store) -> EventRecord {
    store.event("event-1").await.unwrap().unwrap().record
}

async fn updates(store: &dyn Store) -> Vec<serde_json::Value> {
    let lent = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
    let of_events = lent.iter().filter(|d| d.event.kind == EventKind::EventUpdated);
    of_events.map(|d| serde_json::from_slice(&d.event.value).unwrap()).collect()
}

fn named(name: &str) -> EventPatch {
    EventPatch { name: Change::Set(name.into()), ..EventPatch::default() }
}

async fn set(store: &dyn Store, id: &str, patch: &EventPatch) -> (EventRecord, bool) {
    match store.set_event(id, patch, &loudly(), &desk()).await.unwrap() {
        SetEvent::Set(record, changed) => (*record, changed),
        SetEvent::Refused(why) => panic!("{why}"),
    }
}

pub async fn the_newest_answer_is_noted(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.event_number("event-1").await.unwrap(), 1);
    let claims = claimed(&*store, 6).await;
    let answer = async |n: usize, said: Said| {
        frozen(store.freeze(&[freeze_with(&claims[n], said)]).await.unwrap().remove(0));
        record(&*store).await
    };
    let first = answer(0, said("Gala", 10)).await;
    assert_eq!(first.in_force().name.as_deref(), Some("Gala"));
    assert_eq!((first.feed_version, first.head_version), (1, 1));
    assert_eq!(first.said_at, Some(at_stored() + SignedDuration::from_secs(10)));
    assert_eq!(answer(1, said("Gala", 20)).await, first, "nothing is written where nothing differs");
    let moved = answer(2, said("Gala, moved", 30)).await;
    assert_eq!(moved.in_force().name.as_deref(), Some("Gala, moved"));
    assert_eq!((moved.feed_version, moved.head_version), (2, 2));
    assert_eq!(answer(3, said("Gala, late", 25)).await, moved, "an older answer comes late");
    // Several answers of one batch: the newest.
    let batch =
        [freeze_with(&claims[4], said("Gala, newest", 50)), freeze_with(&claims[5], said("Gala, older", 40))];
    store.freeze(&batch).await.unwrap();
    assert_eq!(record(&*store).await.in_force().name.as_deref(), Some("Gala, newest"));
    let updates = updates(&*store).await;
    let names: Vec<_> = updates.iter().map(|update| update["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Gala, moved", "Gala, newest"], "the first details are no change");
    assert_eq!((&updates[1]["sequence"], &updates[1]["eventNumber"]), (&3.into(), &1.into()));
}

pub async fn an_answer_of_a_refresh_is_noted(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("event-1").await.unwrap();
    super::fixtures::issued(&*store, 1, 1).await;
    store.ingest(&[payment(2, 1, "5.00")], &to_kafka(), &loudly()).await.unwrap();
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    let refreshed = Refreshed {
        order_id: claim.order_id,
        fence: claim.fence,
        asks: 1,
        total: None,
        charges: Amount::ZERO,
        found: Found::Lines(NewLines {
            freeze: Freeze { tickets: Vec::new(), ..freeze(&claim, 0) },
            gone: Vec::new(),
            gone_prices: Vec::new(),
            changed: Vec::new(),
        }),
        said: Some(said("Gala, moved", 60)),
        ask_again: None,
    };
    let before = record(&*store).await;
    assert_eq!(before.in_force().venue_name.as_deref(), Some("Hall"), "a ticket stands in for an answer");
    store.refreshed(&refreshed).await.unwrap();
    let after = record(&*store).await;
    assert_eq!((after.in_force().name.as_deref(), after.in_force().venue_name), (Some("Gala, moved"), None));
    assert_eq!(updates(&*store).await.len(), 1, "it differs from what the tickets say");
}

pub async fn what_is_set_is_over_ordering(backend: &dyn Backend) {
    let store = backend.store();
    let odd = "a/b %\u{fc} \"c\"";
    let (created, changed) = set(&*store, odd, &named("Gala")).await;
    assert!(changed && created.number == 1, "it is created with its number");
    assert_eq!(store.event_number(odd).await.unwrap(), 1);
    assert_eq!(store.event(odd).await.unwrap().unwrap().record, created);
    assert_eq!((created.feed_version, created.head_version), (1, 1));
    assert_eq!(set(&*store, odd, &named("Gala")).await, (created, false), "a repeat changes nothing");

    let (set_first, _) = set(&*store, "event-1", &named("Set")).await;
    assert_eq!(set_first.number, 2);
    let claims = claimed(&*store, 2).await;
    store.freeze(&[freeze_with(&claims[0], said("Said", 10))]).await.unwrap();
    let both = record(&*store).await;
    assert_eq!((both.in_force().name.as_deref(), both.head_version), (Some("Set"), 2));
    store.freeze(&[freeze_with(&claims[1], said("Said again", 20))]).await.unwrap();
    let again = record(&*store).await;
    assert_eq!(again.head_version, 2, "what is overridden changes nothing in force");
    let lift = EventPatch {
        name: Change::Lift,
        status: Change::Set(EventStatus::Postponed),
        ..EventPatch::default()
    };
    let (lifted, changed) = set(&*store, "event-1", &lift).await;
    assert!(changed);
    assert_eq!((lifted.in_force().name.as_deref(), lifted.head_version), (Some("Said again"), 3));
    let updates = updates(&*store).await;
    let shown: Vec<_> =
        updates.iter().map(|u| (u["name"].as_str().unwrap(), u["status"].as_str().unwrap())).collect();
    let expected =
        [("Gala", "scheduled"), ("Set", "scheduled"), ("Set", "scheduled"), ("Said again", "postponed")];
    assert_eq!(shown, expected);
    let filter = AuditFilter { action: Some("event.set".into()), ..AuditFilter::default() };
    let audited = store.audit(&filter, 10).await.unwrap();
    assert_eq!(audited.len(), 3, "{audited:?}");
    assert!(audited.iter().all(|r| r.entry.action == Action::SetEvent && r.entry.actor == desk()));
}

pub async fn contradictions_are_refused_by_name(backend: &dyn Backend) {
    let store = backend.store();
    let at = |hours| Change::Set(at_stored() + SignedDuration::from_hours(hours));
    let patch = EventPatch { starts_at: at(2), ends_at: at(1), ..EventPatch::default() };
    let outcome = store.set_event("event-1", &patch, &loudly(), &desk()).await.unwrap();
    assert!(
        matches!(&outcome, SetEvent::Refused(why) if why.field.as_deref() == Some("endsAt")),
        "{outcome:?}"
    );
    assert_eq!(store.event("event-1").await.unwrap(), None, "nothing was created");
    let patch = EventPatch { starts_at: at(2), ends_at: at(4), ..EventPatch::default() };
    let (before, _) = set(&*store, "event-1", &patch).await;
    let patch = EventPatch { doors_at: at(5), ..EventPatch::default() };
    let outcome = store.set_event("event-1", &patch, &loudly(), &desk()).await.unwrap();
    assert!(
        matches!(&outcome, SetEvent::Refused(why) if why.field.as_deref() == Some("doorsAt")),
        "{outcome:?}"
    );
    assert_eq!(record(&*store).await, before);
}

pub async fn listed_with_their_tickets(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("event-1").await.unwrap();
    for n in 2..=4 {
        set(&*store, &format!("e{n}"), &named("Later")).await;
    }
    let tickets = super::fixtures::issued(&*store, 2, 3).await;
    assert!(store.void_ticket(tickets[1].id, "sold twice", &loudly(), &desk()).await.unwrap());
    let of = |event: &EventOnRecord| (event.record.id.clone(), event.issued, event.voided);
    let page = store.events(0, 2).await.unwrap();
    assert_eq!(page.iter().map(of).collect::<Vec<_>>(), [("event-1".into(), 6, 1), ("e2".into(), 0, 0)]);
    let rest = store.events(page[1].record.number, 9).await.unwrap();
    assert_eq!(rest.iter().map(|e| e.record.number).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(of(&store.event("event-1").await.unwrap().unwrap()), ("event-1".into(), 6, 1));
    assert_eq!(store.event("none").await.unwrap(), None);
}

pub async fn versions_count_each_change(backend: &dyn Backend) {
    let changes = at_once(backend, 8, |store, n| async move {
        set(&*store, "event-1", &named(&format!("name {n}"))).await.0.head_version
    })
    .await;
    let mut versions = changes;
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    assert_eq!(updates(&*backend.store()).await.len(), 8);
}

pub async fn epochs_only_grow(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.epoch().await.unwrap(), 1);
    let first = store.new_epoch(&desk()).await.unwrap();
    assert!(first > 1);
    let second = store.new_epoch(&desk()).await.unwrap();
    assert!(second > first);
    assert_eq!(backend.another().await.epoch().await.unwrap(), second);
    // The backup that is restored again knows none of them.
    backend.execute("UPDATE installation SET epoch = 1").await;
    assert!(store.new_epoch(&desk()).await.unwrap() > 1_000_000_000, "it is a time");
    set(&*store, "event-1", &named("Gala")).await;
    assert_eq!(updates(&*store).await[0]["epoch"], store.epoch().await.unwrap());
    let filter = AuditFilter { action: Some("store.epoch".into()), ..AuditFilter::default() };
    assert_eq!(store.audit(&filter, 10).await.unwrap().len(), 3);
}
