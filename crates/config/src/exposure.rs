//! Settings that are valid and would let strangers in: a process refuses to start with them.

use super::hosts::Host;
use super::lists::SINGLE;
use super::raw::Problem;
use super::{Config, WebhookTarget};

impl Config {
    /// What keeps a process from starting, for its operator to decide. `serves` says whether it has the role `http`,
    /// `stored` whether there are tokens in the store.
    pub fn exposures(&self, serves: bool, stored: bool, environment: &[(String, String)]) -> Vec<Problem> {
        let mut problems = Vec::new();
        if serves && !stored {
            problems.extend(self.open_to_the_public());
        }
        if !self.http.allow_weak_tokens {
            problems.extend(self.weak_tokens());
        }
        if !self.network.allow_cleartext {
            problems.extend(self.cleartext(environment));
        }
        problems
    }

    /// Passwords, tokens, orders and events that would go to another machine without TLS.
    fn cleartext(&self, environment: &[(String, String)]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, what: &str, remedy: &str| {
            let message =
                format!("{what} to another machine: {remedy}, or set network.allow_cleartext = true");
            problems.push(Problem { key: key.to_owned(), message });
        };
        for (key, url, token) in [
            ("ordering.url", &self.ordering.url, &self.ordering.token),
            ("identity.url", &self.identity.url, &self.identity.token),
        ] {
            let Some(url) = url.as_ref().filter(|url| url.as_str().starts_with("http://")) else { continue };
            if (token.is_some() || url.has_password()) && !url.host().is_some_and(|host| host.is_loopback()) {
                refuse(key, "would send its token or password without TLS", "use https://");
            }
        }
        for webhook in &self.webhooks {
            let is_own = || webhook.url.host().is_some_and(|host| host.is_loopback());
            if webhook.url.as_str().starts_with("http://") && !is_own() {
                let what = "would send events with personal data, codes and links without TLS";
                refuse(&self.place_of(webhook), what, "use https://");
            }
        }
        let kafka = &self.kafka;
        let plain = kafka.security_protocol.0 == "sasl_plaintext" && kafka.sasl_mechanism.0 == "PLAIN";
        if plain && kafka.brokers.as_deref().is_some_and(|brokers| !all_loopback(brokers)) {
            let remedy = "set it to sasl_ssl, or kafka.sasl_mechanism to SCRAM-SHA-512";
            refuse("kafka.security_protocol", "would send the password without TLS", remedy);
        }
        let store = self.store_url();
        let named_elsewhere =
            environment.iter().any(|(name, value)| name == "PGSSLMODE" && !value.is_empty());
        if !named_elsewhere
            && postgres_hosts_without_sslmode(&store).is_some_and(|hosts| !all_loopback(hosts))
        {
            let remedy = "add sslmode to the URL: verify-full or require, or disable to allow that";
            refuse("store.url", "may send orders and its password without TLS", remedy);
        }
        problems
    }

    /// The place of a webhook in the settings.
    fn place_of(&self, webhook: &WebhookTarget) -> String {
        if self.webhook.url.is_some() && webhook.name == SINGLE {
            "webhook.url".to_owned()
        } else {
            format!("[[webhook]] {}", webhook.name)
        }
    }

    /// Others reach the service at its public URL, through a proxy on this machine or directly, and no token tells them
    /// from this machine's user.
    fn open_to_the_public(&self) -> Option<Problem> {
        let url = self.http.public_url.as_ref()?;
        let own = |host: &Host| host.is_loopback() || self.http.hosts.contains(host);
        if !self.tokens.is_empty() || self.http.allow_anonymous || url.host().as_ref().is_some_and(own) {
            return None;
        }
        Some(Problem {
            key: "http.public_url".to_owned(),
            message: format!(
                "{} can be reached by others, and no token is set: set http.token, or make one by `fulfillment \
                 token new`; or http.allow_anonymous = true if \
                 everybody may do everything; or add the host to http.hosts if it is a name of this machine that only \
                 its users can reach",
                url.as_str()
            ),
        })
    }
}

/// The hosts of a PostgreSQL URL that says nothing about TLS. `None` for any other URL, and for a socket of this machine.
fn postgres_hosts_without_sslmode(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    if names.clone().any(|name| matches!(name, "sslmode" | "ssl-mode")) {
        return None;
    }
    let authority = address.split('/').next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let is_socket = hosts.is_empty() || hosts.to_ascii_lowercase().starts_with("%2f");
    (!is_socket).then_some(hosts)
}

