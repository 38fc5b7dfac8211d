//! The simulated world: what outlives a process, which faults can happen between the two, and what must never be
//! observed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fulfillment_domain::{OrderId, TicketId};
use fulfillment_pipeline::runtime::Runtime;
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{Incoming, Records as _};
use fulfillment_tests::checker::Word;
use fulfillment_tests::kafka::Message;
use fulfillment_tests::scans::Scans;
use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::sale::Sale;
use super::time::Time;

/// After this time no more faults happen, and all work must complete.
pub(super) const TROUBLE: Duration = Duration::from_secs(180);

/// The fate of one call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It succeeds.
    Well,
    /// It does nothing, and reports a failure.
    Refused,
    /// It is done, and reports a failure.
    Lost,
    /// The process dies before it is done.
    DiesBefore,
    /// The process dies after it is done and before it receives the answer.
    DiesAfter,
}

/// How many of a thousand calls fail in each way, in one story.
struct Odds {
    refused: u32,
    lost: u32,
    dies: u32,
    paused: u32,
}

/// Everything outside of the processes.
pub(super) struct World {
    pub(super) time: Arc<Time>,
    pub(super) store: SqliteStore,
    /// The executor of the store, outside of simulated time.
    backstage: Handle,
    /// What Ordering sells.
    pub(super) sales: Mutex<BTreeMap<Uuid, Sale>>,
    pub(super) files: Mutex<BTreeMap<String, Bytes>>,
    /// The topic of payments, refunds and cancellations, and the committed offset.
    pub(super) log: Mutex<Vec<Incoming>>,
    pub(super) committed: Mutex<usize>,
    /// The published events, in order.
    pub(super) told: Mutex<Vec<Message>>,
    /// The same of doors: the events' ids and kinds, and the sequences of their check-ins, each once.
    pub(super) told_by_doors: Mutex<BTreeSet<(Uuid, String, u64)>>,
    /// What the gates have sent, and every answer.
    pub(super) scans: Scans,
    /// Messages that the store has taken, and events that it was given in a committed transaction.
    pub(super) recorded: Mutex<BTreeSet<Vec<u8>>>,
    pub(super) written: Mutex<BTreeSet<Uuid>>,
    /// The latest event of each ticket; and what was on record when orders without tickets were reinstated.
    pub(super) words: Mutex<BTreeMap<TicketId, Word>>,
    pub(super) reinstated: Mutex<BTreeMap<OrderId, BTreeSet<String>>>,
    /// Requests for new generations that were granted.
    pub(super) granted: Mutex<BTreeSet<(TicketId, String)>>,
    /// Orders whose personal data was erased.
    pub(super) erased: Mutex<BTreeSet<OrderId>>,
    /// Files that were lost and are to be drawn again: name and content, by ticket.
    pub(super) lost: Mutex<BTreeMap<TicketId, (String, Bytes)>>,
    /// The newest fence of each order.
    pub(super) fences: Mutex<BTreeMap<OrderId, i64>>,
    pub(super) violations: Mutex<Vec<String>>,
    pub(super) deaths: mpsc::UnboundedSender<u32>,
    seed: u64,
    rng: Mutex<StdRng>,
    odds: Odds,
    trace: Mutex<(DefaultHasher, Option<Vec<String>>)>,
}

impl World {
    /// The world, and the process that dies in it.
    pub(super) fn new(
        seed: u64,
        time: Arc<Time>,
        store: SqliteStore,
        backstage: Handle,
        in_full: bool,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<u32>) {
        let (deaths, died) = mpsc::unbounded_channel();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut up_to = |most: u32| if rng.random_bool(0.3) { 0 } else { rng.random_range(0..=most) };
        let odds = Odds { refused: up_to(60), lost: up_to(60), dies: up_to(25), paused: up_to(10) };
        let world = Self {
            time,
            store,
            backstage,
            sales: Mutex::default(),
            files: Mutex::default(),
            log: Mutex::default(),
            committed: Mutex::default(),
            told: Mutex::default(),
            told_by_doors: Mutex::default(),
            scans: Scans::default(),
            recorded: Mutex::default(),
            written: Mutex::default(),
            words: Mutex::default(),
            reinstated: Mutex::default(),
            granted: Mutex::default(),
            erased: Mutex::default(),
            lost: Mutex::default(),
            fences: Mutex::default(),
            violations: Mutex::default(),
            deaths,
            seed,
            rng: Mutex::new(rng),
            odds,
            trace: Mutex::new((DefaultHasher::new(), in_full.then(Vec::new))),
        };
        (Arc::new(world), died)
    }

