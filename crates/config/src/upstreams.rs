//! The sections `[ordering]` and `[identity]`, the services that are queried over HTTP, and `[network]`, for all
//! services.

use std::time::Duration;

use fulfillment_domain::order::LocalTimes;

use super::section::{HttpUrl, Sensitive, section};

section! {
    /// Ordering, the service that knows what was bought.
    Ordering in "ordering" {
        /// Its base URL: orders are requested from {url}/orders/{orderId}.
        url: Option<HttpUrl> = "";
        /// The bearer token that it requires.
        token: Option<Sensitive> = "";
        /// Timeout for a response.
        timeout: Duration = "10s" from "1ms" to "1h";
        /// The maximum number of concurrent requests.
        concurrency: usize = "32" from "1" to "10000";
        /// How long to keep asking about an unknown order or an event without a name before it counts as a failure.
        grace: Duration = "15min" from "0s" to "3650days";
        /// How eventStartsAt, eventEndsAt and doorsAt without an offset are read: zone (in the timeZone that
        /// accompanies them) or utc. Other times without an offset are UTC.
        local_times: LocalTimes = "zone";
        /// The maximum size of a response.
        max_answer: super::section::Bytes = "8MiB" from "1KiB" to "1GiB";
    }
}

section! {
    /// Identity, the service that knows customers' e-mail addresses. Optional.
    Identity in "identity" {
        /// Its base URL: users are requested from {url}/internal/users/{id}.
        url: Option<HttpUrl> = "";
        /// The bearer token that it requires.
        token: Option<Sensitive> = "";
        /// Timeout for a response.
        timeout: Duration = "5s" from "1ms" to "1h";
    }
}

section! {
    /// The way to other services.
    Network in "network" {
        /// Allow passwords, tokens, orders and events to be sent to other machines without TLS: a token to http:// of
        /// Ordering or Identity, events to http:// of a webhook, Kafka's PLAIN passwords without TLS, and PostgreSQL
        /// without sslmode in store.url.
        allow_cleartext: bool = "false";
    }
}
