//! Simulated ports of a process: Ordering, Identity, file storage and the broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_domain::{EventKind, Failure, OrderId};
use fulfillment_pipeline::ports::{Destination, Files, FilesError, NewFile, Ordering, OrderingError};
use fulfillment_store::{Delivery, DeliveryOutcome};
use fulfillment_tests::kafka::Message;
use uuid::Uuid;

use super::world::{Fate, Life, lock};

/// How long a message waits in the client before it counts as not sent: the rest of a lease.
const TIMEOUT: Duration = Duration::from_secs(5);

/// All ports of one process.
pub(super) struct Line(pub(super) Arc<Life>);

/// Each answer differs: tickets that are made together must all come from one answer.
#[async_trait]
impl Ordering for Line {
    async fn order(&self, id: OrderId, _: Option<&str>) -> Result<Bytes, OrderingError> {
        let down = OrderingError::Failed(Failure::transient("Ordering is down"));
        let mut turn = self.0.turn("ask Ordering").await;
        let now = self.0.world.time.now();
        let mut answer = lock(&self.0.world.sales)[&id.0].answer(now);
        answer["customerName"] = format!("answer {}", turn.draw(1_000_000)).into();
        let text = answer.to_string();
        let said = match turn.draw(100) {
            _ if self.0.world.is_calm() => Ok(text.into()),
            0..3 => Err(OrderingError::Unknown),
            3..5 => Err(OrderingError::Failed(Failure::blocked("401"))),
            5..8 => Ok(Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2])),
            8..10 => Ok(text.replace(&id.to_string(), &Uuid::nil().to_string()).into()),
            _ => Ok(text.into()),
        };
        self.0.settle(&mut turn).await;
        if turn.fate == Fate::Well { said } else { Err(down) }
    }
}

#[async_trait]
impl Files for Line {
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<(), FilesError>> {
        let full = || Err(FilesError::Trouble("the disk is full".into()));
        let mut turn = self.0.turn("put files").await;
        let mut stored = Vec::with_capacity(files.len());
        for file in files {
            // Some files of a group may be there and others not.
            if turn.spoils() {
                stored.push(full());
                continue;
            }
            lock(&self.0.world.files).insert(file.name, file.content);
            stored.push(if turn.fate == Fate::Lost { full() } else { Ok(()) });
        }
        self.0.settle(&mut turn).await;
        stored
    }

    async fn create(&self, file: NewFile) -> Result<(), FilesError> {
        self.put(vec![file]).await.remove(0)
    }

    async fn replace(&self, file: NewFile, _: Option<String>) -> Result<(), FilesError> {
        self.put(vec![file]).await.remove(0)
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, FilesError> {
        Ok(lock(&self.0.world.files).get(name).cloned())
    }

    async fn remove(&self, names: &[String]) -> Result<(), FilesError> {
        let away = || FilesError::Trouble("the storage is away".into());
        let remove = || {
            lock(&self.0.world.files).retain(|name, _| !names.contains(name));
            Ok(())
        };
        self.0.call("remove files", away, remove).await
    }

    async fn marker(&self) -> Result<Option<Uuid>, FilesError> {
        Ok(None)
    }

    async fn mark(&self, _: Uuid) -> Result<(), FilesError> {
        Ok(())
    }

    async fn sweep(&self, _: Duration) -> Result<u64, FilesError> {
        Ok(0)
    }

    fn describe(&self) -> String {
        "memory".into()
    }
}

/// A broker that may refuse a record, and whose acknowledgement may be lost.
#[async_trait]
impl Destination for Line {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn deliver(&self, batch: Vec<Delivery>) -> Vec<(i64, DeliveryOutcome)> {
        let began = self.0.world.time.now();
        let mut turn = self.0.turn("produce").await;
        // The client gives up what it could not send in time.
        let expired = self.0.world.time.now() > began + TIMEOUT;
        let again =
            || DeliveryOutcome::Retry { after: Duration::from_millis(200), reason: "no answer".into() };
        let mut held_up = HashSet::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for Delivery { outbox_id, event, .. } in batch {
            if expired || turn.spoils() || held_up.contains(&event.ticket_id) {
                held_up.insert(event.ticket_id);
                outcomes.push((outbox_id, again()));
                continue;
            }
            // The checker follows events about tickets alone.
            if matches!(event.kind, EventKind::DeadLetter | EventKind::EventUpdated) {
                outcomes.push((outbox_id, DeliveryOutcome::Sent));
                continue;
            }
            let is_of_a_door =
                matches!(event.kind, EventKind::TicketCheckedIn | EventKind::TicketCheckInConflict);
            let by_the_store = is_of_a_door || event.kind == EventKind::TicketVoided;
            if !by_the_store && !lock(&self.0.world.written).contains(&event.id) {
                self.0.world.violated(format!("{:?}: told before it is on record", event.ticket_id));
            }
            self.0.world.note(format_args!(
                "told {} {:?} {}",
                event.kind.as_str(),
                event.ticket_id,
                event.sequence
            ));
            if is_of_a_door {
                let value: serde_json::Value = serde_json::from_slice(&event.value).unwrap();
                let sequence = value["sequence"].as_u64().unwrap();
                let told = (event.id, event.kind.as_str().to_owned(), sequence);
                lock(&self.0.world.told_by_doors).insert(told);
            } else {
                lock(&self.0.world.told).push(Message {
                    partition: 0,
                    offset: outbox_id,
                    key: None,
                    headers: event.headers,
                    value: Some(event.value),
                });
            }
            let lost = turn.fate == Fate::Lost;
            if lost {
                held_up.insert(event.ticket_id);
            }
            outcomes.push((outbox_id, if lost { again() } else { DeliveryOutcome::Sent }));
        }
        self.0.settle(&mut turn).await;
        outcomes
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}