    /// Queries the store at one moment of the story: nothing else runs meanwhile.
    pub(super) fn at_once<T>(&self, question: impl Future<Output = T>) -> T {
        let _elsewhere = self.backstage.enter();
        futures::executor::block_on(question)
    }

    /// A random number of this story, `low..high`.
    pub(super) fn draw(&self, low: u32, high: u32) -> u32 {
        lock(&self.rng).random_range(low..high)
    }

    /// Whether an event of this probability, in thousandths, happens.
    pub(super) fn chance(&self, per_mille: u32) -> bool {
        self.draw(0, 1_000) < per_mille
    }

    /// Waits in simulated time.
    pub(super) fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Runtime::sleep(self.time.as_ref(), duration)
    }

    pub(super) fn is_calm(&self) -> bool {
        self.time.now() >= TROUBLE
    }

    fn fate(&self, dice: &mut StdRng) -> Fate {
        if self.is_calm() {
            return Fate::Well;
        }
        let Odds { refused, lost, dies, .. } = self.odds;
        match dice.random_range(0..1_000) {
            n if n < refused => Fate::Refused,
            n if n < refused + lost => Fate::Lost,
            n if n < refused + lost + dies => Fate::DiesBefore,
            n if n < refused + lost + 2 * dies => Fate::DiesAfter,
            _ => Fate::Well,
        }
    }

    /// The duration of a step: most are short, and their order is random.
    fn delay(&self, dice: &mut StdRng) -> Duration {
        match dice.random_range(0..100) {
            0..90 => Duration::from_micros(dice.random_range(1..2_000)),
            _ if self.is_calm() => Duration::from_micros(dice.random_range(1..2_000)),
            90..99 => Duration::from_millis(dice.random_range(1..2_000)),
            _ => Duration::from_millis(dice.random_range(1..20_000)),
        }
    }

    /// Records something that happened.
    pub(super) fn note(&self, what: impl Display) {
        let line = format!("{:>12.6} {what}", self.time.now().as_secs_f64());
        let mut trace = lock(&self.trace);
        line.hash(&mut trace.0);
        if let Some(lines) = &mut trace.1 {
            lines.push(line);
        }
    }

    /// A hash of the whole story.
    pub(super) fn story(&self) -> (u64, Vec<String>) {
        let mut trace = lock(&self.trace);
        (trace.0.finish(), trace.1.take().unwrap_or_default())
    }

    pub(super) fn violated(&self, what: String) {
        self.note(format_args!("VIOLATED {what}"));
        lock(&self.violations).push(what);
    }

    /// Whether an event of an erased order names its person.
    pub(super) fn tells_of_erased(&self, order: Option<OrderId>, value: &[u8]) -> bool {
        let erased = order.filter(|order| lock(&self.erased).contains(order));
        erased.is_some_and(|order| lock(&self.sales)[&order.0].names_person(value))
    }

    /// Whether a file of an erased ticket is there.
    pub(super) fn has_erased_files(&self) -> bool {
        let erased: Vec<_> = lock(&self.erased).iter().copied().collect();
        let records = erased.into_iter().filter_map(|order| self.at_once(self.store.order(order)).unwrap());
        let tickets: Vec<_> = records.flat_map(|record| record.tickets).map(|t| t.id.to_string()).collect();
        lock(&self.files).keys().any(|name| tickets.iter().any(|id| name.starts_with(id)))
    }

    /// Commits an offset; every message before it must be on record.
    pub(super) fn commit(&self, next: usize) {
        let mut committed = lock(&self.committed);
        for entry in &lock(&self.log)[(*committed).min(next)..next] {
            if !lock(&self.recorded).contains(&entry.raw) {
                self.violated(format!(
                    "{} is committed and not recorded",
                    String::from_utf8_lossy(&entry.raw)
                ));
            }
        }
        *committed = next.max(*committed);
    }
}

