//! The sections `[pipeline]`, `[webhook]` and `[log]`.

use std::time::Duration;

use super::section::{Bytes, section};

section! {
    /// From payment to ticket: batches, leases, retries, limits.
    Pipeline in "pipeline" {
        /// Batches of orders processed at the same time.
        workers: usize = "3" from "1" to "256";
        /// Orders claimed in one batch.
        claim_batch: usize = "64" from "1" to "1000";
        /// How long a claim lasts, on orders (renewed after a third of it) and on events being published. Work that a
        /// process had claimed when it died is taken up again when the claim ends.
        lease: Duration = "60s" from "1s" to "1day";
        /// The longest time an idle worker waits before it polls again.
        idle_poll: Duration = "250ms" from "5ms" to "1h";
        /// Upper bound of the first delay after a failure; doubles with each attempt, with full jitter.
        retry_first: Duration = "1s" from "1ms" to "1day";
        /// Upper bound of the longest delay.
        retry_longest: Duration = "15min" from "1ms" to "30days";
        /// Attempts before an order is parked.
        max_attempts: u32 = "20" from "1" to "1000000";
        /// Time before an order is parked, regardless of its attempts.
        max_age: Duration = "24h" from "0s" to "3650days";
        /// Parked orders and failed tickets are retried at this interval ...
        parked_retry_every: Duration = "1h" from "100ms" to "30days";
        /// ... for this long; after that only by hand.
        parked_retry_for: Duration = "7days" from "0s" to "3650days";
        /// The maximum number of tickets in one order.
        max_tickets: usize = "10000" from "1" to "10000";
        /// The maximum size of a message.
        max_message: Bytes = "1MiB" from "64KiB" to "1GiB";
        /// Raw messages are deleted after this time, and events that no destination waits for: sent to it, or refused
        /// by it for good.
        prune_after: Duration = "30days" from "1min" to "3650days";
        /// Personal data of an order is erased this long after the end of its event, or after the beginning where the
        /// end is unknown or implausible; empty means never. An order whose event has no date must be erased with
        /// `fulfillment erase`.
        erase_after: Option<Duration> = "";
        /// Records of the audit (who did what, who read what) are deleted after this time.
        audit_prune_after: Duration = "400days" from "1day" to "36500days";
        /// How long a refund waits for its payment; then it is parked. It is still settled if the payment arrives
        /// later.
        withdrawal_wait: Duration = "7days" from "1min" to "3650days";
        /// How long a void order's payment may remain unrefunded before `dlq list` shows it; empty means it is never
        /// shown. A payment that was made after the order was cancelled is shown at once.
        refund_grace: Option<Duration> = "7days";
        /// How long work in progress may take to finish when the service stops.
        drain: Duration = "20s" from "0s" to "1h";
    }
}

section! {
    /// Settings for all webhooks. Each webhook is a [[webhook]] table; a single one can be set here.
    Webhook in "webhook" {
        /// One webhook, named "default". More go into [[webhook]] tables with name, url and secret.
        url: Option<super::section::HttpUrl> = "";
        /// Its signing secret in the Standard Webhooks format: whsec_ and base64 of 24 to 64 bytes.
        secret: Option<super::section::Sensitive> = "";
        /// Timeout for a response.
        timeout: Duration = "10s" from "1ms" to "1h";
        /// How long a delivery is retried before it becomes a dead letter.
        budget: Duration = "3days" from "0s" to "3650days";
        /// Concurrent deliveries to one webhook.
        concurrency: usize = "16" from "1" to "10000";
    }
}

section! {
    /// Logging, to standard error.
    Log in "log" {
        /// error, warn, info, debug or trace; or a tracing filter like info,fulfillment=debug.
        level: String = "info";
        /// text or json.
        format: LogFormat = "text";
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl super::section::Setting for LogFormat {
    const EXPECTED: &'static str = "text or json";
    fn read(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}
