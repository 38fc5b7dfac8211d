//! Conformance of Kafka positions.

use super::Backend;
use super::fixtures::{at_once, payment, refund, to_kafka};
use crate::{Announcing, DeadLetterRoute, IngestOutcome, Mark, Partition, Position, Store};

fn position(number: i32, epoch: i64, next: i64) -> Position {
    let partition =
        Partition { cluster: "c1".into(), group: "g".into(), topic: "payment-succeeded".into(), number };
    let hash = [u8::try_from(next % 251).unwrap(); 32];
    Position {
        partition,
        epoch,
        next,
        mark: Some(Mark { offset: next - 1, timestamp: Some(1_795_372_200_000), hash }),
    }
}

async fn on_record(store: &dyn Store) -> Vec<Position> {
    store.positions("c1", "g").await.unwrap()
}

pub async fn move_forward_only(backend: &dyn Backend) {
    let store = backend.store();
    store.advance(&[]).await.unwrap();
    assert_eq!(on_record(&*store).await, []);
    store.advance(&[position(0, 0, 10), position(1, 0, 7)]).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(0, 0, 10), position(1, 0, 7)]);
    // A late batch of a former owner moves nothing back, and does not stop the other partition from moving forward.
    store.advance(&[position(0, 0, 9), position(1, 0, 8)]).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(0, 0, 10), position(1, 0, 8)]);
    // One partition twice: the furthest counts, in any order.
    store.advance(&[position(0, 0, 12), position(0, 0, 11)]).await.unwrap();
    assert_eq!(on_record(&*store).await[0], position(0, 0, 12));
    let bare = Position { mark: None, ..position(2, 0, 0) };
    store.advance(std::slice::from_ref(&bare)).await.unwrap();
    let untimed = Mark { offset: 0, timestamp: None, hash: [3; 32] };
    let untimed = Position { mark: Some(untimed), ..position(3, 0, i64::MAX) };
    store.advance(std::slice::from_ref(&untimed)).await.unwrap();
    assert_eq!(on_record(&*store).await[2..], [bare, untimed]);
}

pub async fn a_later_epoch_counts(backend: &dyn Backend) {
    let store = backend.store();
    store.advance(&[position(0, 0, 500)]).await.unwrap();
    let anew = Position { mark: None, ..position(0, 1, 0) };
    store.advance(std::slice::from_ref(&anew)).await.unwrap();
    assert_eq!(on_record(&*store).await, [anew]);
    // A batch that was in flight when the topic was found to be recreated.
    store.advance(&[position(0, 0, 600)]).await.unwrap();
    store.advance(&[position(0, 1, 3)]).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(0, 1, 3)]);
    store.advance(&[position(0, 0, 700), position(0, 2, 1)]).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(0, 2, 1)]);
}

pub async fn written_with_what_was_read(backend: &dyn Backend) {
    let store = backend.store();
    let (letters, announcing) = (to_kafka(), Announcing::default());
    let read = [payment(1, 1, "10")];
    let outcomes = store.ingest_read(&read, &[position(3, 0, 2)], &letters, &announcing).await.unwrap();
    assert!(matches!(outcomes[..], [IngestOutcome::New(_)]));
    assert_eq!(on_record(&*store).await, [position(3, 0, 2)]);
    let refunds = [refund(1, 1, 1, "")];
    store.ingest_read(&refunds, &[position(4, 0, 9)], &letters, &announcing).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(3, 0, 2), position(4, 0, 9)]);
    // A batch from which nothing was stored has been read all the same.
    assert_eq!(store.ingest_read(&[], &[position(3, 0, 3)], &letters, &announcing).await.unwrap(), []);
    assert_eq!(store.ingest_read(&[], &[position(4, 0, 10)], &letters, &announcing).await.unwrap(), []);
    assert_eq!(on_record(&*store).await, [position(3, 0, 3), position(4, 0, 10)]);
    // A message that arrives by HTTP moves nothing.
    store.ingest(&[payment(2, 2, "10")], &DeadLetterRoute::default(), &announcing).await.unwrap();
    assert_eq!(on_record(&*store).await, [position(3, 0, 3), position(4, 0, 10)]);
    // Concurrent batches, each with more than one partition, in any order.
    at_once(backend, 8, |store, n| async move {
        let n = u32::try_from(n).unwrap();
        let next = i64::from(n) + 20;
        let reached = [position(4, 0, next), position(3, 0, next)];
        let batch = [payment(100 + n, 100 + n, "1")];
        store.ingest_read(&batch, &reached, &DeadLetterRoute::default(), &Announcing::default()).await
    })
    .await
    .into_iter()
    .for_each(|stored| drop(stored.unwrap()));
    assert_eq!(on_record(&*store).await, [position(3, 0, 27), position(4, 0, 27)]);
}

pub async fn each_group_its_own(backend: &dyn Backend) {
    let store = backend.store();
    let of = |cluster: &str, group: &str, next| {
        let mut position = position(0, 0, next);
        (position.partition.cluster, position.partition.group) = (cluster.into(), group.into());
        position
    };
    let all = [of("c1", "g", 1), of("c1", "h", 2), of("c2", "g", 3), of("", "g", 4)];
    store.advance(&all).await.unwrap();
    for position in all {
        let Partition { cluster, group, .. } = &position.partition;
        assert_eq!(
            store.positions(cluster, group).await.unwrap(),
            std::slice::from_ref(&position),
            "{cluster} {group}"
        );
    }
    assert_eq!(store.positions("c2", "h").await.unwrap(), []);
}

pub async fn adopted_once(backend: &dyn Backend) {
    let store = backend.store();
    assert!(store.adopt_positions(&[]).await.unwrap());
    let adopted = at_once(backend, 4, |store, n| async move {
        let next = i64::try_from(n).unwrap();
        store.adopt_positions(&[position(0, 0, next), position(1, 0, next)]).await.unwrap()
    })
    .await;
    assert_eq!(adopted.iter().filter(|it| **it).count(), 1, "{adopted:?}");
    let kept = on_record(&*store).await;
    assert!(kept.len() == 2 && kept[0].next == kept[1].next, "{kept:?}");
    assert!(!store.adopt_positions(&[position(7, 0, 1)]).await.unwrap());
    assert_eq!(on_record(&*store).await, kept);
}

pub async fn an_upgrade_is_told_from_a_new_store(backend: &dyn Backend) {
    let store = backend.store();
    let migrated =
        |at: &str| format!("UPDATE fulfillment_migrations SET installed_on = '{at}' WHERE version = 8");
    backend.execute(&migrated("2100-01-01 00:00:00")).await;
    assert!(!store.predates_positions().await.unwrap(), "an emptied store has no payments");
    store.ingest(&[payment(1, 1, "10")], &DeadLetterRoute::default(), &Announcing::default()).await.unwrap();
    assert!(store.predates_positions().await.unwrap());
    // An emptied store that received a payment by HTTP before its consumer was assigned a partition.
    backend.execute(&migrated("2000-01-01 00:00:00")).await;
    assert!(!store.predates_positions().await.unwrap());
    backend.execute(&migrated("2100-01-01 00:00:00")).await;
    store.advance(&[position(0, 0, 1)]).await.unwrap();
    assert!(!store.predates_positions().await.unwrap(), "it is asked once");
}
