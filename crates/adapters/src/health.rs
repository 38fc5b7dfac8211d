//! The health of something outside, as the last requests to it found it. What is wrong is logged at once, and again at
//! growing intervals as long as it lasts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// The time from the first line of the log to the second; it doubles with each line.
const AGAIN: Duration = Duration::from_secs(60);
/// The longest time between two lines.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is wrong with something outside, if anything is. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct HealthFlag {
    /// Its name, for the log.
    what: Arc<str>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

#[derive(Debug)]
struct Trouble {
    reason: String,
    since: Instant,
    /// When it is logged again.
    next: Instant,
    wait: Duration,
}

impl HealthFlag {
    pub(crate) fn of(what: &str) -> Self {
        Self { what: what.into(), trouble: Arc::default() }
    }

    /// What is wrong.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock().as_ref().map(|trouble| trouble.reason.clone())
    }

    /// Something is wrong.
    pub(crate) fn set_trouble(&self, reason: impl Into<String>) {
        self.set_trouble_at(Instant::now(), reason.into());
    }

    /// Answers whether it was logged.
    fn set_trouble_at(&self, now: Instant, reason: String) -> bool {
        let (what, mut known) = (&*self.what, self.lock());
        match &mut *known {
            None => {
                warn!(reason, "{what} is unavailable");
                *known = Some(Trouble { reason, since: now, next: now + AGAIN, wait: AGAIN });
                true
            }
            Some(trouble) => {
                trouble.reason = reason;
                if now < trouble.next {
                    return false;
                }
                let lasted = humantime::format_duration(Duration::from_secs((now - trouble.since).as_secs()));
                warn!(reason = trouble.reason, "{what} has been unavailable for {lasted}");
                trouble.wait = (trouble.wait * 2).min(LONGEST);
                trouble.next = now + trouble.wait;
                true
            }
        }
    }

    /// It works.
    pub(crate) fn clear(&self) {
        if self.lock().take().is_some() {
            info!("{} is available again", self.what);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_logged_at_growing_intervals() {
        let (flag, begin) = (HealthFlag::of("it"), Instant::now());
        let minutes: Vec<_> = (0..600)
            .filter(|minute| {
                flag.set_trouble_at(begin + Duration::from_secs(minute * 60), minute.to_string())
            })
            .collect();
        assert_eq!(minutes[..6], [0, 1, 3, 7, 15, 31]);
        assert!(minutes[6..].windows(2).all(|two| two[1] - two[0] == 60), "{minutes:?}");
        assert_eq!(flag.trouble().as_deref(), Some("599"), "the newest reason");
        flag.clear();
        assert_eq!(flag.trouble(), None);
        assert!(flag.set_trouble_at(begin, "again".into()), "another trouble is logged at once");
    }
}
