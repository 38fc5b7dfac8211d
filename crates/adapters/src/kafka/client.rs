//! Shared by consumer and producer: how a broker is reached, and whether it can be reached.

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use tracing::{debug, warn};

use fulfillment_config as config;

use crate::health::HealthFlag;

/// The largest message written, in bytes. A broker's own limit is lower unless an operator raised it.
pub(super) const MAX_MESSAGE: usize = 10 * 1024 * 1024;

/// The settings that both use.
pub(super) fn client_config(kafka: &config::Kafka) -> anyhow::Result<ClientConfig> {
    let brokers = kafka.brokers.as_ref().context("kafka.brokers is not set")?;
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", brokers)
        .set("client.id", "fulfillment")
        .set("security.protocol", kafka.security_protocol.0)
        .set("allow.auto.create.topics", "false")
        // A topic that is created after the start is found within this time.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("reconnect.backoff.max.ms", "5000")
        .set("socket.keepalive.enable", "true")
        // Lets `HealthFlag` learn that a broker is back.
        .set("statistics.interval.ms", "2000")
        .set_log_level(RDKafkaLogLevel::Warning);
    if kafka.security_protocol.0.ends_with("ssl") {
        match &kafka.ssl_ca {
            Some(path) => client.set("ssl.ca.location", path.display().to_string()),
            // OpenSSL is built in and does not know where this system keeps its certificate authorities.
            None => client.set("ssl.ca.location", "probe"),
        };
        for (key, path) in
            [("ssl.certificate.location", &kafka.ssl_certificate), ("ssl.key.location", &kafka.ssl_key)]
        {
            if let Some(path) = path {
                client.set(key, path.display().to_string());
            }
        }
        if let Some(password) = &kafka.ssl_key_password {
            client.set("ssl.key.password", password.expose());
        }
    }
    if kafka.security_protocol.0.starts_with("sasl") {
        client.set("sasl.mechanism", kafka.sasl_mechanism.0);
        let user = kafka.sasl_username.as_ref().context("kafka.sasl_username is not set")?;
        let password = kafka.sasl_password.as_ref().context("kafka.sasl_password is not set")?;
        client.set("sasl.username", user).set("sasl.password", password.expose());
    }
    Ok(client)
}

/// The health of a client.
pub(super) fn health() -> HealthFlag {
    HealthFlag::of("Kafka")
}

/// No broker can be reached. A consequence of a problem that is known more precisely does not hide it.
fn set_away(health: &HealthFlag) {
    if health.trouble().is_none() {
        health.set_trouble("no Kafka broker can be reached");
    }
}

/// The callbacks of librdkafka.
#[derive(Debug, Clone)]
pub(super) struct Context {
    /// The state of the connection.
    pub(super) watch: HealthFlag,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // `HealthFlag` logs once what librdkafka repeats at every try to connect; a commit fails during a rebalance, and is
        // tried again.
        if matches!(facility, "FAIL" | "ERROR" | "COMMITFAIL") {
            debug!(facility, message, "librdkafka");
        } else {
            DefaultClientContext.log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            // OpenSSL's reason for the broker's refusal, such as a missing client certificate.
            Some(Code::BrokerTransportFailure) if reason.contains("SSL routines") => {
                self.watch.set_trouble(format!("Kafka: {reason}"));
            }
            // One of several brokers, or an idle connection that the broker closed.
            Some(Code::BrokerTransportFailure) => debug!(%error, reason, "a connection to Kafka ended"),
            Some(Code::AllBrokersDown) => set_away(&self.watch),
            Some(
                Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::SSL
                | Code::Resolve
                | Code::Fatal,
            ) => {
                self.watch.set_trouble(format!("Kafka: {reason}"));
            }
            _ => warn!(%error, reason, "Kafka reports an error"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        let mut brokers = statistics.brokers.values().filter(|broker| broker.source != "logical").peekable();
        if brokers.any(|broker| broker.state == "UP") {
            self.watch.clear();
        }
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::testing::config;

    #[test]
    fn security_is_passed_on() {
        let plain = client_config(&config(&[("FULFILLMENT_KAFKA_BROKERS", "a:1,b:2")]).kafka).unwrap();
        assert_eq!(plain.get("bootstrap.servers"), Some("a:1,b:2"));
        assert_eq!(plain.get("ssl.ca.location"), None);
        assert!(client_config(&config(&[]).kafka).is_err());
        let variables = [
            ("FULFILLMENT_KAFKA_BROKERS", "a:1"),
            ("FULFILLMENT_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("FULFILLMENT_KAFKA_SASL_USERNAME", "user"),
            ("FULFILLMENT_KAFKA_SASL_PASSWORD", "hush"),
            ("FULFILLMENT_KAFKA_SSL_CA", "/ca.pem"),
        ];
        let secure = client_config(&config(&variables).kafka).unwrap();
        assert_eq!(secure.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert_eq!(secure.get("ssl.ca.location"), Some("/ca.pem"));
        assert_eq!(secure.get("sasl.password"), Some("hush"));
        let mut lacking = config(&variables).kafka;
        lacking.sasl_password = None;
        assert!(client_config(&lacking).is_err(), "a password is missing");
    }

    #[test]
    fn trouble_comes_and_goes() {
        let watch = health();
        watch.set_trouble("a");
        set_away(&watch);
        assert_eq!(watch.trouble().as_deref(), Some("a"));
        watch.clear();
        assert_eq!(watch.trouble(), None);
        set_away(&watch);
        assert!(watch.trouble().is_some());
    }
}
