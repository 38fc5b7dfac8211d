//! `[ordering]` and `[identity]`

use std::time::Duration;

use fulfillment_domain::order::LocalTimes;

use super::section::{HttpUrl, Sensitive, section};

section! {
    /// Ordering, which knows what was bought.
    Ordering in "ordering" {
        /// Its base: orders are asked for at {url}/orders/{orderId}.
        url: Option<HttpUrl> = "";
        /// The bearer token it wants.
        token: Option<Sensitive> = "";
        /// The longest wait for an answer.
        timeout: Duration = "10s" from "1ms" to "1h";
        /// The most questions at once.
        concurrency: usize = "32" from "1" to "10000";
        /// How long an unknown order, or an event without a name, may be a matter of waiting.
        grace: Duration = "15min" from "0s" to "3650days";
        /// Whose wall clock eventStartsAt, eventEndsAt and doorsAt are when they are written without an offset: zone
        /// (that of timeZone beside them) or utc. Other times without an offset are UTC.
        local_times: LocalTimes = "zone";
        /// The largest answer.
        max_answer: super::section::Bytes = "8MiB" from "1KiB" to "1GiB";
    }
}

section! {
    /// Identity, which knows a customer's e-mail address. Optional.
    Identity in "identity" {
        /// Its base: users are asked for at {url}/internal/users/{id}.
        url: Option<HttpUrl> = "";
        /// The bearer token it wants.
        token: Option<Sensitive> = "";
        /// The longest wait for an answer.
        timeout: Duration = "5s" from "1ms" to "1h";
    }
}
