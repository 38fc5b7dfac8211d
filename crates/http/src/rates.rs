//! Limits of the rate of requests, for each address and each token.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::{Kind, Problem};

/// How many seconds' worth of requests may come at once.
const BURST: u32 = 10;
/// Keys that were not used lately are forgotten after this many requests.
const SWEEP_EVERY: u32 = 4096;

/// Counts requests by key.
pub(crate) struct Rates<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    counted: AtomicU32,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// `None`, and no limit, for a rate of 0.
    pub(crate) fn new(per_second: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(per_second.saturating_mul(BURST))?;
        let limiter = RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        Some(Self { limiter, clock: DefaultClock::default(), counted: AtomicU32::new(0) })
    }

    /// Counts a request, or refuses it until its key has asked less. `setting` is named to the client.
    pub(crate) fn count(&self, key: &K, setting: &str) -> Result<(), Problem> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            let detail = format!("Send requests more slowly; {setting} limits them.");
            Problem::new(Kind::TooManyRequests, detail).retry_after(seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_worth_at_once_and_each_key_for_itself() {
        let rates = Rates::new(2).unwrap();
        for _ in 0..20 {
            rates.count(&"a", "x").unwrap();
        }
        let problem = rates.count(&"a", "http.token_requests").unwrap_err();
        assert_eq!(problem.status().as_u16(), 429);
        rates.count(&"b", "x").unwrap();
        assert!(Rates::<&str>::new(0).is_none());
    }
}
