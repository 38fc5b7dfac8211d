//! A circuit breaker: while a service refuses every request, no more are sent to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fulfillment_pipeline::ports::Availability;
use tracing::{info, warn};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open at first; doubled whenever a probe fails.
const FIRST: Duration = Duration::from_secs(1);
/// The longest it stays open.
const LONGEST: Duration = Duration::from_secs(30);

/// Closed, it lets all requests pass. After five failures in a row it opens: no request passes for a while, then one
/// does as a probe, and its result closes or reopens the circuit.
#[derive(Debug)]
pub(crate) struct Circuit {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        wait: Duration,
        reason: String,
    },
    /// A probe is in flight.
    Probing {
        since: Instant,
        wait: Duration,
        reason: String,
    },
}

/// Permission for one request. Dropped without a result (the task was cancelled), it only lets another request probe.
#[must_use]
pub(crate) struct Pass<'a> {
    circuit: &'a Circuit,
    probe: bool,
}

impl Circuit {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Permission for a request, or why not.
    pub(crate) fn enter(&self) -> Result<Pass<'_>, String> {
        self.enter_at(Instant::now())
    }

    fn enter_at(&self, now: Instant) -> Result<Pass<'_>, String> {
        let mut state = self.lock();
        match &*state {
            State::Closed { .. } => Ok(Pass { circuit: self, probe: false }),
            State::Open { until, wait, reason } if now >= *until => {
                *state = State::Probing { since: now, wait: *wait, reason: reason.clone() };
                Ok(Pass { circuit: self, probe: true })
            }
            State::Open { reason, .. } | State::Probing { reason, .. } => Err(not_asked(reason)),
        }
    }

    /// Whether a request would pass now.
    pub(crate) fn availability(&self) -> Availability {
        self.availability_at(Instant::now())
    }

    fn availability_at(&self, now: Instant) -> Availability {
        match &*self.lock() {
            State::Closed { .. } => Availability::Free,
            State::Open { until, .. } if now >= *until => Availability::Probe,
            State::Open { until, .. } => Availability::Paused(*until - now),
            State::Probing { .. } => Availability::Paused(FIRST),
        }
    }

    /// Why it is open, if it is.
    pub(crate) fn trouble(&self) -> Option<String> {
        match &*self.lock() {
            State::Closed { .. } => None,
            State::Open { reason, .. } | State::Probing { reason, .. } => Some(reason.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The service works.
    pub(crate) fn succeeded(mut self) {
        self.probe = false;
        let mut state = self.circuit.lock();
        if !matches!(*state, State::Closed { .. }) {
            info!("an upstream service is available again");
        }
        *state = State::Closed { failures: 0 };
    }

    /// The service does not work.
    pub(crate) fn failed(self, reason: &str) {
        self.failed_at(Instant::now(), reason);
    }

    fn failed_at(mut self, now: Instant, reason: &str) {
        let was_probe = std::mem::take(&mut self.probe);
        let mut state = self.circuit.lock();
        let wait = match &mut *state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures < FAILURES {
                    return;
                }
                warn!(reason, "an upstream service keeps failing; requests are limited until it recovers");
                FIRST
            }
            State::Probing { wait, .. } if was_probe => (*wait * 2).min(LONGEST),
            // The response to a request from before the circuit opened is not news.
            State::Open { .. } | State::Probing { .. } => return,
        };
        *state = State::Open { until: now + wait, wait, reason: reason.to_owned() };
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            let mut state = self.circuit.lock();
            if let State::Probing { since, wait, reason } = &*state {
                *state = State::Open { until: *since, wait: *wait, reason: reason.clone() };
            }
        }
    }
}

fn not_asked(reason: &str) -> String {
    format!("{reason} (again and again; not asked for a while)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(circuit: &Circuit, now: Instant, times: u32) {
        for _ in 0..times {
            circuit.enter_at(now).unwrap().failed_at(now, "it is down");
        }
    }

    #[test]
    fn opens_after_five_failures_in_a_row_and_closes_after_one_success() {
        let (circuit, now) = (Circuit::new(), Instant::now());
        fail(&circuit, now, 4);
        circuit.enter().unwrap().succeeded();
        fail(&circuit, now, 4);
        assert_eq!(circuit.trouble(), None);
        fail(&circuit, now, 1);
        assert_eq!(circuit.trouble().as_deref(), Some("it is down"));
        assert!(circuit.enter_at(now).is_err());
        assert_eq!(circuit.availability_at(now), Availability::Paused(FIRST));
        assert_eq!(circuit.availability_at(now + FIRST), Availability::Probe);
        let probe = circuit.enter_at(now + FIRST).unwrap();
        assert!(circuit.enter_at(now + FIRST).is_err(), "one probe at a time");
        assert_eq!(circuit.availability_at(now + FIRST), Availability::Paused(FIRST));
        probe.succeeded();
        assert_eq!(circuit.availability_at(now), Availability::Free);
        assert_eq!(circuit.trouble(), None);
        assert!(circuit.enter_at(now).is_ok());
    }

    #[test]
    fn a_failed_probe_doubles_the_wait_up_to_the_longest() {
        let (circuit, mut now) = (Circuit::new(), Instant::now());
        fail(&circuit, now, 5);
        let mut wait = FIRST;
        for _ in 0..8 {
            assert!(circuit.enter_at(now + wait.mul_f64(0.99)).is_err(), "{wait:?}");
            now += wait;
            circuit.enter_at(now).unwrap().failed_at(now, "still");
            wait = (wait * 2).min(LONGEST);
        }
    }

    #[test]
    fn an_abandoned_probe_lets_the_next_one_try() {
        let (circuit, now) = (Circuit::new(), Instant::now());
        fail(&circuit, now, 5);
        drop(circuit.enter_at(now + FIRST).unwrap());
        assert!(circuit.trouble().is_some());
        circuit.enter_at(now + FIRST).unwrap().succeeded();
    }

    #[test]
    fn late_failures_do_not_prolong_it() {
        let (circuit, now) = (Circuit::new(), Instant::now());
        let late = circuit.enter_at(now).unwrap();
        fail(&circuit, now, 5);
        late.failed_at(now + FIRST, "late");
        assert!(circuit.enter_at(now + FIRST).is_ok());
    }
}
