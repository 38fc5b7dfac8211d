//! A process of the service: all of it but its adapters, which the world simulates.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{self as config, CodeFormat};
use fulfillment_domain::order::Reading;
use fulfillment_domain::{Secret, Spelling};
use fulfillment_pipeline::door::Doors;
use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::erase::Eraser;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::operations::void::Voider;
use fulfillment_pipeline::ports::Sink;
use fulfillment_pipeline::stages::ingest::Ingest;
use fulfillment_pipeline::stages::read_back::ReadBack;
use fulfillment_pipeline::stages::relay::Relay;
use fulfillment_pipeline::stages::{Numbers, Pipeline, Releases};
use fulfillment_pipeline::templates::Templates;
use fulfillment_pipeline::upkeep::erased_files::remove_erased_files;
use fulfillment_pipeline::upkeep::heal::{Healer, Redraw, healer};
use fulfillment_pipeline::{Publishing, Wake};
use fulfillment_store::{Announcing, DeadLetterRoute, Incoming, Store};
use tokio_util::sync::CancellationToken;

use super::world::{Life, lock};
use super::{neighbours, store};

/// What all processes of all stories share.
pub(super) struct Kit {
    pub(super) settings: config::Pipeline,
    pub(super) templates: Arc<Templates>,
    pub(super) keys: Arc<Keys>,
}

/// Messages that the consumer takes in one batch.
const BATCH: u32 = 5;

/// The handle of a process that answers requests.
pub(super) struct End {
    pub(super) doors: Doors,
    pub(super) eraser: Eraser,
    pub(super) healer: Healer,
    pub(super) reissuer: Reissuer,
    pub(super) voider: Voider,
}

/// Starts one life, in which every call goes through `life`. Answers with the handle for requests.
pub(super) fn start(kit: &Kit, life: &Arc<Life>) -> End {
    let store: Arc<dyn Store> = Arc::new(store::Line(Arc::clone(life)));
    let neighbours = Arc::new(neighbours::Line(Arc::clone(life)));
    let (wake, stop) = (Arc::<Wake>::default(), CancellationToken::new());
    let destinations = vec!["kafka".to_owned()];
    let publishing = Publishing {
        spelling: Spelling::Camel,
        public_url: "https://tickets.example".into(),
        destinations: destinations.clone(),
        of_events: Arc::default(),
    };
    let secret = Secret::new([9; 32]);
    let pipeline = Pipeline {
        store: Arc::clone(&store),
        files: Arc::clone(&neighbours) as _,
        ordering: Some(Arc::clone(&neighbours) as _),
        identity: None,
        templates: Arc::clone(&kit.templates),
        keys: Arc::clone(&kit.keys),
        secret: secret.clone(),
        clock: Arc::clone(&life.world.time) as _,
        runtime: Arc::clone(&life.world.time) as _,
        settings: kit.settings.clone(),
        grace: Duration::from_secs(60),
        reading: Reading::default(),
        code: CodeFormat::Tk1,
        read_back: ReadBack(u32::MAX),
        publishing: publishing.clone(),
        wake: Arc::clone(&wake),
        worker: format!("process {}", life.number),
        numbers: Numbers::default(),
        releases: Releases::default(),
    };
    let ingest = Arc::new(Ingest {
        store: Arc::clone(&store),
        dead_letters: DeadLetterRoute { destinations: destinations.clone(), max_bytes: 1_000 },
        announcing: Announcing { spelling: Spelling::Camel, destinations, without_updates: Vec::new() },
        wake: Arc::clone(&wake),
        clock: Arc::clone(&life.world.time) as _,
        runtime: Arc::clone(&life.world.time) as _,
        stop: stop.clone(),
    });
    tokio::spawn(Arc::new(pipeline).run(stop.clone()));
    let destination = Arc::clone(&neighbours) as _;
    let relay = Relay {
        store: Arc::clone(&store) as _,
        destination,
        wake: Arc::clone(&wake),
        runtime: Arc::clone(&life.world.time) as _,
        idle_poll: kit.settings.idle_poll,
        lease: kit.settings.lease,
    };
    tokio::spawn(relay.run(stop.clone()));
    let eraser = Eraser { store: Arc::clone(&store) as _, files: Arc::clone(&neighbours) as _ };
    tokio::spawn(remove_erased_files(eraser.clone(), Arc::clone(&life.world.time) as _, stop.clone()));
    let redraw = Redraw {
        store: Arc::clone(&store) as _,
        files: Arc::clone(&neighbours) as _,
        templates: Arc::clone(&kit.templates),
        runtime: Arc::clone(&life.world.time) as _,
    };
    let (healer, healing) = healer(redraw, stop);
    tokio::spawn(healing);
    tokio::spawn(consume(Arc::clone(life), Arc::clone(&ingest)));
    let doors = Doors::new(Arc::clone(&store) as _, ingest.announcing.clone(), Arc::clone(&wake));
    let voider = Voider {
        store: Arc::clone(&store) as _,
        announcing: ingest.announcing.clone(),
        wake: Arc::clone(&wake),
    };
    let reissuer = Reissuer {
        store,
        files: neighbours,
        templates: Arc::clone(&kit.templates),
        keys: Arc::clone(&kit.keys),
        secret,
        clock: Arc::clone(&life.world.time) as _,
        runtime: Arc::clone(&life.world.time) as _,
        code: CodeFormat::Tk1,
        read_back: ReadBack(u32::MAX),
        publishing,
        wake,
    };
    End { doors, eraser, healer, reissuer, voider }
}

/// Reads on from the committed offset, as the Kafka consumer does: first the inbox, then the offset, which is committed
/// again until the broker takes it.
async fn consume(life: Arc<Life>, ingest: Arc<Ingest>) {
    let world = &life.world;
    let mut next = *lock(&world.committed);
    let mut committed = next;
    loop {
        let wanted = world.draw(1, BATCH + 1) as usize;
        let batch: Vec<Incoming> = lock(&world.log).iter().skip(next).take(wanted).cloned().collect();
        if batch.is_empty() && committed == next {
            world.sleep(Duration::from_millis(500)).await;
            continue;
        }
        let read = batch.len();
        let stored = Sink::accept(&*ingest, batch, Vec::new()).await;
        if !stored {
            return;
        }
        next += read;
        let commit = || {
            world.commit(next);
            Ok(())
        };
        if life.call("commit offsets", || (), commit).await.is_ok() {
            committed = next;
        }
    }
}
