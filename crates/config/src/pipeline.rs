//! `[pipeline]`

use std::time::Duration;

use super::section::{Bytes, section};

section! {
    /// From payment to ticket: batches, leases, retries, limits.
    Pipeline in "pipeline" {
        /// Batches of orders at work at once.
        workers: usize = "3" from "1" to "256";
        /// Orders claimed at once.
        claim_batch: usize = "64" from "1" to "1000";
        /// How long a claim lasts, of orders (renewed at a third) and of events on their way out. What a process
        /// had in hand when it died waits for its end.
        lease: Duration = "60s" from "1s" to "1day";
        /// The longest an idle worker waits before it looks again.
        idle_poll: Duration = "250ms" from "5ms" to "1h";
        /// Bound of the first wait after a failure; doubles, with full jitter.
        retry_first: Duration = "1s" from "1ms" to "1day";
        /// Bound of the longest wait.
        retry_longest: Duration = "15min" from "1ms" to "30days";
        /// Tries before an order is parked.
        max_attempts: u32 = "20" from "1" to "1000000";
        /// Time before an order is parked, whatever its tries.
        max_age: Duration = "24h" from "0s" to "3650days";
        /// Parked orders and failed tickets are tried again this often ...
        parked_retry_every: Duration = "1h" from "100ms" to "30days";
        /// ... for this long; afterwards by hand.
        parked_retry_for: Duration = "7days" from "0s" to "3650days";
        /// The most tickets one order can have.
        max_tickets: usize = "10000" from "1" to "10000";
        /// The largest message.
        max_message: Bytes = "1MiB" from "64KiB" to "1GiB";
        /// Raw messages and sent events are removed after this time.
        prune_after: Duration = "30days" from "1min" to "3650days";
        /// Personal data of orders is erased so long after their event's end, or its beginning where nobody knows its
        /// end or it is not believed; empty for never. An order whose event has no date is left to `fulfillment erase`.
        erase_after: Option<Duration> = "";
        /// How long a refund waits for its payment; then it is parked, and settled still should that come.
        withdrawal_wait: Duration = "7days" from "1min" to "3650days";
        /// How long a void order's payment may stay unrefunded before `dlq list` shows it; empty for ever. One that was
        /// paid after the order was cancelled is shown at once.
        refund_grace: Option<Duration> = "7days";
        /// How long work in hand may take to end when the service stops.
        drain: Duration = "20s" from "0s" to "1h";
    }
}

section! {
    /// Webhooks in general; each is a [[webhook]] table, or the one of the two variables here.
    Webhook in "webhook" {
        /// One webhook, named "default". More go into [[webhook]] tables with name, url and secret.
        url: Option<super::section::HttpUrl> = "";
        /// Its signing secret, as Standard Webhooks has it: whsec_ and base64 of 24 to 64 bytes.
        secret: Option<super::section::Sensitive> = "";
        /// The longest wait for an answer.
        timeout: Duration = "10s" from "1ms" to "1h";
        /// How long a delivery is tried before it is set apart.
        budget: Duration = "3days" from "0s" to "3650days";
        /// Deliveries to one webhook at once.
        concurrency: usize = "16" from "1" to "10000";
    }
}

section! {
    /// What the service says about itself, on standard error.
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
