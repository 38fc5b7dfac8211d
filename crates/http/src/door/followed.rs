//! The doors that scanners follow: one query asks for all of them, however many listen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_store::{DoorFeeds, DoorPosition};
use tokio::sync::watch;
use tracing::warn;

/// How often the store is asked: news arrive within a second, whichever process has written them.
const INTERVAL: Duration = Duration::from_millis(250);

/// Which events are followed, and where their doors are.
pub struct FollowedDoors<S: ?Sized> {
    events: Mutex<HashMap<String, watch::Sender<DoorPosition>>>,
    store: Arc<S>,
}

impl<S: DoorFeeds + ?Sized + 'static> FollowedDoors<S> {
    /// None yet.
    pub fn new(store: Arc<S>) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), store })
    }

    /// Follows an event's door as long as the receiver lives. `first` is where it is now.
    pub(crate) fn follow(
        self: &Arc<Self>,
        event: String,
        first: DoorPosition,
    ) -> watch::Receiver<DoorPosition> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.is_empty() {
            tokio::spawn(Arc::clone(self).ask());
        }
        events.entry(event).or_insert_with(|| watch::Sender::new(first)).subscribe()
    }

    /// Asks as long as anybody follows.
    async fn ask(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(events) = self.listened() else { return };
            match self.store.door_positions(&events).await {
                Ok(positions) => self.tell(&positions),
                Err(error) => warn!(%error, "listeners of doors wait for the store"),
            }
        }
    }

    /// The events that anybody listens to; `None` at the end, after which the next follower begins anew.
    fn listened(&self) -> Option<Vec<String>> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.retain(|_, position| position.receiver_count() > 0);
        (!events.is_empty()).then(|| events.keys().cloned().collect())
    }

    fn tell(&self, positions: &HashMap<String, DoorPosition>) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        for (event, told) in events.iter() {
            if let Some(position) = positions.get(event) {
                told.send_if_modified(|told| std::mem::replace(told, *position) != *position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use fulfillment_credential::Claims;
    use fulfillment_store::{Admissions, DoorFeed, DoorNames, DoorNumbers, Result, StoreError};

    use super::*;

    /// Counts how often it is asked; each time all doors have gone on.
    #[derive(Default)]
    struct Asked(AtomicU64, Mutex<Vec<usize>>);

    fn position(version: u64) -> DoorPosition {
        DoorPosition { event: 1, epoch: 1, version, sequence: 0 }
    }

    #[async_trait]
    impl DoorFeeds for Asked {
        async fn door_version(&self, _: &str) -> Result<Option<(u64, u64)>> {
            Ok(None)
        }

        async fn door_positions(&self, events: &[String]) -> Result<HashMap<String, DoorPosition>> {
            let time = self.0.fetch_add(1, Ordering::Relaxed);
            self.1.lock().unwrap().push(events.len());
            if time == 0 {
                return Err(StoreError::Unavailable("away".into()));
            }
            Ok(events.iter().map(|event| (event.clone(), position(time))).collect())
        }

        async fn door_feed(&self, _: &str) -> Result<Option<DoorFeed>> {
            Ok(None)
        }

        async fn admissions(&self, _: &str, _: u64) -> Result<Option<Admissions>> {
            Ok(None)
        }

        async fn door_names(&self, _: &str) -> Result<Option<DoorNames>> {
            Ok(None)
        }

        async fn door_numbers(&self, _: &str) -> Result<Option<DoorNumbers>> {
            Ok(None)
        }

        async fn still_good(&self, _: u32, _: &str) -> Result<Vec<Claims>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn one_query_is_for_all_listeners() {
        let doors = FollowedDoors::new(Arc::new(Asked::default()));
        let mut listeners: Vec<_> =
            (0..100).map(|n| doors.follow(format!("event {}", n % 2), position(0))).collect();
        for listener in &mut listeners {
            listener.changed().await.unwrap();
            assert!(listener.borrow().version > 0, "though the store was away at first");
        }
        let asked = doors.store.1.lock().unwrap().clone();
        assert!(asked.len() <= 4 && asked.iter().all(|events| *events == 2), "{asked:?}");
        drop(listeners);
        tokio::time::sleep(INTERVAL * 2).await;
        let before = doors.store.0.load(Ordering::Relaxed);
        tokio::time::sleep(INTERVAL * 3).await;
        assert_eq!(doors.store.0.load(Ordering::Relaxed), before, "nobody listens");
        let mut again = doors.follow("event 0".into(), position(0));
        again.changed().await.unwrap();
    }
}
