//! What a connection is doing, and how long it may go on doing it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fulfillment_config::Http;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a connection may do nothing, by what is expected of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    header: Duration,
    write: Duration,
    idle: Duration,
}

impl Timeouts {
    pub(super) fn of(http: &Http) -> Self {
        Self { header: http.header_timeout, write: http.write_timeout, idle: http.idle_timeout }
    }
}

/// What one connection is doing. Its reader, its writer, its requests and its supervisor share it.
pub(super) struct Activity {
    state: Mutex<State>,
    /// Asks the supervisor to close the connection.
    pub(super) close: Notify,
}

#[derive(Debug)]
struct State {
    /// Requests whose response is not complete.
    in_progress: usize,
    /// When the connection was accepted, or the network took the last bytes of its last response.
    waiting_since: Instant,
    /// When the first bytes of the next request arrived.
    header_since: Option<Instant>,
    /// Since when bytes of responses cannot be sent.
    blocked_since: Option<Instant>,
    /// Whether a whole head has arrived.
    has_asked: bool,
}

impl State {
    /// Whether every response is complete and sent.
    fn is_waiting(&self) -> bool {
        self.in_progress == 0 && self.blocked_since.is_none()
    }
}

/// When to look at a connection again, or why to close it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    LookAt(Instant),
    /// The label of the metric.
    Close(&'static str),
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let state = State {
            in_progress: 0,
            waiting_since: Instant::now(),
            header_since: None,
            blocked_since: None,
            has_asked: false,
        };
        Arc::new(Self { state: Mutex::new(state), close: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has arrived; its response is complete when the result is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InProgress {
        let mut state = self.state();
        state.in_progress += 1;
        state.has_asked = true;
        state.header_since = None;
        InProgress(Arc::clone(self))
    }

    /// Bytes have arrived.
    pub(super) fn read(&self) {
        let mut state = self.state();
        if state.in_progress == 0 && state.header_since.is_none() {
            state.header_since = Some(Instant::now());
        }
    }

    /// The network took bytes, or takes none at the moment.
    pub(super) fn wrote(&self, blocked: bool) {
        let mut state = self.state();
        match (blocked, state.blocked_since) {
            (true, None) => state.blocked_since = Some(Instant::now()),
            (false, Some(_)) => {
                state.blocked_since = None;
                // The end of a response may wait to be sent after its body has ended.
                state.waiting_since = Instant::now();
            }
            _ => {}
        }
    }

    /// Since when it waits for a request, and whether it has sent one before. `None` while a request is in progress.
    pub(super) fn waiting(&self) -> Option<(Instant, bool)> {
        let state = self.state();
        state.is_waiting().then_some((state.waiting_since, state.has_asked))
    }

    /// Whether the connection may go on.
    pub(super) fn judge(&self, now: Instant, timeouts: &Timeouts) -> Verdict {
        let state = self.state();
        let expected = [
            state.blocked_since.map(|since| (since + timeouts.write, "write")),
            state.is_waiting().then(|| match state.header_since {
                _ if !state.has_asked => (state.waiting_since + timeouts.header, "header"),
                Some(since) => (since + timeouts.header, "header"),
                None => (state.waiting_since + timeouts.idle, "idle"),
            }),
        ];
        // Whatever begins after this look may take at least that long.
        let next = now + timeouts.header.min(timeouts.write).min(timeouts.idle);
        match expected.into_iter().flatten().min() {
            Some((end, why)) if end <= now => Verdict::Close(why),
            Some((end, _)) => Verdict::LookAt(end.min(next)),
            None => Verdict::LookAt(next),
        }
    }
}

/// A request whose response is not complete.
pub(super) struct InProgress(Arc<Activity>);

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_progress -= 1;
        if state.in_progress == 0 {
            state.waiting_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(10),
        write: Duration::from_secs(30),
        idle: Duration::from_secs(60),
    };

    /// Why it is closed this many seconds from now.
    fn closed_in(seconds: u64, activity: &Activity) -> Option<&'static str> {
        let then = Instant::now() + Duration::from_secs(seconds);
        match activity.judge(then, &TIMEOUTS) {
            Verdict::Close(why) => Some(why),
            Verdict::LookAt(next) => {
                assert!(next > then && next <= then + TIMEOUTS.header);
                None
            }
        }
    }

    #[test]
    fn a_head_takes_ten_seconds_from_its_first_byte() {
        let activity = Activity::new();
        assert_eq!(closed_in(9, &activity), None);
        assert_eq!(closed_in(10, &activity), Some("header"), "the first one counts from the start");
        drop(activity.request());
        activity.read();
        assert_eq!(closed_in(9, &activity), None);
        assert_eq!(closed_in(10, &activity), Some("header"));
        let begun = activity.state().header_since;
        activity.read();
        assert_eq!(activity.state().header_since, begun, "bytes that trickle in give it no more time");
    }

    #[test]
    fn between_requests_it_may_be_idle_and_during_one_it_takes_what_it_takes() {
        let activity = Activity::new();
        let request = activity.request();
        activity.read();
        assert_eq!(closed_in(1000, &activity), None);
        assert!(activity.waiting().is_none());
        drop(request);
        assert_eq!(closed_in(59, &activity), None);
        assert_eq!(closed_in(60, &activity), Some("idle"));
    }

    #[test]
    fn the_end_of_a_response_that_waits_to_be_sent_is_not_idle() {
        let timeouts = Timeouts { write: Duration::from_secs(90), ..TIMEOUTS };
        let activity = Activity::new();
        let request = activity.request();
        activity.wrote(true);
        drop(request);
        assert!(activity.waiting().is_none());
        let then = |seconds| activity.judge(Instant::now() + Duration::from_secs(seconds), &timeouts);
        assert!(matches!(then(60), Verdict::LookAt(_)), "the reader may be slow");
        assert_eq!(then(90), Verdict::Close("write"));
        activity.wrote(false);
        assert_eq!((activity.waiting().is_some(), then(60)), (true, Verdict::Close("idle")));
    }

    #[test]
    fn a_reader_that_takes_nothing_for_thirty_seconds_is_gone() {
        let activity = Activity::new();
        let _request = activity.request();
        activity.wrote(true);
        let since = activity.state().blocked_since;
        activity.wrote(true);
        assert_eq!(activity.state().blocked_since, since);
        assert_eq!(closed_in(29, &activity), None);
        assert_eq!(closed_in(30, &activity), Some("write"));
        activity.wrote(false);
        assert_eq!(closed_in(30, &activity), None);
    }
}