/// Whether all of these hosts, separated by commas and with or without ports, are this machine.
fn all_loopback(hosts: &str) -> bool {
    hosts.split(',').all(|host| {
        let host = host.trim();
        // A colon is part of an address in brackets, or precedes the port.
        let host = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => name,
            _ => host,
        };
        Host::parse(host).is_some_and(|host| host.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that a start is refused for.
    fn refused(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Vec<String> {
        let settings =
            settings.iter().map(|(key, value)| (format!("FULFILLMENT_{key}"), (*value).to_owned()));
        let environment: Vec<_> =
            environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = Config::defaults(settings).unwrap();
        config.exposures(true, false, &environment).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn cleartext_is_refused_beyond_this_machine() {
        let token = ("ORDERING_TOKEN", "t");
        let hook = ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let sasl = [
            ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
            ("KAFKA_SASL_USERNAME", "u"),
            ("KAFKA_SASL_PASSWORD", "p"),
            ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ];
        let with = |settings: &[(&'static str, &'static str)], more: (&'static str, &'static str)| {
            settings.iter().copied().chain([more]).collect::<Vec<_>>()
        };
        for (settings, key) in [
            (with(&[token], ("ORDERING_URL", "http://ordering:5002")), Some("ordering.url")),
            (with(&[token], ("ORDERING_URL", "https://ordering:5002")), None),
            (with(&[token], ("ORDERING_URL", "http://localhost:5002")), None),
            (with(&[], ("ORDERING_URL", "http://ordering:5002")), None),
            (with(&[], ("ORDERING_URL", "http://u:p@ordering:5002")), Some("ordering.url")),
            (with(&[], ("ORDERING_URL", "http://u:p@localhost:5002")), None),
            (with(&[hook], ("WEBHOOK_URL", "http://crm:8080/tickets")), Some("webhook.url")),
            (with(&[hook], ("WEBHOOK_URL", "https://crm/tickets")), None),
            (with(&[hook], ("WEBHOOK_URL", "http://localhost:8080/tickets")), None),
            (with(&[("IDENTITY_TOKEN", "t")], ("IDENTITY_URL", "http://10.0.0.1")), Some("identity.url")),
            (with(&sasl, ("KAFKA_BROKERS", "127.0.0.1:9092,kafka:9092")), Some("kafka.security_protocol")),
            (with(&sasl, ("KAFKA_BROKERS", "127.0.0.1:9092,[::1]:9092")), None),
            (with(&sasl[..3], ("KAFKA_BROKERS", "kafka:9092")), None),
            (with(&[], ("STORE_URL", "postgres://u:p@db:5432/f")), Some("store.url")),
            (with(&[], ("STORE_URL", "postgresql://127.0.0.1,db/f?application_name=x")), Some("store.url")),
            (with(&[], ("STORE_URL", "postgres://u:p@db/f?sslmode=disable")), None),
            (with(&[], ("STORE_URL", "postgres://u:p@127.0.0.1:5432/f")), None),
            (with(&[], ("STORE_URL", "postgres://%2Fvar%2Frun%2Fpostgresql/f")), None),
        ] {
            assert_eq!(refused(&settings, &[]), key.into_iter().collect::<Vec<_>>(), "{settings:?}");
            let lifted = with(&settings, ("NETWORK_ALLOW_CLEARTEXT", "true"));
            assert_eq!(refused(&lifted, &[]), [""; 0], "{settings:?}");
        }
        assert_eq!(refused(&[("STORE_URL", "postgres://db/f")], &[("PGSSLMODE", "require")]), [""; 0]);
    }

    #[test]
    fn a_public_url_needs_a_token_a_setting_or_a_name() {
        let public = ("HTTP_PUBLIC_URL", "https://tickets.example");
        assert_eq!(refused(&[public], &[]), ["http.public_url"]);
        for lifted in [
            ("HTTP_TOKEN", "a-token-of-more-than-thirty-two-bytes"),
            ("HTTP_ALLOW_ANONYMOUS", "true"),
            ("HTTP_HOSTS", "box, Tickets.Example"),
            ("HTTP_PUBLIC_URL", "http://127.0.0.1:80/f"),
        ] {
            assert_eq!(refused(&[public, lifted], &[]), [""; 0], "{lifted:?}");
        }
    }
}
