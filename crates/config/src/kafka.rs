//! The section `[kafka]`: brokers, topics and security.

use std::path::PathBuf;
use std::time::Duration;

use fulfillment_domain::Spelling;

use super::section::{Sensitive, Setting, section};

section! {
    /// Kafka: consumes payments, publishes events. Without brokers, HTTP and webhooks are used instead.
    Kafka in "kafka" {
        /// Bootstrap servers, HOST:PORT separated by commas. Empty means no Kafka.
        brokers: Option<String> = "";
        /// Consumer group.
        group_id: String = "fulfillment-service";
        /// Topic of payments.
        payment_topic: String = "payment-succeeded";
        /// Topic for `ticket-issued` events.
        issued_topic: String = "ticket-issued";
        /// Topic for `ticket-reissued` events.
        reissued_topic: String = "ticket-reissued";
        /// Topic for `ticket-voided` events.
        voided_topic: String = "ticket-voided";
        /// Topic for `event-updated` events. Empty: they do not go to Kafka.
        event_updated_topic: Option<String> = "event-updated";
        /// Topic for `ticket-checked-in` events.
        checked_in_topic: String = "ticket-checked-in";
        /// Topic for `ticket-check-in-conflict` events.
        check_in_conflict_topic: String = "ticket-check-in-conflict";
        /// Topic of refunds.
        refunded_topic: String = "payment-refunded";
        /// Topic of order cancellations.
        cancelled_topic: String = "order-cancelled";
        /// Topic of delivery confirmations from Notification.
        delivered_topic: String = "ticket-delivered";
        /// Topic of changes of events, set over what Ordering says. Empty: not read.
        event_changed_topic: Option<String> = "event-changed";
        /// Topic for messages that cannot be read.
        dead_letter_topic: String = "payment-succeeded.dlq";
        /// Spelling of the fields in events: camelCase, snake_case or PascalCase. Also for webhooks.
        spelling: Spelling = "camelCase";
        /// The maximum number of messages read from the broker in one batch.
        batch: usize = "500" from "1" to "10000";
        /// How long to wait for a batch to fill.
        batch_wait: Duration = "20ms" from "0s" to "1min";
        /// The group protocol: classic (cooperative-sticky) or consumer (KIP-848, brokers from 4.0).
        group_protocol: GroupProtocol = "classic";
        /// Start at the broker's offsets even where the store is behind them: to skip messages on purpose.
        ignore_stored_offsets: bool = "false";
        /// How long the broker waits for a silent member of the group before it reassigns the partitions. Classic
        /// only; with the other protocol the broker decides.
        session_timeout: Duration = "45s" from "1s" to "5min";
        /// plaintext, ssl, sasl_plaintext or sasl_ssl.
        security_protocol: SecurityProtocol = "plaintext";
        /// Certificate authorities in PEM, instead of the system's.
        ssl_ca: Option<PathBuf> = "";
        /// Client certificate in PEM.
        ssl_certificate: Option<PathBuf> = "";
        /// Its private key in PEM.
        ssl_key: Option<PathBuf> = "";
        /// Password of that key.
        ssl_key_password: Option<Sensitive> = "";
        /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
        sasl_mechanism: SaslMechanism = "SCRAM-SHA-512";
        /// User name.
        sasl_username: Option<String> = "";
        /// Password.
        sasl_password: Option<Sensitive> = "";
    }
}

macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident, $expected:literal, $($word:literal),*) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub &'static str);

        impl Setting for $name {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                [$($word),*].into_iter().find(|w| w.eq_ignore_ascii_case(text)).map(Self)
            }
        }
    };
}

words! {
    /// How members of a group agree on partitions.
    GroupProtocol, "classic or consumer", "classic", "consumer"
}
words! {
    /// What protects the connection.
    SecurityProtocol, "plaintext, ssl, sasl_plaintext or sasl_ssl",
    "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"
}
words! {
    /// How a client authenticates.
    SaslMechanism, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"
}
