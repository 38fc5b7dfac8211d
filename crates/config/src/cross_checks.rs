//! Cross-validation: settings that are valid by themselves and wrong together, or that a dependency would refuse at the
//! start; all are reported together.

use std::str::FromStr as _;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::raw::Raw;
use super::tokens::check_token;
use super::{Config, SHIPPED};

/// librdkafka's `max.poll.interval.ms`, which is left at its default: a member that does not poll for that long is
/// removed from its group.
const POLL_INTERVAL: Duration = Duration::from_secs(300);

impl Config {
    /// Adds what it finds to the problems.
    pub(super) fn check_together(&self, raw: &mut Raw) {
        self.check_store(raw);
        self.check_files(raw);
        self.check_kafka(raw);
        self.check_kafka_security(raw);
        if self.pipeline.retry_first > self.pipeline.retry_longest {
            raw.clash(
                &["pipeline.retry_first", "pipeline.retry_longest"],
                "must not be longer than pipeline.retry_longest",
            );
        }
        for (key, token) in
            [("ordering.token", &self.ordering.token), ("identity.token", &self.identity.token)]
        {
            if let Some(token) = token {
                check_token(raw, key, token);
            }
        }
        if jiff::tz::TimeZone::get(&self.document.time_zone).is_err() {
            raw.problem("document.time_zone", "must be an IANA time zone, like Europe/Berlin");
        }
        let template = &self.document.template;
        if !SHIPPED.contains(&template.as_str()) && !self.templates.iter().any(|t| t.name == *template) {
            raw.problem(
                "document.template",
                format!("must be a4, phone, thermal or the name of a [[template]], not {template:?}"),
            );
        }
        if let Some(secret) = &self.credential.secret
            && !(secret.expose().len() == 64 && secret.expose().bytes().all(|b| b.is_ascii_hexdigit()))
        {
            raw.problem("credential.secret", "must be 64 hexadecimal digits");
        }
        if let Some(secrets) = &self.credential.link_secrets
            && !secrets
                .expose()
                .split([',', '\n'])
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .all(is_link_secret)
        {
            raw.problem(
                "credential.link_secrets",
                "must be secrets of 64 hexadecimal digits separated by commas, or the word secret among them",
            );
        }
        self.check_log(raw);
    }

    /// A filter takes any other word for a module of which everything is logged, and of all others nothing: a level
    /// that is misspelt would silence the service.
    fn check_log(&self, raw: &mut Raw) {
        let level = &self.log.level;
        let unknown = level
            .split(',')
            .map(str::trim)
            .find(|part| part.is_empty() || (!part.contains('=') && LevelFilter::from_str(part).is_err()));
        let why = match (unknown, Targets::from_str(level)) {
            (Some(word), _) => format!("{word:?} is not a level"),
            (None, Err(error)) => error.to_string(),
            (None, Ok(_)) => return,
        };
        raw.problem(
            "log.level",
            format!("must be off, error, warn, info, debug or trace, or a filter like info,fulfillment=debug: {why}"),
        );
    }

    fn check_store(&self, raw: &mut Raw) {
        let schema = &self.store.schema;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if schema.is_empty() || schema.len() > 63 || !schema.bytes().all(plain) || schema.starts_with("pg_") {
            raw.problem(
                "store.schema",
                format!("must be at most 63 lower-case letters, digits and _, and not begin with pg_, not {schema:?}"),
            );
        }
    }

    fn check_files(&self, raw: &mut Raw) {
        let files = self.files_url();
        let (scheme, rest) = files.split_once("://").unwrap_or_default();
        match scheme {
            "file" if rest.is_empty() => raw.problem("files.url", "must name a folder after file://"),
            "s3" | "az" | "gs" if rest.split('/').next().is_none_or(str::is_empty) => {
                raw.problem("files.url", format!("must name a bucket, as in {scheme}://BUCKET/PREFIX"));
            }
            "file" | "s3" | "az" | "gs" => {}
            _ => raw.problem("files.url", "must begin with file://, s3://, az:// or gs://"),
        }
    }

    fn check_kafka(&self, raw: &mut Raw) {
        let kafka = &self.kafka;
        let classic = kafka.group_protocol.0 == "classic";
        if kafka.brokers.is_some() && classic && self.pipeline.drain >= kafka.session_timeout {
            raw.clash(
                &["pipeline.drain", "kafka.session_timeout"],
                "must be shorter than kafka.session_timeout, or the broker reassigns the partitions meanwhile",
            );
        } else if kafka.brokers.is_some() && self.pipeline.drain >= POLL_INTERVAL {
            raw.clash(
                &["pipeline.drain"],
                "must be shorter than 5min, after which Kafka removes a consumer that reads nothing from its group",
            );
        }
        if kafka.group_id.is_empty() {
            raw.problem("kafka.group_id", "must be set");
        }
        let topics = [
            ("kafka.payment_topic", Some(&kafka.payment_topic)),
            ("kafka.issued_topic", Some(&kafka.issued_topic)),
            ("kafka.reissued_topic", Some(&kafka.reissued_topic)),
            ("kafka.voided_topic", Some(&kafka.voided_topic)),
            ("kafka.event_updated_topic", kafka.event_updated_topic.as_ref()),
            ("kafka.checked_in_topic", Some(&kafka.checked_in_topic)),
            ("kafka.check_in_conflict_topic", Some(&kafka.check_in_conflict_topic)),
            ("kafka.refunded_topic", Some(&kafka.refunded_topic)),
            ("kafka.cancelled_topic", Some(&kafka.cancelled_topic)),
            ("kafka.delivered_topic", Some(&kafka.delivered_topic)),
            ("kafka.event_changed_topic", kafka.event_changed_topic.as_ref()),
            ("kafka.dead_letter_topic", Some(&kafka.dead_letter_topic)),
        ];
        let topics: Vec<_> = topics.into_iter().filter_map(|(key, topic)| Some((key, topic?))).collect();
        for (i, (key, topic)) in topics.iter().enumerate() {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(plain) {
                raw.problem(key, format!("must be at most 249 letters, digits, ., _ and -, not {topic:?}"));
            } else if let Some((other, _)) = topics[..i].iter().find(|(_, t)| t == topic) {
                raw.problem(key, format!("must not be the same topic as {other}"));
            }
        }
    }

    fn check_kafka_security(&self, raw: &mut Raw) {
        let kafka = &self.kafka;
        match (&kafka.ssl_certificate, &kafka.ssl_key) {
            (Some(_), None) => raw.clash(
                &["kafka.ssl_key", "kafka.ssl_certificate"],
                "must be set when kafka.ssl_certificate is set",
            ),
            (None, Some(_)) => {
                raw.clash(
                    &["kafka.ssl_certificate", "kafka.ssl_key"],
                    "must be set when kafka.ssl_key is set",
                );
            }
            _ => {}
        }
        if kafka.security_protocol.0.starts_with("sasl") {
            let why = format!("must be set when kafka.security_protocol is {}", kafka.security_protocol.0);
            if kafka.sasl_username.is_none() {
                raw.clash(&["kafka.sasl_username"], why.clone());
            }
            if kafka.sasl_password.is_none() {
                raw.clash(&["kafka.sasl_password"], why);
            }
        }
    }
}

fn is_link_secret(text: &str) -> bool {
    text == "secret" || text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
