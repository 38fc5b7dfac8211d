//! The shared state of the routes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{Http, Pipeline};
use fulfillment_domain::Clock;
use fulfillment_pipeline::door::Doors;
use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::event_record::EventDesk;
use fulfillment_pipeline::operations::links::Linker;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::operations::resend::Resender;
use fulfillment_pipeline::operations::void::Voider;
use fulfillment_pipeline::ports::{Accept, Files, Heal, Lag};
use fulfillment_pipeline::templates::Templates;
use fulfillment_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::admin::readiness::Readiness;
use crate::audit::Trail;
use crate::body::Room;
use crate::door::followed::FollowedDoors;
use crate::door::streams::DoorStreams;
use crate::peers::Peers;
use crate::rates::Rates;

/// Everything the routes need.
pub struct Api {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// Takes payments, refunds and cancellations.
    pub accept: Arc<dyn Accept>,
    /// Draws lost files again.
    pub heal: Arc<dyn Heal>,
    /// Makes new generations of tickets.
    pub reissuer: Reissuer,
    /// Sets details of events.
    pub events: EventDesk,
    /// Checks tickets in.
    pub doors: Doors,
    /// Voids tickets.
    pub voider: Voider,
    /// Sends a ticket's event once more.
    pub resender: Resender,
    /// Makes signed links.
    pub linker: Linker,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The tokens and their scopes.
    pub access: Access,
    /// Records reads and refusals.
    pub trail: Arc<Trail>,
    /// Its public keys are published, and its link secrets sign the links to PDFs.
    pub keys: Arc<Keys>,
    /// Draws the files of whole orders.
    pub templates: Arc<Templates>,
    /// The state of each part.
    pub readiness: Arc<Readiness>,
    /// How far this process is behind Kafka, if it reads from it.
    pub lag: Option<Arc<dyn Lag>>,
    /// The metrics, to be rendered.
    pub metrics: PrometheusHandle,
    /// The highest position of the event stream known to this process: wakes its readers.
    pub head: watch::Receiver<i64>,
    /// Limits of size, number and concurrency.
    pub limits: Limits,
    /// The doors of events that scanners follow.
    pub followed: Arc<FollowedDoors<dyn Store>>,
    /// Ends the streams.
    pub stop: CancellationToken,
}

/// Limits of size, number and concurrency.
pub struct Limits {
    pub(crate) max_body: usize,
    pub(crate) max_small_body: usize,
    pub(crate) max_items: usize,
    pub(crate) max_message: usize,
    /// The longest time without a byte of a request's body.
    pub(crate) body_timeout: Duration,
    /// Requests without a token, by address.
    pub(crate) addresses: Option<Rates<IpAddr>>,
    pub(crate) peers: Peers,
    /// Requests with messages whose bodies are there.
    pub(crate) ingest: Semaphore,
    /// What arrives of their bodies.
    pub(crate) bodies: Room,
    /// Concurrent readers of the event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Concurrent listeners to the news of doors.
    pub(crate) door_streams: Arc<DoorStreams>,
    /// Concurrent files of whole orders: each has a thread.
    pub(crate) order_files: Arc<Semaphore>,
    /// Those of them that are drawn: the others wait for their readers.
    pub(crate) drawing: Arc<Semaphore>,
}

/// The maximum number of concurrent readers of the event stream.
pub(crate) const MAX_STREAMS: usize = 256;

/// The maximum number of concurrent files of whole orders: half of the threads that may block.
const MAX_ORDER_FILES: usize = 256;

/// The maximum number of them that are drawn at a time.
const MAX_DRAWING: usize = 16;

impl Limits {
    /// As the settings say.
    pub fn new(http: &Http, pipeline: &Pipeline) -> Self {
        Self {
            max_body: http.max_body.0,
            max_small_body: http.max_small_body.0,
            max_items: http.max_items,
            max_message: pipeline.max_message.0,
            body_timeout: http.body_timeout,
            addresses: Rates::new(http.address_requests),
            peers: Peers::new(http),
            ingest: Semaphore::new(http.max_ingest_requests.min(Semaphore::MAX_PERMITS)),
            bodies: Room::new(http.max_body.0.saturating_mul(http.max_ingest_requests)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            door_streams: Arc::default(),
            order_files: Arc::new(Semaphore::new(MAX_ORDER_FILES)),
            drawing: Arc::new(Semaphore::new(MAX_DRAWING)),
        }
    }
}
