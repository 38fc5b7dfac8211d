//! Deterministic simulation of the whole pipeline in one thread, with simulated time and services, and random faults
//! drawn from a seed. The same seed gives the same story.
//!
//! Processes live and die (`process.rs`) in a world that outlives them (`world.rs`): a store in memory, which passes
//! the conformance suite, files, a topic in and a topic out. Every call of a port (`store.rs`, `neighbours.rs`) takes
//! time, and is refused, or is done and its answer lost, or ends the process before or after it is done; at times a
//! whole process is paused, beyond its leases too, or the clock is set. Time (`time.rs`) moves when all tasks wait.
//!
//! The plan is drawn first (`story/plot.rs`): orders that Ordering sells (`sale.rs`), some of which gain a seat;
//! payments in one part, in halves, twice, with ids, without and both ways; cancellations, and refunds of the whole, of
//! items and by quantity; some messages cannot be read. Operators (`story/errand.rs`) reissue, void, reinstate, retry,
//! have Ordering asked again, have lost files drawn again, and erase personal data. Gates (`story/gate.rs`) scan
//! tickets, some without a network. After three minutes no more faults happen, all work completes, and the result is
//! checked (`story/judge.rs`) by the checker of the black-box tests, and by what only this world knows, such as how
//! many tickets an order should have.
//!
//! ```sh
//! scripts/faults --simulate                # a minute or two
//! scripts/faults --simulate --seeds 100000 # many
//! scripts/faults --simulate --seed 17      # one, logged in full
//! ```

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod neighbours;
mod process;
mod sale;
mod store;
mod story;
mod time;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fulfillment_config::Config;
use fulfillment_document::PdfRenderer;
use fulfillment_domain::Clock;
use fulfillment_pipeline::keyring::{Keyring, Keys};
use fulfillment_pipeline::templates::{TemplateRegistry, Templates};
use fulfillment_store::Installation as _;
use fulfillment_store::sqlite::SqliteStore;
use tokio::runtime::{Builder, Handle, Runtime};

use self::process::Kit;
use self::time::Time;
use self::world::World;

/// The number of stories unless `SIM_SEEDS` sets another.
const SEEDS: u64 = 150;

/// The result of a story.
struct Told {
    violations: Vec<String>,
    /// A hash of all that happened.
    story: u64,
    /// The full log, if it was requested.
    lines: Vec<String>,
}

/// What all stories share.
struct Stage {
    kit: Kit,
    backstage: Runtime,
}

impl Stage {
    fn build() -> Self {
        let backstage = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let settings = [
            ("FULFILLMENT_PIPELINE_LEASE", "10s"),
            ("FULFILLMENT_PIPELINE_IDLE_POLL", "5min"),
            ("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "4"),
            ("FULFILLMENT_PIPELINE_PARKED_RETRY_EVERY", "1min"),
        ];
        let config =
            Config::load(None, settings.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let now = Clock::now(&Time::default());
        let keyring = Keyring::create(folder.path(), None, now).unwrap();
        let templates = backstage.block_on(async {
            let store = memory(Arc::new(Time::default())).await;
            let renderer = Arc::new(PdfRenderer::with_fonts(Vec::new()).unwrap());
            Templates::new(renderer, Arc::new(store), TemplateRegistry::read(&config).unwrap()).await.unwrap()
        });
        let keys = Arc::new(Keys::new(keyring, folder.path().to_owned(), None, None));
        let kit = Kit { settings: config.pipeline, templates: Arc::new(templates), keys };
        Self { kit, backstage }
    }

    fn tell(&self, seed: u64, in_full: bool) -> Told {
        let backstage = self.backstage.handle();
        time::run(|time| {
            let store = at(backstage, memory(Arc::clone(&time) as _));
            story::tell(&self.kit, World::new(seed, time, store, backstage.clone(), in_full))
        })
    }
}

async fn memory(clock: Arc<dyn Clock>) -> SqliteStore {
    let store = SqliteStore::in_memory(clock).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Runs a future on this thread, in the runtime whose threads work for the store.
fn at<T>(runtime: &Handle, question: impl Future<Output = T>) -> T {
    let _there = runtime.enter();
    futures::executor::block_on(question)
}

#[expect(clippy::disallowed_methods, reason = "set by whoever runs the tests")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_story_ends_well() {
    let stage = Stage::build();
    if let Some(seed) = number("SIM_SEED") {
        let Told { violations, lines, .. } = stage.tell(seed, true);
        assert!(violations.is_empty(), "{}\n{violations:#?}", lines.join("\n"));
        return;
    }
    let (first, count) = (number("SIM_FIRST").unwrap_or(0), number("SIM_SEEDS").unwrap_or(SEEDS));
    let (next, begun) = (AtomicU64::new(first), Instant::now());
    // Half of the time, each thread waits for the one of its store.
    let tellers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let tellers: Vec<_> = (0..tellers)
            .map(|_| {
                scope.spawn(|| {
                    while let seed = next.fetch_add(1, Ordering::Relaxed)
                        && seed < first + count
                    {
                        let violations = stage.tell(seed, false).violations;
                        if !violations.is_empty() {
                            // The others finish theirs and start no more.
                            next.fetch_max(first + count, Ordering::Relaxed);
                            panic!(
                                "seed {seed} after {} stories: {violations:#?}\n\
                                 told in full by: scripts/faults --simulate --seed {seed}",
                                seed - first + 1
                            );
                        }
                    }
                })
            })
            .collect();
        for teller in tellers {
            if let Err(why) = teller.join() {
                std::panic::resume_unwind(why);
            }
        }
    });
    let minutes = begun.elapsed().max(Duration::from_millis(1)).as_secs_f64() / 60.0;
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let count = count as f64;
    println!("{count} stories, {:.0} a minute", count / minutes);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let stage = Stage::build();
    for seed in 0..5 {
        let (once, again) = (stage.tell(seed, true), stage.tell(seed, true));
        let parted = once.lines.iter().zip(&again.lines).find(|(a, b)| a != b);
        assert_eq!(parted, None, "seed {seed}");
        assert_eq!(once.story, again.story, "seed {seed}");
    }
}
