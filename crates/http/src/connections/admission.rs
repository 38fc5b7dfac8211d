//! Which connections are accepted: all up to `http.max_connections`, with room kept for health and files, and a share
//! of them for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fulfillment_config::Http;
use tokio::time::Instant;

use super::Standing;
use super::activity::Activity;

/// One connection in this many is kept for health and files.
const KEPT: usize = 16;

/// The open connections.
pub(super) struct Connections {
    most: usize,
    /// From here on new connections are for health and files alone.
    ordinary: usize,
    most_of_address: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    by_id: HashMap<u64, Entry>,
    by_address: HashMap<IpAddr, usize>,
}

struct Entry {
    activity: Arc<Activity>,
    address: Option<IpAddr>,
}

/// A connection's place among the open ones, until it is dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    pub(super) standing: Standing,
}

impl Connections {
    pub(super) fn new(http: &Http) -> Arc<Self> {
        let most = http.max_connections;
        Arc::new(Self {
            most,
            ordinary: most - (most / KEPT).max(1),
            most_of_address: http.max_connections_per_address,
            open: Mutex::default(),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a connection of an address, if connections are counted for it. `None`: there is no room. Where none is
    /// left, a connection that has not sent a request yet makes room, the oldest first.
    pub(super) fn admit(
        self: &Arc<Self>,
        activity: &Arc<Activity>,
        address: Option<IpAddr>,
    ) -> Option<Place> {
        let mut open = self.open();
        let of_address = address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or(0);
        let standing = if of_address >= self.most_of_address {
            // It gets an answer, as long as that costs nobody a place.
            if of_address >= 2 * self.most_of_address || open.by_id.len() >= self.ordinary {
                return None;
            }
            Standing::Crowded
        } else if open.by_id.len() < self.ordinary || open.make_room(false) {
            Standing::Ordinary
        } else if open.by_id.len() < self.most || open.make_room(true) {
            Standing::Kept
        } else {
            return None;
        };
        open.last += 1;
        let id = open.last;
        open.by_id.insert(id, Entry { activity: Arc::clone(activity), address });
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        Some(Place { connections: Arc::clone(self), id, standing })
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open().by_id.len()
    }
}

impl Open {
    /// Closes the connection that has waited longest for its first request; with `idle`, otherwise for its next one.
    fn make_room(&mut self, idle: bool) -> bool {
        let waiting = |(id, entry): (&u64, &Entry)| -> Option<(bool, Instant, u64)> {
            let (since, has_asked) = entry.activity.waiting()?;
            (idle || !has_asked).then_some((has_asked, since, *id))
        };
        let Some((_, _, id)) = self.by_id.iter().filter_map(waiting).min() else { return false };
        if let Some(entry) = self.remove(id) {
            entry.activity.close.notify_one();
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.by_id.remove(&id)?;
        if let Some(address) = entry.address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(entry)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that made room for another has left already.
        self.connections.open().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Standing::{Crowded, Kept, Ordinary};
    use super::*;

    fn connections(most: usize, of_address: usize) -> Arc<Connections> {
        let settings = [("MAX_CONNECTIONS", most), ("MAX_CONNECTIONS_PER_ADDRESS", of_address)];
        let settings = settings.map(|(key, n)| (format!("FULFILLMENT_HTTP_{key}"), n.to_string()));
        Connections::new(&fulfillment_config::Config::defaults(settings).unwrap().http)
    }

    #[tokio::test]
    async fn the_oldest_without_a_request_makes_room() {
        let all = connections(16, 16);
        let mut held = Vec::new();
        for _ in 0..15 {
            let activity = Activity::new();
            held.push((all.admit(&activity, None).unwrap(), activity));
        }
        let _asking = held[0].1.request();
        let new = all.admit(&Activity::new(), None).unwrap();
        assert_eq!((new.standing, all.count()), (Ordinary, 15));
        let closed = tokio::time::timeout(Duration::from_millis(1), held[1].1.close.notified()).await;
        assert!(closed.is_ok(), "the first has a request in progress, so the second makes room");
        drop(held.remove(1));
        assert_eq!(all.count(), 15, "it had left already");
    }

    #[tokio::test]
    async fn room_is_kept_for_health_and_files() {
        let all = connections(32, 32);
        let busy = || {
            let activity = Activity::new();
            let request = activity.request();
            (all.admit(&activity, None), request)
        };
        let held: Vec<_> = std::iter::repeat_with(busy).take(32).collect();
        let standings: Vec<_> = held.iter().map(|(place, _)| place.as_ref().unwrap().standing).collect();
        assert!(standings[..30].iter().all(|standing| *standing == Ordinary), "{standings:?}");
        assert_eq!(standings[30..], [Kept, Kept]);
        assert!(busy().0.is_none(), "all have requests in progress");
        drop(held);
        assert_eq!(all.count(), 0);
    }

    #[tokio::test]
    async fn an_address_has_a_share() {
        let all = connections(64, 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let admit = |address| all.admit(&Activity::new(), Some(address));
        let held = [admit(one), admit(one), admit(one), admit(one)];
        let standings: Vec<_> = held.iter().flatten().map(|place| place.standing).collect();
        assert_eq!(standings, [Ordinary, Ordinary, Crowded, Crowded]);
        assert!(admit(one).is_none());
        assert_eq!(admit(other).unwrap().standing, Ordinary);
        drop(held);
        assert_eq!(admit(one).unwrap().standing, Ordinary);
        assert!(all.open().by_address.is_empty());
    }
}
