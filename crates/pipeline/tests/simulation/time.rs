//! A runtime with simulated time: it moves only when all tasks wait, and CPU-bound work takes no time.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fulfillment_domain::Clock;
use fulfillment_pipeline::runtime::Runtime;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Builder;

/// When every story begins: 2026-11-22T18:31:00Z, half a minute after its first payments were made.
const BEGINNING: Timestamp = Timestamp::constant(1_795_372_260, 0);

/// Time since the story began.
pub(super) struct Time {
    /// An arbitrary origin: only differences from it are visible.
    beginning: Instant,
    waiting: Arc<Mutex<Waiting>>,
}

impl Default for Time {
    fn default() -> Self {
        Self { beginning: Instant::now(), waiting: Arc::default() }
    }
}

#[derive(Default)]
struct Waiting {
    now: Duration,
    /// By how much the wall clock is wrong.
    ahead: SignedDuration,
    count: u64,
    /// By the moment that each waiter waits for, then in the order in which they started to wait.
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Time {
    pub(super) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Sets the wall clock, which does not affect waits.
    pub(super) fn set_clock(&self, ahead: SignedDuration) {
        self.lock().ahead = ahead;
    }

    /// Advances to the next moment that a task waits for.
    fn move_on(&self) {
        let mut waiting = self.lock();
        if let Some(((moment, _), sleeper)) = waiting.sleepers.pop_first() {
            waiting.now = moment;
            drop(waiting);
            sleeper.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

impl Runtime for Time {
    fn moment(&self) -> Instant {
        self.beginning + Time::now(self)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = Time::now(self).saturating_add(duration);
        Box::pin(Sleep { waiting: Arc::clone(&self.waiting), until, place: None })
    }

    /// Runs immediately: cores are not part of the story.
    fn begin(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        let waiting = self.lock();
        BEGINNING + waiting.now + waiting.ahead
    }
}

/// Runs a story on this thread to its end, in its own simulated time.
pub(super) fn run<T, F: Future<Output = T>>(story: impl FnOnce(Arc<Time>) -> F) -> T {
    let time = Arc::new(Time::default());
    let idle = Arc::clone(&time);
    let runtime = Builder::new_current_thread().on_thread_park(move || idle.move_on()).build().unwrap();
    runtime.block_on(story(time))
}

struct Sleep {
    waiting: Arc<Mutex<Waiting>>,
    until: Duration,
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waiting = Arc::clone(&self.waiting);
        let mut waiting = lock(&waiting);
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
            lock(&self.waiting).sleepers.remove(&(self.until, place));
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
