//! The HTTP API: serves tickets, takes payments, streams events, and answers operators.
//!
//! One folder per subject, one file per route or group of related routes: `tickets` with their orders and files, `door`
//! for check-ins and the feed, `event_records` for events themselves, `ingest` for payments, refunds and cancellations,
//! `events` for the stream, `admin` for health, metrics, keys and the documentation. Every error response is a problem
//! document (`problem`). Authorization is decided in `access`; nothing else reads tokens. `stored_tokens` follows those
//! in the store, `device` says what those of devices are bound to, `tries` counts those that are not valid. Without
//! tokens, `local` tells this machine's user from others; `cors` says which web pages may use doors. What a sender can
//! cost is bounded in `connections`, `gate` and `rates`. `audit` records reads and `refusals`. The routes are in one
//! table. Handlers and types carry their part of `docs/openapi.json`, which `description` generates.

mod access;
mod admin;
mod api;
mod audit;
mod body;
mod connections;
mod cors;
#[cfg(test)]
mod description;
mod device;
mod door;
mod event_records;
mod events;
mod gate;
mod guard;
mod gzip;
mod ingest;
mod local;
mod object;
mod path;
mod peers;
mod problem;
mod rates;
mod refusals;
mod stored_tokens;
#[cfg(test)]
mod tests;
mod tickets;
mod token;
mod trace;
mod tries;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get};

pub use access::Access;
pub use admin::readiness::{PartState, Readiness};
use admin::{docs, health, keys, metrics, status};
pub use api::{Api, Limits};
pub use audit::{Trail, Writer};
pub use connections::serve;
pub use door::followed::FollowedDoors;
use ingest::{payments, withdrawals};
pub use stored_tokens::StoredTokens;
use tickets::{codes, delivered, lists, order_file, orders, reissues, resend, ticket, void};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Declares the routes once: as a router, and as the list for the API description.
macro_rules! routes {
    ($($path:literal: $method:ident $($handler:ident)::+;)*) => {
        /// Each path with its method. GET routes answer HEAD as well.
        #[cfg(test)]
        const ROUTES: &[(&str, &str)] = &[$(($path, stringify!($method))),*];

        /// The descriptions of the handlers.
        #[cfg(test)]
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($handler)::+),*))]
        struct Routes;

        fn routes() -> Router<Arc<Api>> {
            Router::new()$(.route($path, MethodRouter::new().$method($($handler)::+)))*
        }
    };
}

routes! {
    "/tickets": get lists::tickets;
    "/tickets/search": post lists::search_tickets;
    "/tickets/{id}": get ticket::ticket;
    "/tickets/{id}/delivered": post delivered::delivered;
    "/tickets/{id}/void": post void::void;
    "/tickets/{id}/reissue": post reissues::reissue;
    "/tickets/{id}/reinstate": post reissues::reinstate;
    "/tickets/{id}/resend": post resend::resend;
    "/codes/{cti}": get codes::standing;
    "/orders": get lists::orders;
    "/orders/search": post lists::search_orders;
    "/orders/{id}": get orders::order;
    "/orders/{id}/tickets": get orders::tickets;
    "/orders/{id}/tickets.pdf": get order_file::order_file;
    "/events/{eventId}": get event_records::event;
    "/events/{eventId}": put event_records::set;
    "/event-records": get event_records::list;
    "/events/{eventId}/check-ins": post door::check_ins::check_in;
    "/events/{eventId}/check-ins": get door::list::check_ins;
    "/events/{eventId}/door": get door::feed::feed;
    "/events/{eventId}/door/admitted": get door::admitted::admitted;
    "/events/{eventId}/door/names": get door::names::names;
    "/events/{eventId}/door/number-key": get door::number_key::number_key;
    "/events/{eventId}/door/numbers": get door::numbers::numbers;
    "/events/{eventId}/door/news": get door::news::news;
    "/events/{eventId}/door/still-good/{kid}": get door::still_good::still_good;
    "/door/enrol": post door::enrol::enrol;
    "/events/{eventId}/door/status": get door::status::status;
    "/events/{eventId}/door/rules": get door::rules::rules;
    "/events/{eventId}/door/rules": put door::rules::set;
    "/events/payment-succeeded": post payments::payments;
    "/events/payment-refunded": post withdrawals::refunded;
    "/events/order-cancelled": post withdrawals::cancelled;
    "/events": get events::events;
    "/health": get health::platform;
    "/health/live": get health::live;
    "/health/ready": get health::ready;
    "/metrics": get metrics::metrics;
    "/status": get status::status;
    "/audit": get admin::audit::audit;
    "/.well-known/ticket-keys.json": get keys::jwks;
    "/.well-known/revoked-ticket-keys.json": get keys::revoked;
    "/openapi.json": get docs::openapi;
    "/docs": get docs::page;
    "/docs/{file}": get docs::file;
    "/": get docs::landing;
}

/// The routes of every process, whatever its roles.
fn operations() -> Router<Arc<Api>> {
    Router::new()
        .route("/health", get(health::platform))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/status", get(status::status))
}

/// The router: all routes, or only those of every process.
pub fn router(api: Arc<Api>, whole: bool) -> Router {
    let body_timeout = api.limits.body_timeout;
    let gate = from_fn_with_state(Arc::clone(&api), gate::gate);
    let refusals = from_fn_with_state(Arc::clone(&api), refusals::count_refusals);
    let (share, preflight) = (
        from_fn_with_state(Arc::clone(&api), cors::share),
        from_fn_with_state(Arc::clone(&api), cors::preflight),
    );
    let routes = if whole { routes() } else { operations() };
    routes
        .fallback(guard::no_such_page)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .with_state(api)
        .layer(preflight)
        .layer(RequestBodyTimeoutLayer::new(body_timeout))
        .layer(gate)
        .layer(refusals)
        .layer(from_fn(local::name_host))
        .layer(from_fn(guard::guard))
        .layer(share)
        .layer(from_fn(trace::trace))
        .layer(from_fn(metrics::count))
}
