//! Conformance of the schema and its registration.

use std::collections::HashSet;

use uuid::Uuid;

use super::Backend;
use super::fixtures::{at, at_once, at_stored, desk};
use crate::{KeyRecord, Registration, StoreError};

/// Removes the migrations' tables, and leaves the file or schema empty.
async fn empty(backend: &dyn Backend) {
    for table in [
        "fulfillment_migrations",
        "kafka_positions",
        "template_files",
        "templates",
        "order_attention",
        "withdrawals",
        "withdrawal_dismissals",
        "ticket_revisions",
        "ticket_drafts",
        "outbox_delivery",
        "outbox",
        "erasure_requests",
        "store_file",
        "people",
        "people_unread",
        "index_unread",
        "search_orders",
        "search_words",
        "search_backfill",
        "people_backfill",
        "api_tokens",
        "revoked_keys",
        "key_reissues",
        "erased_files",
        "event_cancellations",
        "doors",
        "check_ins",
        "door_counts",
        "door_deviations",
        "door_devices",
        "event_counts",
        "minute_counts",
        "ticket_history",
        "seats",
        "tickets",
        "dead_letters",
        "inbox",
        "audit",
        "orders",
        "payments",
        "categories",
        "events",
        "keys",
        "installation",
    ] {
        // The embedded store has a table that PostgreSQL has not.
        backend.execute(&format!("DROP TABLE IF EXISTS {table}")).await;
    }
}

pub async fn migrating_twice_and_at_once(backend: &dyn Backend) {
    let store = backend.store();
    assert!(store.migrate().await.unwrap().applied.is_empty());
    assert!(store.pending_migrations().await.unwrap().is_empty());
    empty(backend).await;
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("0001_init"));
    let reports = at_once(backend, 4, |store, _| async move { store.migrate().await.unwrap() }).await;
    let last: i64 = pending.last().and_then(|name| name.split('_').next()).unwrap().parse().unwrap();
    assert!(reports.iter().all(|r| r.version == last));
    let applied: Vec<_> = reports.into_iter().flat_map(|r| r.applied).collect();
    assert_eq!(applied, pending, "one of them did it");
    assert!(store.pending_migrations().await.unwrap().is_empty());
}

pub async fn foreign_tables(backend: &dyn Backend) {
    let store = backend.store();
    empty(backend).await;
    backend.execute("CREATE TABLE tickets (id INTEGER, qr TEXT)").await;
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Incompatible(why) if why.contains("tickets")), "{refused}");
    assert!(matches!(store.pending_migrations().await, Err(StoreError::Incompatible(_))));
    backend.execute("INSERT INTO tickets (id, qr) VALUES (1, 'x')").await;
    backend.execute("DROP TABLE tickets").await;
    for other in ["\"Tickets\"", "\"__EFMigrationsHistory\""] {
        backend.execute(&format!("CREATE TABLE {other} (id INTEGER)")).await;
        assert!(matches!(store.migrate().await, Err(StoreError::Incompatible(_))), "{other}");
        backend.execute(&format!("DROP TABLE {other}")).await;
    }
    backend.execute("CREATE TABLE tickets (id INTEGER)").await;
    backend.execute("CREATE TABLE orders (id INTEGER)").await;
    backend.execute("DROP TABLE orders").await;
    backend.execute("DROP TABLE tickets").await;
    assert_eq!(
        store.migrate().await.unwrap().applied[..1],
        ["0001_init"],
        "nothing was in the way but these"
    );
}

pub async fn newer_schema(backend: &dyn Backend) {
    let store = backend.store();
    backend.execute("UPDATE fulfillment_migrations SET version = 9999 WHERE version = 1").await;
    assert!(matches!(store.migrate().await, Err(StoreError::Incompatible(why)) if why.contains("9999")));
    assert!(matches!(store.pending_migrations().await, Err(StoreError::Incompatible(_))));
}

