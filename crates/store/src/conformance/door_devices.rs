//! Conformance of the devices of doors: enrolled once, bound to their event's end, revoked for good.

use fulfillment_domain::event_record::Change;
use fulfillment_domain::{EventPatch, EventStatus};
use jiff::{SignedDuration, Timestamp};

use super::Backend;
use super::fixtures::{at_once, desk, loudly};
use crate::{
    Action, AddedDevice, AuditFilter, DeviceContact, DeviceRecord, DeviceRole, DeviceState, NewDevice, Store,
};

fn device(byte: u8, name: &str) -> NewDevice {
    NewDevice {
        name: name.to_owned(),
        event_id: "gala".to_owned(),
        gates: ["North", "a, \"b\""].map(str::to_owned).into(),
        role: DeviceRole::Steward,
        code_sha256: [byte; 32],
    }
}

async fn added(store: &dyn Store, byte: u8, name: &str) -> DeviceRecord {
    match store.add_device(&device(byte, name), &desk()).await.unwrap() {
        AddedDevice::Added(device) => *device,
        other => panic!("{other:?}"),
    }
}

/// Sets the event's end, so many hours after a time.
async fn ends_after(store: &dyn Store, at: Timestamp, hours: i64) -> Timestamp {
    let end = at + SignedDuration::from_hours(hours);
    let patch = EventPatch { ends_at: Change::Set(end), ..EventPatch::default() };
    store.set_event("gala", &patch, &loudly(), &desk()).await.unwrap();
    end
}

pub async fn enrolled_once(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("gala").await.unwrap();
    let made = added(&*store, 1, "north 1").await;
    assert_eq!((made.event_id.as_str(), made.role, made.enrolled_at), ("gala", DeviceRole::Steward, None));
    assert_eq!(made.gates, ["North", "a, \"b\""]);
    assert_eq!(made.code_expires_at - made.created_at, SignedDuration::from_mins(15));
    assert!(store.devices_in_use().await.unwrap().is_empty(), "it has no token yet");

    let racing = at_once(backend, 8, |store, n| async move {
        store.enrol_device(&[1; 32], &[100 + u8::try_from(n).unwrap(); 32]).await.unwrap()
    });
    let enrolled: Vec<_> = racing.await.into_iter().flatten().collect();
    assert_eq!(enrolled.len(), 1, "one of them");
    let token = enrolled[0].token_sha256.unwrap();
    // The answer was lost.
    let again = store.enrol_device(&[1; 32], &token).await.unwrap();
    assert_eq!(again.as_ref(), Some(&enrolled[0]));
    assert_eq!(store.enrol_device(&[1; 32], &[9; 32]).await.unwrap(), None, "another device");
    assert_eq!(store.enrol_device(&[2; 32], &[9; 32]).await.unwrap(), None, "no such code");
    assert_eq!(backend.another().await.devices_in_use().await.unwrap(), enrolled);
    let audit =
        store.audit(&AuditFilter { action: Some("device".into()), ..AuditFilter::default() }, 9).await;
    let actions: Vec<_> = audit.unwrap().into_iter().map(|record| record.entry.action).collect();
    assert_eq!(actions, [Action::EnrolDevice, Action::MakeDevice], "once each");

    backend.execute("UPDATE door_devices SET expires_at = '2020-01-01T00:00:00.000000Z'").await;
    assert_eq!(store.enrol_device(&[1; 32], &token).await.unwrap(), None, "its event is over");
    backend.execute("UPDATE door_devices SET expires_at = '2099-01-01T00:00:00.000000Z'").await;

    added(&*store, 3, "late").await;
    backend.execute("UPDATE door_devices SET code_expires_at = '2020-01-01T00:00:00.000000Z'").await;
    assert_eq!(store.enrol_device(&[3; 32], &[9; 32]).await.unwrap(), None, "its time is over");
    assert_eq!(store.enrol_device(&[1; 32], &token).await.unwrap(), None, "and that of a repeat");
}

