//! Configuration: one TOML file, overridden by the environment, and checked completely before the service starts.
//!
//! One file per section: each declares its keys once, and [`Config`], the default file, the variables and the messages
//! follow from that. To add a setting, add its line to its section. What only another crate can check (whether a
//! template compiles, whether a store accepts its URL) is checked where the crates meet.

#![expect(
    clippy::doc_markdown,
    rustdoc::broken_intra_doc_links,
    reason = "the settings' comments are also the text of the default file, which is no Markdown"
)]

mod address_range;
mod cross_checks;
mod data;
mod doors;
mod exposure;
mod hosts;
mod http;
mod kafka;
mod lists;
mod origins;
mod pipeline;
mod raw;
mod refund;
mod section;
mod template;
mod templates;
#[cfg(test)]
mod tests;
mod tokens;
mod upstreams;
mod warnings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use address_range::AddressRange;
pub use data::{CodeFormat, Credential, Data, Document, Files, Store};
pub use doors::DoorEntry;
pub use hosts::Host;
pub use http::Http;
pub use kafka::{GroupProtocol, Kafka, SaslMechanism, SecurityProtocol};
pub use lists::WebhookTarget;
pub use origins::WebOrigin;
pub use pipeline::{Log, LogFormat, Pipeline, Webhook};
pub use raw::{PREFIX, Problem};
pub use refund::Refund;
pub use section::{Bytes, HttpUrl, Sensitive};
pub use template::default_file;
pub use templates::{SHIPPED, TemplateEntry};
pub use tokens::{LEAST_TOKEN, NamedToken, Scope, token_hash};
pub use upstreams::{Identity, Network, Ordering};

use raw::Raw;
use section::Key;

/// The file that is read if it exists and no other is named.
pub const DEFAULT_FILE: &str = "fulfillment.toml";

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[data]`
    pub data: Data,
    /// `[store]`
    pub store: Store,
    /// `[files]`
    pub files: Files,
    /// `[credential]`
    pub credential: Credential,
    /// `[document]`
    pub document: Document,
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[ordering]`
    pub ordering: Ordering,
    /// `[identity]`
    pub identity: Identity,
    /// `[network]`
    pub network: Network,
    /// `[pipeline]`
    pub pipeline: Pipeline,
    /// `[refund]`
    pub refund: Refund,
    /// `[webhook]`
    pub webhook: Webhook,
    /// `[log]`
    pub log: Log,
    /// Named tokens with their scopes.
    pub tokens: Vec<NamedToken>,
    /// Webhooks, each with its name.
    pub webhooks: Vec<WebhookTarget>,
    /// Custom templates, each with what it is for.
    pub templates: Vec<TemplateEntry>,
    /// Events whose door has its rules in a file.
    pub doors: Vec<DoorEntry>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Variables that look like settings and are not.
    pub strays: Vec<Problem>,
    /// The files that secrets were read from, each by the entry that names it.
    pub secret_files: Vec<(String, PathBuf)>,
}

/// The configuration cannot be used; each problem names its key and the expected value.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", .problems.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
pub struct BadConfig {
    /// Every mistake that was found.
    pub problems: Vec<Problem>,
    /// The settings with defaults instead of the wrong values, for checks that go on. Nothing starts with them.
    pub rest: Option<Box<Config>>,
}

impl From<Vec<Problem>> for BadConfig {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems, rest: None }
    }
}

/// Every section's keys, in the order of the default file, each with its section's description.
fn sections() -> [(&'static [&'static str], &'static [Key]); 14] {
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
        (Network::ABOUT, Network::KEYS),
        (Pipeline::ABOUT, Pipeline::KEYS),
        (Refund::ABOUT, Refund::KEYS),
        (Webhook::ABOUT, Webhook::KEYS),
        (Log::ABOUT, Log::KEYS),
    ]
}

impl Config {
    /// Reads `file`, or [`DEFAULT_FILE`] if it exists, and applies `environment` over it.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        let default = Path::new(DEFAULT_FILE);
        Self::load_only(file.or_else(|| default.exists().then_some(default)), environment)
    }

    /// Reads `file`, and no other, and applies `environment` over it.
    pub fn load_only(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        let raw = match file {
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
        Ok(Self { file: file.map(Path::to_owned), ..Self::from_raw(raw, environment)? })
    }

    /// The defaults, overridden by `settings`, which have their variables' names; no file is read.
    pub fn defaults(settings: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadConfig> {
        Self::from_raw(Raw::default(), settings)
    }

    fn from_raw(
        mut raw: Raw,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        let keys: Vec<Key> = sections().iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
        raw.environment(&keys, environment);
        let (http, data, store) = (Http::take(&mut raw), Data::take(&mut raw), Store::take(&mut raw));
        let (files, credential) = (Files::take(&mut raw), Credential::take(&mut raw));
        let (document, kafka) = (Document::take(&mut raw), Kafka::take(&mut raw));
        let (ordering, identity) = (Ordering::take(&mut raw), Identity::take(&mut raw));
        let network = Network::take(&mut raw);
        let (pipeline, refund) = (Pipeline::take(&mut raw), Refund::take(&mut raw));
        let (webhook, log) = (Webhook::take(&mut raw), Log::take(&mut raw));
        let tokens = tokens::tokens(&mut raw, http.as_ref());
        let webhooks = lists::webhooks(&mut raw, webhook.as_ref());
        let templates = templates::templates(&mut raw);
        let doors = doors::doors(&mut raw);
        raw.finish(&keys);
        let strays = std::mem::take(&mut raw.strays);
        let secret_files = std::mem::take(&mut raw.secret_files);
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
                network: network?,
                pipeline: pipeline?,
                refund: refund?,
                webhook: webhook?,
                log: log?,
                tokens,
                webhooks,
                templates,
                doors,
                file: None,
                strays: strays.clone(),
                secret_files,
            })
        };
        let config = read();
        if let Some(config) = &config {
            config.check_together(&mut raw);
        }
        match config {
            Some(config) if raw.problems.is_empty() => Ok(config),
            rest => Err(BadConfig {
                problems: raw.problems.into_iter().chain(strays).collect(),
                rest: rest.map(Box::new),
            }),
        }
    }

    /// The store's URL, with its default filled in.
    pub fn store_url(&self) -> String {
        match &self.store.url {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite://{}", self.data.dir.join("fulfillment.db").display()),
        }
    }

    /// The file of the embedded store, if that is the configured store.
    pub fn store_file(&self) -> Option<PathBuf> {
        self.store_url().strip_prefix("sqlite://").map(PathBuf::from)
    }

    /// The file storage's URL, with its default filled in.
    pub fn files_url(&self) -> String {
        match &self.files.url {
            Some(url) => url.clone(),
            None => format!("file://{}", self.data.dir.join("tickets").display()),
        }
    }

    /// The folder of keys, with its default filled in.
    pub fn keys_dir(&self) -> PathBuf {
        self.credential.keys_dir.clone().unwrap_or_else(|| self.data.dir.join("keys"))
    }

    /// The base of links, for a service that listens on `bound`.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.http.public_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{bound}"),
        }
    }
}
