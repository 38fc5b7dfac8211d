//! What the routes work with.

use std::sync::Arc;

use fulfillment_config::{Http, Pipeline};
use fulfillment_domain::{Clock, Secret};
use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::operations::void::Voider;
use fulfillment_pipeline::ports::{Accept, Files, Heal};
use fulfillment_pipeline::templates::Templates;
use fulfillment_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::admin::readiness::Readiness;

/// Everything the routes need.
pub struct Api {
    /// Where all of it is on record.
    pub store: Arc<dyn Store>,
    /// Where ticket files are.
    pub files: Arc<dyn Files>,
    /// Takes payments, refunds and cancellations.
    pub accept: Arc<dyn Accept>,
    /// Who draws lost files again.
    pub heal: Arc<dyn Heal>,
    /// Who makes new generations of tickets.
    pub reissuer: Reissuer,
    /// Who voids tickets.
    pub voider: Voider,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Signs the links to PDFs.
    pub secret: Secret,
    /// Who may ask what.
    pub access: Access,
    /// The public keys to publish are among them.
    pub keys: Arc<Keys>,
    /// Draws the files of whole orders.
    pub templates: Arc<Templates>,
    /// What works, part by part.
    pub readiness: Arc<Readiness>,
    /// The numbers, to be read.
    pub metrics: PrometheusHandle,
    /// The highest position of the event stream, as far as this process knows: wakes its readers.
    pub head: watch::Receiver<i64>,
    /// How much, and how much at once.
    pub limits: Limits,
    /// Ends the streams.
    pub stop: CancellationToken,
}

/// How much, and how much at once.
pub struct Limits {
    pub(crate) max_body: usize,
    pub(crate) max_items: usize,
    pub(crate) max_message: usize,
    /// Requests with payments.
    pub(crate) ingest: Semaphore,
    /// Readers of the event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Files of whole orders on their way: each has a thread.
    pub(crate) order_files: Arc<Semaphore>,
}

/// Readers of the event stream at once.
pub(crate) const MAX_STREAMS: usize = 256;

/// Files of whole orders at once.
const MAX_ORDER_FILES: usize = 16;

impl Limits {
    /// As the settings say.
    pub fn new(http: &Http, pipeline: &Pipeline) -> Self {
        Self {
            max_body: http.max_body.0,
            max_items: http.max_items,
            max_message: pipeline.max_message.0,
            ingest: Semaphore::new(http.max_ingest_requests.min(Semaphore::MAX_PERMITS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            order_files: Arc::new(Semaphore::new(MAX_ORDER_FILES)),
        }
    }
}
