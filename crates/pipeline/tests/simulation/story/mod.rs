//! One simulated story: its plan, its run, and the checks at its end.

mod errand;
mod gate;
mod judge;
mod plot;

use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{OrderQueue as _, Outbox as _};
use jiff::SignedDuration;
use tokio::sync::mpsc;

use self::errand::Ends;
use self::plot::Plot;
use super::Told;
use super::process::{self, Kit};
use super::world::{Life, TROUBLE, World, lock};

/// The longest time in which all work must complete.
const PATIENCE: Duration = Duration::from_secs(48 * 3_600);

/// The longest time in which lost files are drawn again, and those of erased tickets are removed: for the second time
/// after an hour, because a worker may have stored one late.
const FILES: Duration = Duration::from_secs(3 * 3_600);

/// Runs the story to its end.
pub(super) async fn tell(kit: &Kit, (world, mut died): (Arc<World>, mpsc::UnboundedReceiver<u32>)) -> Told {
    let ends = Ends::default();
    let mut lives = 0;
    let mut start = || {
        lives += 1;
        let life = Life::new(Arc::clone(&world), lives);
        let end = process::start(kit, &life);
        lock(&ends).insert(lives, Arc::new(end));
    };
    for _ in 0..world.draw(1, 4) {
        start();
    }
    let stepped = world.chance(300);
    let plot = Plot::draw(&world, stepped);
    for deal in &plot.deals {
        world.note(format_args!("{:?}", deal.sale));
        lock(&world.sales).insert(deal.sale.order, deal.sale.clone());
    }
    for (after, entry) in plot.entries.clone() {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            world.sleep(after).await;
            world.note(format_args!("comes: {}", String::from_utf8_lossy(&entry.raw)));
            lock(&world.log).push(entry);
        });
    }
    for (order, errand) in plot.errands.clone() {
        tokio::spawn(errand.run(Arc::clone(&world), Arc::clone(&ends), order));
    }
    for visit in plot.visits.clone() {
        tokio::spawn(visit.scan(Arc::clone(&world), Arc::clone(&kit.keys), Arc::clone(&ends)));
    }
    if stepped {
        tokio::spawn(set_clock(Arc::clone(&world)));
    }
    loop {
        tokio::select! {
            biased;
            Some(dead) = died.recv() => {
                lock(&ends).remove(&dead);
                world.sleep(Duration::from_millis(world.draw(1, 5_000).into())).await;
                start();
            }
            () = world.sleep(Duration::from_secs(30)) => {}
        }
        if world.time.now() > TROUBLE && at_rest(&world, plot.entries.len()) {
            break;
        }
        if world.time.now() > FILES && (!lock(&world.lost).is_empty() || world.has_erased_files()) {
            world.violated("a lost file is not drawn again, or one of an erased ticket is left".into());
            break;
        }
        if world.time.now() > PATIENCE {
            world.violated("it does not come to rest".into());
            break;
        }
    }
    plot.judge(kit, &world);
    plot.judge_doors(&world);
    let violations = lock(&world.violations).clone();
    let (story, told) = world.story();
    Told { violations, story, lines: told }
}

/// Sets the wall clock, an hour forward or back.
async fn set_clock(world: Arc<World>) {
    world.sleep(TROUBLE.mul_f64(f64::from(world.draw(0, 1_000)) / 1_000.0)).await;
    let hour = SignedDuration::from_hours(if world.chance(500) { 1 } else { -1 });
    world.note(format_args!("the clock is set by {hour:#}"));
    world.time.set_clock(hour);
}

fn at_rest(world: &World, entries: usize) -> bool {
    *lock(&world.committed) == entries
        && world.at_once(world.store.next_due()).unwrap().is_none()
        && world.at_once(world.store.backlog("kafka")).unwrap().0 == 0
        && lock(&world.lost).is_empty()
        && !world.has_erased_files()
}