pub async fn registers_once(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.registration().await.unwrap(), Registration::default());
    let key = |kid: &str, byte| KeyRecord { kid: kid.into(), public_key: [byte; 32], created_at: at() };
    let first = Registration {
        secret_fingerprint: Some("f1".into()),
        storage_marker: None,
        keys: vec![key("0000000a", 1)],
        revoked: vec![],
    };
    let mut stands = store.register(&first).await.unwrap();
    assert_eq!(stands.keys[0].created_at, at_stored());
    stands.keys[0].created_at = at();
    assert_eq!(stands, first);
    let marker = Uuid::from_u128(7);
    let names = |stands: &Registration| {
        stands.keys.iter().map(|k| (k.kid.clone(), k.public_key[0])).collect::<Vec<_>>()
    };
    let second = Registration {
        secret_fingerprint: Some("f1".into()),
        storage_marker: Some(marker),
        keys: vec![key("0000000b", 2), key("0000000a", 1)],
        revoked: vec![],
    };
    let stands = store.register(&second).await.unwrap();
    assert_eq!((stands.secret_fingerprint.as_deref(), stands.storage_marker), (Some("f1"), Some(marker)));
    let both = [("0000000a".to_owned(), 1), ("0000000b".to_owned(), 2)];
    assert_eq!(names(&stands), both);
    assert_eq!(store.registration().await.unwrap(), stands);
    // Other installations: another secret, no common key, a known key's name with another key.
    for (secret, keys) in [
        ("f2", vec![key("0000000a", 1), key("0000000c", 3)]),
        ("f1", vec![key("0000000c", 3)]),
        ("f1", vec![key("0000000a", 9), key("0000000c", 3)]),
    ] {
        let stranger =
            Registration { secret_fingerprint: Some(secret.into()), keys, ..Registration::default() };
        assert_eq!(names(&store.register(&stranger).await.unwrap()), both, "{stranger:?}");
    }
    let answers = at_once(backend, 4, |store, n| async move {
        let wanted = Registration { secret_fingerprint: Some(n.to_string()), ..Registration::default() };
        store.register(&wanted).await.unwrap().secret_fingerprint
    })
    .await;
    assert!(answers.iter().all(|a| a.as_deref() == Some("f1")));
}

pub async fn strangers_at_once(backend: &dyn Backend) {
    let answers = at_once(backend, 4, |store, n| async move {
        let key = KeyRecord { kid: format!("0000000{n}"), public_key: [7; 32], created_at: at() };
        let own =
            Registration { secret_fingerprint: Some("f".into()), keys: vec![key], ..Registration::default() };
        store.register(&own).await.unwrap().keys
    })
    .await;
    assert_eq!(answers[0].len(), 1, "one key was recorded");
    assert!(answers.iter().all(|keys| *keys == answers[0]), "{answers:?}");
}

pub async fn adopts_a_secret(backend: &dyn Backend) {
    let store = backend.store();
    for fingerprint in ["one", "two"] {
        store.adopt_secret(fingerprint, &desk()).await.unwrap();
        assert_eq!(store.registration().await.unwrap().secret_fingerprint.as_deref(), Some(fingerprint));
    }
}

pub async fn numbers_for_good(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!((store.event_number("a").await.unwrap(), store.event_number("b").await.unwrap()), (1, 2));
    assert_eq!(store.event_number("a").await.unwrap(), 1);
    let vip = store.category_number("a", "VIP").await.unwrap();
    let standing = store.category_number("a", "Standing").await.unwrap();
    assert_eq!((vip, standing, store.category_number("b", "Standing").await.unwrap()), (1, 2, 1));
    let numbers = at_once(backend, 6, |store, n| async move {
        store.event_number(&format!("event-{}", n / 2)).await.unwrap()
    })
    .await;
    assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 3);
    assert!(numbers.iter().all(|n| (3..=5).contains(n)), "{numbers:?}");
}

pub async fn pings(backend: &dyn Backend) {
    let store = backend.another().await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}
