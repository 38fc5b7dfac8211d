//! Settings: one TOML file, the environment above it, everything checked before anything starts.

#![expect(
    clippy::doc_markdown,
    rustdoc::broken_intra_doc_links,
    reason = "the settings' comments are also the text of the default file, which is no Markdown"
)]

mod data;
mod http;
mod kafka;
mod lists;
mod neighbours;
mod pipeline;
mod raw;
mod section;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) use data::{Credential, Data, Document, Files, Store};
pub(crate) use http::Http;
pub(crate) use kafka::Kafka;
pub(crate) use lists::{NamedToken, Scope, WebhookTarget};
pub(crate) use neighbours::{Identity, Ordering};
pub(crate) use pipeline::{Log, LogFormat, Pipeline, Webhook};
pub(crate) use raw::Problem;
pub(crate) use section::{HttpUrl, Sensitive};
pub(crate) use template::default_file;

use raw::Raw;
use section::Key;

/// The file that is read when it is there and none is named.
pub(crate) const DEFAULT_FILE: &str = "fulfillment.toml";

/// Everything that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) http: Http,
    pub(crate) data: Data,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) credential: Credential,
    pub(crate) document: Document,
    pub(crate) kafka: Kafka,
    pub(crate) ordering: Ordering,
    pub(crate) identity: Identity,
    pub(crate) pipeline: Pipeline,
    pub(crate) webhook: Webhook,
    pub(crate) log: Log,
    /// Named tokens with their scopes.
    pub(crate) tokens: Vec<NamedToken>,
    /// Webhooks, each with its name.
    pub(crate) webhooks: Vec<WebhookTarget>,
}

/// The configuration cannot be used; each problem names its key and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct BadConfig(pub(crate) Vec<Problem>);

/// Every section's keys, in the order of the default file, each with its section's description.
pub(crate) fn sections() -> [(&'static [&'static str], &'static [Key]); 12] {
    [
        (Http::ABOUT, Http::KEYS),
        (Data::ABOUT, Data::KEYS),
        (Store::ABOUT, Store::KEYS),
        (Files::ABOUT, Files::KEYS),
        (Credential::ABOUT, Credential::KEYS),
        (Document::ABOUT, Document::KEYS),
        (Kafka::ABOUT, Kafka::KEYS),
        (Ordering::ABOUT, Ordering::KEYS),
        (Identity::ABOUT, Identity::KEYS),
        (Pipeline::ABOUT, Pipeline::KEYS),
        (Webhook::ABOUT, Webhook::KEYS),
        (Log::ABOUT, Log::KEYS),
    ]
}

