//! A machine whose time moves only when everybody waits, and whose cores do everything at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fulfillment_domain::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Builder;

use crate::machine::{Panicked, on_a_core};

thread_local! {
    /// The time of the simulation that runs on this thread.
    static TIME: RefCell<Option<Arc<Time>>> = const { RefCell::new(None) };
}

/// When every story begins: 2026-11-22T18:31:00Z, half a minute after its first payments were made.
const BEGINNING: Timestamp = Timestamp::constant(1_795_372_260, 0);

/// Time since the story began.
pub(crate) struct Time {
    /// Some moment: only differences from it are seen.
    beginning: Instant,
    waiting: Mutex<Waiting>,
}

impl Default for Time {
    fn default() -> Self {
        Self { beginning: Instant::now(), waiting: Mutex::default() }
    }
}

#[derive(Default)]
struct Waiting {
    now: Duration,
    /// By how much the clock on the wall is wrong.
    ahead: SignedDuration,
    count: u64,
    /// By the moment that each waits for, then in the order in which they began to wait.
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Time {
    pub(super) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Sets the clock on the wall, which nobody's waiting is measured by.
    pub(super) fn set_clock(&self, ahead: SignedDuration) {
        self.lock().ahead = ahead;
    }

    /// On to the next moment that somebody waits for.
    fn move_on(&self) {
        let mut waiting = self.lock();
        if let Some(((moment, _), sleeper)) = waiting.sleepers.pop_first() {
            waiting.now = moment;
            drop(waiting);
            sleeper.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        let waiting = self.lock();
        BEGINNING + waiting.now + waiting.ahead
    }
}

/// Tells a story on this thread to its end, in a time of its own.
pub(super) fn run<T, F: Future<Output = T>>(story: impl FnOnce(Arc<Time>) -> F) -> T {
    let time = Arc::new(Time::default());
    TIME.set(Some(Arc::clone(&time)));
    let idle = Arc::clone(&time);
    let runtime = Builder::new_current_thread().on_thread_park(move || idle.move_on()).build().unwrap();
    let answer = runtime.block_on(story(time));
    TIME.set(None);
    answer
}

/// Waits as long; outside of a simulation by the machine's own time.
pub(crate) async fn sleep(duration: Duration) {
    let Some(time) = TIME.with_borrow(Clone::clone) else { return tokio::time::sleep(duration).await };
    let until = Time::now(&time).saturating_add(duration);
    Sleep { time, until, place: None }.await;
}

/// The present moment, to measure a while by.
pub(crate) fn moment() -> Instant {
    TIME.with_borrow(|time| time.as_ref().map_or_else(Instant::now, |time| time.beginning + Time::now(time)))
}

/// Does the work at once; outside of a simulation on another thread.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    if TIME.with_borrow(Option::is_some) { Ok(work()) } else { on_a_core(work).await }
}

struct Sleep {
    time: Arc<Time>,
    until: Duration,
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let time = Arc::clone(&self.time);
        let mut waiting = time.lock();
        if waiting.now >= self.until {
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| {
            waiting.count += 1;
            waiting.count
        });
        waiting.sleepers.insert((self.until, place), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.time.lock().sleepers.remove(&(self.until, place));
        }
    }
}