/// One call of a port, between its two halves.
pub(super) struct Turn {
    pub(super) fate: Fate,
    dice: StdRng,
}

impl Turn {
    /// One of `0..high`.
    pub(super) fn draw(&mut self, high: u32) -> u32 {
        self.dice.random_range(0..high)
    }

    /// Whether this part of a group fails.
    pub(super) fn spoils(&mut self) -> bool {
        self.fate == Fate::Refused || (self.fate != Fate::Well && self.draw(2) == 0)
    }
}

/// One life of a process: faults happen between it and the world.
pub(super) struct Life {
    pub(super) world: Arc<World>,
    pub(super) number: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each port was called.
    calls: BTreeMap<&'static str, u64>,
    dead: bool,
    paused_until: Duration,
}

impl Life {
    pub(super) fn new(world: Arc<World>, number: u32) -> Arc<Self> {
        Arc::new(Self { world, number, state: Mutex::default() })
    }

    /// One call of a port: a wait, the world's effect, and a wait for the answer.
    pub(super) async fn call<T, E>(
        &self,
        name: &'static str,
        failure: impl FnOnce() -> E + Send,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let mut turn = self.turn(name).await;
        if turn.fate == Fate::Refused {
            return Err(failure());
        }
        let answer = effect();
        self.settle(&mut turn).await;
        if turn.fate == Fate::Lost { Err(failure()) } else { answer }
    }

    /// The first half of a call: a wait, and the choice of its fate. A process that dies before it gets no further.
    ///
    /// The random numbers are the call's own, by its name and number: calls that are made at the same moment have the
    /// same fates whichever of them comes first.
    pub(super) async fn turn(&self, name: &'static str) -> Turn {
        let count = {
            let mut state = lock(&self.state);
            let count = state.calls.entry(name).or_default();
            *count += 1;
            *count
        };
        let mut hasher = DefaultHasher::new();
        (self.world.seed, self.number, name, count).hash(&mut hasher);
        let mut dice = StdRng::seed_from_u64(hasher.finish());
        self.step(&mut dice).await;
        let fate = self.world.fate(&mut dice);
        self.world.note(format_args!("{} {name}: {fate:?}", self.number));
        if fate == Fate::DiesBefore {
            self.die().await;
        }
        Turn { fate, dice }
    }

    /// The second half: the wait for the answer. A process that dies before the answer arrives gets no further.
    pub(super) async fn settle(&self, turn: &mut Turn) {
        if turn.fate == Fate::DiesAfter {
            self.die().await;
        }
        self.step(&mut turn.dice).await;
    }

    /// A dead process reaches nothing any more: to the world it makes no difference that its tasks wait for ever.
    async fn die(&self) {
        let was_dead = std::mem::replace(&mut lock(&self.state).dead, true);
        if !was_dead {
            self.world.note(format_args!("{} is dead", self.number));
            self.world.deaths.send(self.number).unwrap();
        }
        std::future::pending::<()>().await;
    }

    /// A random wait, longer while the whole process is paused. A pause may outlast every lease.
    async fn step(&self, dice: &mut StdRng) {
        if !self.world.is_calm() && dice.random_range(0..1_000) < self.world.odds.paused {
            let pause = Duration::from_secs(dice.random_range(1..60));
            lock(&self.state).paused_until = self.world.time.now() + pause;
            self.world.note(format_args!("{} is paused for {pause:?}", self.number));
        }
        self.world.sleep(self.world.delay(dice)).await;
        loop {
            let (dead, pause) = {
                let state = lock(&self.state);
                (state.dead, state.paused_until.saturating_sub(self.world.time.now()))
            };
            if dead {
                std::future::pending::<()>().await;
            }
            if pause.is_zero() {
                return;
            }
            self.world.sleep(pause).await;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