pub async fn what_is_refused(backend: &dyn Backend) {
    let store = backend.store();
    let add = async |byte, name| store.add_device(&device(byte, name), &desk()).await.unwrap();
    assert_eq!(add(1, "a").await, AddedDevice::NoSuchEvent);
    store.event_number("gala").await.unwrap();
    let made = added(&*store, 1, "a").await;
    assert_eq!(add(2, "a").await, AddedDevice::NameInUse);
    assert_eq!(add(1, "b").await, AddedDevice::NameInUse, "so is its code");
    // The code was never used.
    backend.execute("UPDATE door_devices SET code_expires_at = '2020-01-01T00:00:00.000000Z'").await;
    added(&*store, 3, "a").await;
    assert_eq!(store.enrol_device(&[1; 32], &[9; 32]).await.unwrap(), None);
    assert!(store.revoke_device("a", &desk()).await.unwrap());
    assert!(!store.revoke_device("a", &desk()).await.unwrap(), "once");
    assert_eq!(store.enrol_device(&[3; 32], &[9; 32]).await.unwrap(), None, "it was revoked before");
    added(&*store, 4, "a").await;
    assert_eq!(store.devices(Some("gala")).await.unwrap().len(), 3);
    assert_eq!(store.devices(Some("other")).await.unwrap(), []);
    assert_eq!(store.devices(None).await.unwrap().len(), 3);
    let end = ends_after(&*store, made.created_at, -13).await;
    assert_eq!(add(5, "b").await, AddedDevice::EventIsOver(end + SignedDuration::from_hours(12)));
}

pub async fn revoked_and_expired(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("gala").await.unwrap();
    let made = added(&*store, 1, "a").await;
    assert_eq!(made.expires_at - made.created_at, SignedDuration::from_hours(7 * 24), "without dates");
    store.enrol_device(&[1; 32], &[11; 32]).await.unwrap().unwrap();
    let in_use = async || store.devices_in_use().await.unwrap().pop();
    for hours in [24, 48, -13, 24] {
        let end = ends_after(&*store, made.created_at, hours).await;
        let now = in_use().await.unwrap();
        assert_eq!(now.expires_at, end + SignedDuration::from_hours(12), "it moves with its event");
        assert_eq!(now.ends_at(), now.expires_at);
    }
    let start: Timestamp = "2099-01-01T18:00:00Z".parse().unwrap();
    let patch = EventPatch {
        starts_at: Change::Set(start),
        ends_at: Change::Lift,
        status: Change::Set(EventStatus::Postponed),
        ..EventPatch::default()
    };
    store.set_event("gala", &patch, &loudly(), &desk()).await.unwrap();
    assert_eq!(in_use().await.unwrap().expires_at, start + SignedDuration::from_hours(36));

    assert!(store.revoke_device("a", &desk()).await.unwrap());
    let revoked = in_use().await.unwrap();
    assert_eq!(Some(revoked.ends_at()), revoked.revoked_at, "it may upload still");
    backend.execute("UPDATE door_devices SET revoked_at = '2020-01-01T00:00:00.000000Z'").await;
    assert_eq!(in_use().await, None, "for thirty days");
    backend
        .execute("UPDATE door_devices SET revoked_at = NULL, expires_at = '2020-01-01T00:00:00.000000Z'")
        .await;
    assert_eq!(in_use().await, None);
}

pub async fn contacts_move_forward(backend: &dyn Backend) {
    let store = backend.store();
    store.event_number("gala").await.unwrap();
    added(&*store, 1, "a").await;
    store.enrol_device(&[1; 32], &[11; 32]).await.unwrap().unwrap();
    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
    let contact = |second, state| DeviceContact { token_sha256: [11; 32], at: at(second), state };
    let first = DeviceState {
        app_version: Some("1.2".into()),
        queued: Some(7),
        feed_version: Some(u64::MAX),
        clock_offset_ms: Some(-250),
    };
    let unknown = DeviceContact { token_sha256: [12; 32], ..contact(1, first.clone()) };
    store.note_contacts(&[unknown, contact(1, first.clone())]).await.unwrap();
    store
        .note_contacts(&[contact(0, DeviceState { queued: Some(9), ..DeviceState::default() })])
        .await
        .unwrap();
    store.note_contacts(&[]).await.unwrap();
    let seen = store.devices_in_use().await.unwrap().remove(0);
    let largest = u64::try_from(i64::MAX).ok();
    let expected = DeviceState { feed_version: largest, ..first };
    assert_eq!((seen.contact_at, &seen.state), (Some(at(1)), &expected));
    store
        .note_contacts(&[contact(2, DeviceState { queued: Some(0), ..DeviceState::default() })])
        .await
        .unwrap();
    let seen = store.devices_in_use().await.unwrap().remove(0);
    let expected = DeviceState { queued: Some(0), ..expected };
    assert_eq!((seen.contact_at, seen.state), (Some(at(2)), expected), "what it does not say is kept");
}
