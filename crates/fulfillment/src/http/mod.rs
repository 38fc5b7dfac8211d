//! The HTTP end, a file a route: tickets out, payments in, events to follow, and what operators ask.
//!
//! Every answer that is no success is a problem document ([`problem`]). Who may ask what is decided in
//! [`access`]; nothing else looks at tokens. The routes stand in one table, which `docs/openapi.json` is
//! tested against.

mod access;
mod body;
mod codes;
mod delivered;
mod docs;
mod events;
mod file;
mod guard;
mod health;
mod keys;
mod messages;
mod metrics;
mod order_file;
mod orders;
mod path;
mod payments;
mod problem;
mod readiness;
mod reissues;
#[cfg(test)]
mod tests;
mod tickets;
mod withdrawals;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get};
use fulfillment_config::{Http, Pipeline};
use fulfillment_domain::{Clock, Secret};
use fulfillment_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use access::Access;
pub(crate) use readiness::{PartState, Readiness};

use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::ports::{Accept, Files, Heal};
use fulfillment_pipeline::templates::Templates;

/// Everything the routes need.
pub(crate) struct Api {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<dyn Files>,
    /// Where payments go.
    pub(crate) accept: Arc<dyn Accept>,
    /// Who draws lost files again.
    pub(crate) heal: Arc<dyn Heal>,
    /// Who makes new generations of tickets.
    pub(crate) reissuer: Reissuer,
    pub(crate) clock: Arc<dyn Clock>,
    /// Signs the links to PDFs.
    pub(crate) secret: Secret,
    pub(crate) access: Access,
    /// The public keys to publish are among them.
    pub(crate) keys: Arc<Keys>,
    /// Draws the files of whole orders.
    pub(crate) templates: Arc<Templates>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: PrometheusHandle,
    /// The highest position of the event stream, as far as this process knows: wakes its readers.
    pub(crate) head: watch::Receiver<i64>,
    pub(crate) limits: Limits,
    /// Ends the streams.
    pub(crate) stop: CancellationToken,
}

/// How much, and how much at once.
pub(crate) struct Limits {
    max_body: usize,
    max_items: usize,
    max_message: usize,
    /// Requests with payments.
    ingest: Semaphore,
    /// Readers of the event stream.
    streams: Arc<Semaphore>,
    /// Files of whole orders on their way: each has a thread.
    order_files: Arc<Semaphore>,
}

/// Readers of the event stream at once.
const MAX_STREAMS: usize = 256;

/// Files of whole orders at once.
const MAX_ORDER_FILES: usize = 16;

impl Limits {
    /// As the settings say.
    pub(crate) fn new(http: &Http, pipeline: &Pipeline) -> Self {
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

/// Declares the routes once: as a router, and as a list to check the documentation against.
macro_rules! routes {
    ($($path:literal: $($method:ident $handler:path),+;)*) => {
        /// Each path with its methods. GET answers HEAD as well.
        #[cfg(test)]
        const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),*];

        fn routes() -> Router<Arc<Api>> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($handler))+))*
        }
    };
}

routes! {
    "/": get docs::landing;
    "/tickets/{id}": get tickets::ticket;
    "/tickets/{id}/delivered": post delivered::delivered;
    "/tickets/{id}/void": post withdrawals::void;
    "/tickets/{id}/reissue": post reissues::reissue;
    "/tickets/{id}/reinstate": post reissues::reinstate;
    "/codes/{cti}": get codes::standing;
    "/orders/{id}": get orders::order;
    "/orders/{id}/tickets": get orders::order;
    "/orders/{id}/tickets.pdf": get order_file::order_file;
    "/events": get events::events;
    "/events/payment-succeeded": post payments::payments;
    "/events/payment-refunded": post withdrawals::refunded;
    "/events/order-cancelled": post withdrawals::cancelled;
    "/health": get health::platform;
    "/health/live": get health::live;
    "/health/ready": get health::ready;
    "/metrics": get metrics::metrics;
    "/.well-known/ticket-keys.json": get keys::jwks;
    "/openapi.json": get docs::openapi;
    "/docs": get docs::page;
}

/// What every process serves, whatever its roles.
fn operations() -> Router<Arc<Api>> {
    Router::new()
        .route("/health", get(health::platform))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
}

/// The HTTP end, to be served: the whole, or what every process serves.
pub(crate) fn router(api: Arc<Api>, whole: bool) -> Router {
    let max_body = api.limits.max_body;
    let routes = if whole { routes() } else { operations() };
    routes
        .fallback(guard::no_such_page)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .with_state(api)
        .layer(DefaultBodyLimit::max(max_body))
        .layer(from_fn(guard::guard))
        .layer(from_fn(metrics::count))
}
