//! Requests with tokens that are not valid: few are held back at a time, all are counted, and the log names where they
//! come from, once a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::warn;

use crate::peers::prefix_of;

/// How many answers are held back at a time: each keeps a connection.
const WAITING: usize = 100;
/// The least time between two lines about one network.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// The maximum number of networks that are counted separately.
const NETWORKS: usize = 1024;

/// Why a token is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Unknown,
    Expired,
    /// It was not looked for, because too many others are held back.
    Crowded,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Crowded => "crowded",
        }
    }
}

/// The answers that are held back, and what the log has of them.
pub(crate) struct FailedTries {
    waiting: Semaphore,
    said: Mutex<HashMap<String, Said>>,
}

/// What the log has of a network.
struct Said {
    at: Instant,
    /// Requests since.
    since: u64,
}

impl Default for FailedTries {
    fn default() -> Self {
        Self { waiting: Semaphore::new(WAITING), said: Mutex::default() }
    }
}

impl FailedTries {
    /// A place among those that are held back, if there is one.
    pub(crate) fn hold(&self) -> Option<SemaphorePermit<'_>> {
        self.waiting.try_acquire().ok()
    }

    /// Counts a try, and logs it unless its network was logged lately.
    pub(crate) fn note(&self, client: Option<IpAddr>, reason: Reason) {
        metrics::counter!("fulfillment_http_failed_tokens_total", "reason" => reason.word()).increment(1);
        let from = client.map_or_else(|| "unknown".to_owned(), prefix_of);
        if let Some((from, tries)) = self.to_say(from, Instant::now()) {
            warn!(from, tries, reason = reason.word(), "requests came with tokens that are not valid");
        }
    }

    /// The network to name in the log now, and the number of tries since it was named before.
    fn to_say(&self, mut from: String, now: Instant) -> Option<(String, u64)> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= NETWORKS && !said.contains_key(&from) {
            said.retain(|_, said| now.duration_since(said.at) < SAY_AGAIN);
            if said.len() >= NETWORKS {
                "others".clone_into(&mut from);
            }
        }
        match said.get_mut(&from) {
            Some(said) if now.duration_since(said.at) < SAY_AGAIN => {
                said.since += 1;
                None
            }
            Some(said) => {
                let tries = said.since + 1;
                *said = Said { at: now, since: 0 };
                Some((from, tries))
            }
            None => {
                said.insert(from.clone(), Said { at: now, since: 0 });
                Some((from, 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_once_a_minute() {
        let (tries, now) = (FailedTries::default(), Instant::now());
        let say = |from: &str, seconds| {
            tries.to_say(prefix_of(from.parse().unwrap()), now + Duration::from_secs(seconds))
        };
        assert_eq!(say("203.0.113.7", 0), Some(("203.0.113.0/24".to_owned(), 1)));
        assert_eq!(say("203.0.113.8", 1), None);
        assert_eq!(say("::ffff:203.0.113.7", 59), None);
        assert_eq!(say("2001:db8:1:2::3", 59), Some(("2001:db8:1::/48".to_owned(), 1)));
        assert_eq!(say("203.0.113.9", 61), Some(("203.0.113.0/24".to_owned(), 3)));
    }

    #[test]
    fn many_networks_share_a_line() {
        let (tries, now) = (FailedTries::default(), Instant::now());
        let named = (0..2 * NETWORKS).filter_map(|i| tries.to_say(i.to_string(), now));
        let named: Vec<_> = named.map(|(from, _)| from).collect();
        assert_eq!(named.len(), NETWORKS + 1);
        assert_eq!(named.last().map(String::as_str), Some("others"));
        let later = now + SAY_AGAIN;
        assert_eq!(tries.to_say("x".into(), later), Some(("x".to_owned(), 1)), "old ones are forgotten");
    }

    #[test]
    fn a_hundred_are_held_back() {
        let tries = FailedTries::default();
        let held: Vec<_> = (0..WAITING).map_while(|_| tries.hold()).collect();
        assert_eq!(held.len(), WAITING);
        assert!(tries.hold().is_none());
        drop(held);
        assert!(tries.hold().is_some());
    }
}
