//! Conformance of changes of events that arrive as messages.

use fulfillment_domain::event_record::Change;
use fulfillment_domain::{EventKind, EventPatch, EventRecord, EventStatus, Message, Subject};

use super::Backend;
use super::fixtures::{
    LONG, at_once, cancellation, desk, ingest, issued, letters, loudly, rows, said, to_kafka,
};
use crate::{
    Action, Announcing, AuditFilter, EventChanged, Incoming, IngestOutcome, Partition, Position, SetEvent,
    Source, Store, Via,
};

const CHANGED: IngestOutcome = IngestOutcome::Event(EventChanged::Changed);
const KNOWN: IngestOutcome = IngestOutcome::Event(EventChanged::Known);
const OLDER: IngestOutcome = IngestOutcome::Event(EventChanged::Older);

/// A change of `event-1` in the record at this offset, made in this second of a minute; `fields` are JSON.
fn change(offset: i64, second: i64, fields: &str) -> Incoming {
    of_event("event-1", offset, second, fields)
}

fn of_event(event: &str, offset: i64, second: i64, fields: &str) -> Incoming {
    let json = format!(r#"{{"eventId":"{event}",{fields}}}"#);
    let mut message = said(offset, Subject::EventChange, json.as_bytes());
    message.source = Source::Kafka {
        topic: "event-changed".into(),
        partition: 0,
        offset,
        timestamp: Some(1_795_372_200_000 + second * 1_000),
    };
    message
}

async fn record(store: &dyn Store) -> EventRecord {
    store.event("event-1").await.unwrap().unwrap().record
}

async fn name(store: &dyn Store) -> String {
    record(store).await.in_force().name.unwrap_or_default()
}

/// The names in the `event-updated` that are on their way, oldest first.
async fn updates(store: &dyn Store) -> Vec<String> {
    let lent = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
    let updates = lent.iter().filter(|delivery| delivery.event.kind == EventKind::EventUpdated);
    let values = updates.map(|update| serde_json::from_slice(&update.event.value).unwrap());
    values.map(|value: serde_json::Value| value["name"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn set(store: &dyn Store, name: Change<String>) {
    let patch = EventPatch { name, ..EventPatch::default() };
    let set = store.set_event("event-1", &patch, &loudly(), &desk()).await.unwrap();
    assert!(matches!(set, SetEvent::Set(..)), "{set:?}");
}

pub async fn they_have_the_effects_of_an_operator_s(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.event_number("event-1").await.unwrap(), 1);
    issued(&*store, 1, 1).await;
    let before = record(&*store).await;
    let moved =
        r#""name":"Gala, moved","startsAt":"2027-01-10T18:30:00Z","status":"postponed","venueName":null"#;
    let outcomes =
        ingest(&*store, &[change(1, 1, moved), of_event("a/b %\u{fc}", 2, 1, r#""name":"Ball""#)]).await;
    assert_eq!(outcomes, [CHANGED, CHANGED]);
    let after = record(&*store).await;
    let force = after.in_force();
    assert_eq!(
        (force.name.as_deref(), force.status.map(EventStatus::as_str)),
        (Some("Gala, moved"), Some("postponed"))
    );
    assert_eq!(force.venue_name, before.in_force().venue_name, "there was nothing to lift");
    assert!(after.feed_version > before.feed_version && after.head_version == after.feed_version);
    let made = store.event("a/b %\u{fc}").await.unwrap().unwrap().record;
    assert_eq!(made.in_force().name.as_deref(), Some("Ball"), "an unknown event is created");
    assert_eq!(updates(&*store).await, ["Ball", "Gala, moved"]);
    let filter = AuditFilter { action: Some("event.set".into()), ..AuditFilter::default() };
    let audited = store.audit(&filter, 10).await.unwrap();
    assert_eq!(audited.len(), 2, "{audited:?}");
    assert!(audited.iter().all(|row| row.entry.action == Action::SetEvent
        && row.entry.actor.via() == Via::Service
        && row.entry.actor.name() == "event-changed"));
}

pub async fn a_repeat_changes_nothing(backend: &dyn Backend) {
    let store = backend.store();
    let first = change(1, 1, r#""name":"Gala""#);
    assert_eq!(ingest(&*store, &[first.clone(), first.clone()]).await, [CHANGED, KNOWN]);
    let (stood, counted) = (record(&*store).await, rows(backend).await);
    assert_eq!(ingest(&*store, &[first]).await, [KNOWN]);
    // Another message that says nothing new, and one that says nothing.
    assert_eq!(ingest(&*store, &[change(2, 2, r#""name":"Gala""#)]).await, [KNOWN]);
    assert_eq!(ingest(&*store, &[change(3, 3, r#""other":1"#)]).await, [KNOWN]);
    assert_eq!(ingest(&*store, &[of_event("e2", 4, 4, r#""other":1"#)]).await, [KNOWN]);
    assert_eq!(store.event("e2").await.unwrap(), None, "nothing is said about it");
    let now = record(&*store).await;
    assert_eq!((now.overrides, now.feed_version), (stood.overrides, stood.feed_version));
    assert_eq!(rows(backend).await, counted);
    assert_eq!(updates(&*store).await, ["Gala"]);
}

pub async fn of_each_detail_the_last_one_made_counts(backend: &dyn Backend) {
    let store = backend.store();
    let newer = change(9, 9, r#""name":"newer""#);
    assert_eq!(ingest(&*store, std::slice::from_ref(&newer)).await, [CHANGED]);
    let older = change(2, 2, r#""name":"older","venueName":"Hall""#);
    assert_eq!(
        ingest(&*store, std::slice::from_ref(&older)).await,
        [CHANGED],
        "of the venue nothing newer is known"
    );
    assert_eq!(name(&*store).await, "newer");
    assert_eq!(record(&*store).await.in_force().venue_name.as_deref(), Some("Hall"));
    assert_eq!(ingest(&*store, &[change(3, 3, r#""name":"between""#)]).await, [OLDER]);
    // Read again from the start, as after the group's offsets were lost.
    let again = ingest(&*store, &[older, change(3, 3, r#""name":"between""#), newer]).await;
    assert_eq!(again, [OLDER, OLDER, KNOWN]);
    assert_eq!(updates(&*store).await, ["newer", "newer"]);
    // Its own time counts before its record's, and of one time the offset.
    let own = change(1, 1, r#""name":"own time","changedAt":"2026-11-22T18:30:30Z""#);
    assert_eq!(ingest(&*store, &[own]).await, [CHANGED]);
    let same = |offset, name: &str| change(offset, 30, &format!(r#""name":"{name}""#));
    assert_eq!(ingest(&*store, &[same(12, "second"), same(11, "first")]).await, [CHANGED, OLDER]);
    assert_eq!(name(&*store).await, "second");
    // What was confirmed later is not undone by what was made before that.
    assert_eq!(ingest(&*store, &[change(20, 50, r#""name":"second""#)]).await, [KNOWN]);
    assert_eq!(ingest(&*store, &[change(19, 40, r#""name":"third""#)]).await, [OLDER]);
    // A lift counts as a change.
    assert_eq!(ingest(&*store, &[change(21, 51, r#""name":null"#)]).await, [CHANGED]);
    assert_eq!(ingest(&*store, &[change(19, 40, r#""name":"third""#)]).await, [OLDER]);
    assert_eq!(record(&*store).await.overrides.name, None);
}

pub async fn in_any_order_the_same(backend: &dyn Backend) {
    let store = backend.store();
    let fields =
        [r#""name":"1","status":"postponed""#, r#""name":"2","venueName":"Hall""#, r#""venueName":null"#];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (n, order) in orders.into_iter().enumerate() {
        let event = format!("e{n}");
        for which in order {
            let at = i64::try_from(which).unwrap();
            ingest(&*store, &[of_event(&event, at, at, fields[which])]).await;
        }
        let record = store.event(&event).await.unwrap().unwrap().record;
        let stored = record.overrides.to_stored().unwrap();
        assert_eq!(stored, r#"{"name":"2","status":"postponed"}"#, "{order:?}");
    }
}

pub async fn beside_an_operator_s(backend: &dyn Backend) {
    let store = backend.store();
    let planned = change(1, 1, r#""name":"planned""#);
    ingest(&*store, std::slice::from_ref(&planned)).await;
    set(&*store, Change::Set("by hand".into())).await;
    assert_eq!(ingest(&*store, &[planned]).await, [OLDER], "read again");
    let late = change(2, 2, r#""name":"late","status":"postponed""#);
    assert_eq!(ingest(&*store, &[late]).await, [CHANGED], "its status is new");
    assert_eq!(name(&*store).await, "by hand", "it was made before the operator's");
    set(&*store, Change::Lift).await;
    assert_eq!(ingest(&*store, &[change(3, 3, r#""name":"later""#)]).await, [OLDER], "lifted since");
    let now = store.audit(&AuditFilter::default(), 1).await.unwrap()[0].at;
    let mut after = change(
        4,
        4,
        &format!(r#""name":"after","changedAt":"{}""#, now + jiff::SignedDuration::from_secs(1)),
    );
    after.received_at = now;
    assert_eq!(ingest(&*store, &[after]).await, [CHANGED]);
    assert_eq!(name(&*store).await, "after", "it was made after the operator's");
    set(&*store, Change::Set("last".into())).await;
    assert_eq!(name(&*store).await, "last", "an operator is not held up by a clock that is ahead");
}

pub async fn what_is_refused_is_a_dead_letter(backend: &dyn Backend) {
    let store = backend.store();
    let ends = r#""startsAt":"2026-12-22T18:00:00Z","endsAt":"2026-12-22T12:00:00Z","name":"Gala""#;
    let future = r#""name":"Gala","changedAt":"2026-11-22T19:30:00Z""#;
    let batch = [change(1, 1, ends), change(2, 2, future), of_event("e2", 3, 3, r#""name":"Ball""#)];
    let outcomes = ingest(&*store, &batch).await;
    let field = |outcome: &IngestOutcome| match outcome {
        IngestOutcome::DeadLettered(why) => why.field.clone().unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    assert_eq!((field(&outcomes[0]).as_str(), field(&outcomes[1]).as_str()), ("endsAt", "changedAt"));
    assert_eq!(outcomes[2], CHANGED, "its neighbour is not held up");
    assert_eq!(store.event("event-1").await.unwrap(), None, "nothing was created");
    let dead = letters(&*store, false).await;
    assert!(dead.iter().all(|letter| letter.record.about == Subject::EventChange));
    let sources: Vec<_> = dead.iter().map(|letter| letter.record.source.as_str()).collect();
    assert_eq!(sources, ["kafka event-changed/0@1", "kafka event-changed/0@2"]);
    // Replayed once what it contradicts has changed; its place among the others is that of its record.
    let again = |raw: &[u8]| Incoming {
        source: Source::Recorded { text: sources[0].to_owned(), timestamp: dead[0].record.source_timestamp },
        content: Message::parse(Subject::EventChange, raw),
        ..batch[0].clone()
    };
    let counted = rows(backend).await;
    assert!(matches!(ingest(&*store, &[again(&dead[0].raw)]).await[..], [IngestOutcome::DeadLettered(_)]));
    assert_eq!(rows(backend).await, counted, "in vain it makes no other letter");
    let start = change(9, 9, r#""startsAt":"2026-12-22T10:00:00Z","name":"newer""#);
    assert_eq!(ingest(&*store, &[start]).await, [CHANGED]);
    assert_eq!(ingest(&*store, &[again(&dead[0].raw)]).await, [CHANGED]);
    let force = record(&*store).await.in_force();
    assert_eq!(force.name.as_deref(), Some("newer"), "an older change that is replayed undoes nothing newer");
    assert_eq!(force.ends_at, Some("2026-12-22T12:00:00Z".parse().unwrap()), "and the rest of it counts");
}

pub async fn with_their_positions_and_beside_voids(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.event_number("event-1").await.unwrap(), 1);
    let ticket = issued(&*store, 1, 1).await.remove(0);
    let before = record(&*store).await;
    let partition =
        Partition { cluster: "c".into(), group: "g".into(), topic: "event-changed".into(), number: 0 };
    let reached = Position { partition, epoch: 0, next: 3, mark: None };
    let batch = [change(1, 1, r#""name":"1""#), cancellation(1, "rain"), change(2, 2, r#""name":"2""#)];
    // `event-updated` has no topic.
    let quiet = Announcing { without_updates: vec!["kafka".into()], ..loudly() };
    let outcomes =
        store.ingest_read(&batch, std::slice::from_ref(&reached), &to_kafka(), &quiet).await.unwrap();
    assert_eq!((&outcomes[0], &outcomes[2]), (&CHANGED, &CHANGED));
    assert!(store.ticket(ticket.id).await.unwrap().unwrap().lifecycle.voided_at.is_some());
    let after = record(&*store).await;
    assert_eq!(after.in_force().name.as_deref(), Some("2"));
    assert_eq!(after.feed_version, before.feed_version + 2, "the void, and the changes as one");
    assert_eq!(store.positions("c", "g").await.unwrap(), [reached]);
    assert!(updates(&*store).await.is_empty());
}

pub async fn at_once_each_in_its_place(backend: &dyn Backend) {
    at_once(backend, 8, |store, n| async move {
        for round in 0..10_i64 {
            let second = round * 8 + i64::try_from(n).unwrap();
            let outcomes = ingest(&*store, &[change(second, second, &format!(r#""name":"{second}""#))]).await;
            assert!(matches!(outcomes[..], [IngestOutcome::Event(_)]));
        }
    })
    .await;
    assert_eq!(name(&*backend.store()).await, "79");
}