impl Config {
    /// Reads `file`, or [`DEFAULT_FILE`] where there is one, and lays `environment` over it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        let default = Path::new(DEFAULT_FILE);
        let raw = match file.or_else(|| default.exists().then_some(default)) {
            None => Raw::default(),
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Raw::file(&text, path),
                Err(error) => {
                    let mut raw = Raw::default();
                    raw.problem(path.display(), format!("cannot be read: {error}"));
                    raw
                }
            },
        };
        Self::from_raw(raw, environment)
    }

    /// The defaults, with `settings` in their variables' names laid over them; no file is read.
    pub(crate) fn defaults(settings: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadConfig> {
        Self::from_raw(Raw::default(), settings)
    }

    fn from_raw(
        mut raw: Raw,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        let keys: Vec<Key> = sections().iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
        raw.environment(&keys, environment, |path| std::fs::read_to_string(path));
        let (http, data, store) = (Http::take(&mut raw), Data::take(&mut raw), Store::take(&mut raw));
        let (files, credential) = (Files::take(&mut raw), Credential::take(&mut raw));
        let (document, kafka) = (Document::take(&mut raw), Kafka::take(&mut raw));
        let (ordering, identity) = (Ordering::take(&mut raw), Identity::take(&mut raw));
        let (pipeline, webhook, log) =
            (Pipeline::take(&mut raw), Webhook::take(&mut raw), Log::take(&mut raw));
        let tokens = lists::tokens(&mut raw, http.as_ref());
        let webhooks = lists::webhooks(&mut raw, webhook.as_ref());
        raw.finish(&keys);
        let read = || {
            Some(Self {
                http: http?,
                data: data?,
                store: store?,
                files: files?,
                credential: credential?,
                document: document?,
                kafka: kafka?,
                ordering: ordering?,
                identity: identity?,
                pipeline: pipeline?,
                webhook: webhook?,
                log: log?,
                tokens,
                webhooks,
            })
        };
        let config = read();
        if let Some(config) = &config {
            config.check_together(&mut raw);
        }
        match config {
            Some(config) if raw.problems.is_empty() => Ok(config),
            _ => Err(BadConfig(raw.problems)),
        }
    }

    /// What is right by itself and wrong together.
    fn check_together(&self, raw: &mut Raw) {
        if self.kafka.brokers.is_some() && self.pipeline.drain >= self.kafka.session_timeout {
            raw.problem(
                "pipeline.drain",
                "must be shorter than kafka.session_timeout, or the broker gives the partitions away meanwhile",
            );
        }
        let url = self.store_url();
        if !url.starts_with("sqlite://")
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            raw.problem("store.url", "must begin with sqlite:// or postgres://");
        }
        let schema = &self.store.schema;
        if schema.is_empty()
            || schema.len() > 63
            || !schema.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            raw.problem("store.schema", "must be letters, digits and underscores, 63 at most");
        }
        let files = self.files_url();
        if !["file://", "s3://", "az://", "gs://"].iter().any(|scheme| files.starts_with(scheme)) {
            raw.problem("files.url", "must begin with file://, s3://, az:// or gs://");
        }
        if self.pipeline.max_tickets > fulfillment_domain::order::MAX_TICKETS {
            raw.problem("pipeline.max_tickets", "must be 10000 at most");
        }
        for (name, value) in [
            ("pipeline.workers", self.pipeline.workers),
            ("pipeline.claim_batch", self.pipeline.claim_batch),
            ("pipeline.max_tickets", self.pipeline.max_tickets),
            ("ordering.concurrency", self.ordering.concurrency),
            ("webhook.concurrency", self.webhook.concurrency),
            ("kafka.batch", self.kafka.batch),
            ("http.max_items", self.http.max_items),
            ("http.max_ingest_requests", self.http.max_ingest_requests),
        ] {
            if value == 0 {
                raw.problem(name, "must be at least 1");
            }
        }
        if jiff::tz::TimeZone::get(&self.document.time_zone).is_err() {
            raw.problem("document.time_zone", "must be an IANA time zone, like Europe/Berlin");
        }
        if let Some(secret) = &self.credential.secret
            && !(secret.expose().len() == 64 && secret.expose().bytes().all(|b| b.is_ascii_hexdigit()))
        {
            raw.problem("credential.secret", "must be 64 hexadecimal digits");
        }
    }

    /// The store's URL, with its default filled in.
    pub(crate) fn store_url(&self) -> String {
        match &self.store.url {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite://{}", self.data.dir.join("fulfillment.db").display()),
        }
    }

    /// The file storage's URL, with its default filled in.
    pub(crate) fn files_url(&self) -> String {
        match &self.files.url {
            Some(url) => url.clone(),
            None => format!("file://{}", self.data.dir.join("tickets").display()),
        }
    }

    /// The folder of keys, with its default filled in.
    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.credential.keys_dir.clone().unwrap_or_else(|| self.data.dir.join("keys"))
    }

    /// The base of links, for a service that listens on `bound`.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> String {
        match &self.http.public_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::from_raw(Raw::file(toml, Path::new("test.toml")), environment)
            .map_err(|e| e.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:5004");
        assert_eq!(config.store_url(), "sqlite://./data/fulfillment.db");
        assert_eq!(config.files_url(), "file://./data/tickets");
        assert_eq!(config.public_url(config.http.listen), "http://127.0.0.1:5004");
        assert!(config.tokens.is_empty() && config.webhooks.is_empty());
    }

    #[test]
    fn the_default_file_says_what_the_defaults_are() {
        let file = default_file();
        let uncommented: String = file
            .lines()
            .filter_map(|l| {
                l.strip_prefix("#").filter(|l| !l.starts_with(' ')).or(l.starts_with('[').then_some(l))
            })
            .filter(|l| !l.starts_with("[["))
            .fold(String::new(), |text, l| text + l + "\n");
        assert_eq!(
            uncommented.lines().filter(|l| l.contains(" = ")).count(),
            sections().iter().map(|s| s.1.len()).sum::<usize>()
        );
        assert!(load(&file, &[]).is_ok(), "as written");
        let config = load(&uncommented, &[]).expect("with every default uncommented");
        assert_eq!(format!("{config:?}"), format!("{:?}", load("", &[]).unwrap()));
    }

    #[test]
    fn the_environment_goes_above_the_file() {
        let config = load(
            "[http]\nlisten = \"127.0.0.1:1\"\n[pipeline]\nmax_attempts = 3",
            &[("FULFILLMENT_HTTP_LISTEN", "0.0.0.0:2"), ("FULFILLMENT_KAFKA_PAYMENT_TOPIC", "paid")],
        )
        .unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.pipeline.max_attempts, 3);
        assert_eq!(config.kafka.payment_topic, "paid");
    }

    #[test]
    fn secrets_come_from_files_and_stay_hidden() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush\n").unwrap();
        let config = load("", &[("FULFILLMENT_HTTP_TOKEN_FILE", file.path().to_str().unwrap())]).unwrap();
        assert_eq!(config.tokens.len(), 1);
        assert_eq!(config.http.token.as_ref().unwrap().expose(), "hush");
        assert!(!format!("{config:?}").contains("hush"));
        assert!(load("", &[("FULFILLMENT_HTTP_TOKEN_FILE", "/nowhere")]).is_err());
    }

    #[test]
    fn every_bad_key_is_named_with_what_would_be_right() {
        let problems = load(
            "[http]\nlisten = \"here\"\nlistne = 1\n[kafak]\nbrokers = \"x\"\n[pipeline]\nlease = \"soon\"",
            &[("FULFILLMENT_STORE_ULR", "x"), ("FULFILLMENT_HTTP_ALLOW_ANONYMOUS", "maybe")],
        )
        .unwrap_err()
        .join("\n");
        for expected in [
            "http.listen: must be an address and a port, like 127.0.0.1:5004, not \"here\"",
            "http.listne: is unknown; did you mean listen?",
            "kafak.brokers: is unknown; did you mean kafka?",
            "pipeline.lease: must be a duration",
            "FULFILLMENT_STORE_ULR: is unknown; did you mean FULFILLMENT_STORE_URL?",
            "FULFILLMENT_HTTP_ALLOW_ANONYMOUS: must be true or false",
        ] {
            assert!(problems.contains(expected), "{expected}\nnot in\n{problems}");
        }
    }

    #[test]
    fn tokens_and_webhooks_are_lists() {
        let config = load(
            r#"
            [http]
            token = "all"
            [[token]]
            name = "door"
            token = "d"
            scopes = ["read", "deliver"]
            [[webhook]]
            name = "crm"
            url = "https://crm.example/hook"
            secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            "#,
            &[],
        )
        .unwrap();
        assert_eq!(config.tokens.len(), 2);
        assert!(
            config.tokens[1].scopes.contains(&Scope::Deliver)
                && !config.tokens[1].scopes.contains(&Scope::Admin)
        );
        assert_eq!(config.webhooks[0].name, "crm");
        let bad =
            load("[[token]]\nname = \"x\"\nscopes = [\"fly\"]\n[[webhook]]\nurl = \"no\"", &[]).unwrap_err();
        assert!(bad.len() >= 3, "{bad:?}");
    }
}
