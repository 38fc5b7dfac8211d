//! Wiring: builds stores, adapters and the pipeline from the settings. The only place where adapters meet.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use fulfillment_adapters::kafka::KafkaDestination;
use fulfillment_adapters::webhook::WebhookDestination;
use fulfillment_adapters::{blobs, identity::IdentityClient, ordering::OrderingClient};
use fulfillment_config::{Config, Problem};
use fulfillment_document::PdfRenderer;
use fulfillment_domain::Clock;
use fulfillment_domain::order::Reading;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::door::Doors;
use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::event_cancellation::EventCanceller;
use fulfillment_pipeline::operations::event_record::EventDesk;
use fulfillment_pipeline::operations::links::Linker;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::operations::resend::Resender;
use fulfillment_pipeline::operations::void::Voider;
use fulfillment_pipeline::ports::{Destination, Files, Identity, Ordering};
use fulfillment_pipeline::runtime::SystemRuntime;
use fulfillment_pipeline::stages::ingest::Ingest;
use fulfillment_pipeline::stages::read_back::ReadBack;
use fulfillment_pipeline::stages::{Numbers, Releases};
use fulfillment_pipeline::templates::{TemplateRegistry, Templates};
use fulfillment_pipeline::{Pipeline, Publishing, Wake};
use fulfillment_store::{Announcing, DeadLetterRoute, RefundRules, Store};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Serves tickets, takes payments.
    Http,
    /// Takes payments and deliveries from Kafka.
    Ingest,
    /// Turns orders into tickets.
    Issue,
    /// Carries events out.
    Relay,
}

/// Opens the store that the settings name, without changing it. The file of the embedded one is created if it does not
/// exist: a command that must not create it checks first.
pub(crate) async fn open_store(config: &Config) -> Result<Arc<dyn Store>, CliError> {
    if let Some(file) = config.store_file() {
        make_file(&file).with_context(|| format!("cannot make {}", file.display()))?;
    }
    let settings = fulfillment_store::Settings {
        url: config.store_url(),
        schema: config.store.schema.clone(),
        max_connections: config.store.max_connections,
        connect_timeout: config.store.connect_timeout,
        refunds: RefundRules {
            retained_share: config.refund.retained_share,
            grace: config.pipeline.refund_grace,
        },
    };
    Ok(fulfillment_store::open(&settings, Arc::new(SystemClock)).await?)
}

/// What the store would refuse of its URL: the settings do not know the store.
pub(crate) fn check_store_url(config: &Config) -> Result<(), Problem> {
    fulfillment_store::check_url(&config.store_url())
        .map_err(|error| Problem { key: "store.url".to_owned(), message: error.to_string() })
}

/// What keeps a process from starting, for its operator to decide. The store is asked for tokens only if that decides.
pub(crate) async fn exposures(
    config: &Config,
    serves: bool,
    environment: &[(String, String)],
) -> Vec<Problem> {
    let without_stored = config.exposures(serves, false, environment);
    let with_stored = config.exposures(serves, true, environment);
    if without_stored == with_stored || !has_tokens(config).await { without_stored } else { with_stored }
}

/// Whether the store has had a token, as far as it can be read: from then on nobody is let in without one.
async fn has_tokens(config: &Config) -> bool {
    if config.store_file().is_some_and(|file| !file.exists()) {
        return false;
    }
    let asked = async { Ok::<_, CliError>(open_store(config).await?.tokens_in_use().await?.any) };
    matches!(tokio::time::timeout(config.store.connect_timeout, asked).await, Ok(Ok(true)))
}

/// Creates an empty file and its folder, accessible to the owner and the group alone: it will contain names and
/// addresses. SQLite gives the files beside it the same mode.
fn make_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    match std::fs::OpenOptions::new().create_new(true).write(true).mode(0o640).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// What a broker counts besides a message's value: its key and the headers with its source.
const HEADROOM: usize = 32 * 1024;

/// Where dead letters are sent in addition to their table.
pub(crate) fn dead_letter_route(config: &Config) -> DeadLetterRoute {
    DeadLetterRoute {
        destinations: config.kafka.brokers.iter().map(|_| KafkaDestination::NAME.to_owned()).collect(),
        max_bytes: config.pipeline.max_message.0.saturating_sub(HEADROOM),
    }
}

/// The destinations of ticket events in addition to the stream: all that are configured.
pub(crate) fn destinations(config: &Config) -> Vec<String> {
    let kafka = config.kafka.brokers.iter().map(|_| KafkaDestination::NAME.to_owned());
    kafka.chain(config.webhooks.iter().map(WebhookDestination::name_of)).collect()
}

/// How events are written that only the store can write.
pub(crate) fn announcing(config: &Config) -> Announcing {
    let has_topic = config.kafka.event_updated_topic.is_some();
    let without_updates = if has_topic { Vec::new() } else { vec![KafkaDestination::NAME.to_owned()] };
    Announcing { spelling: config.kafka.spelling, destinations: destinations(config), without_updates }
}

/// The inbox; `stop` ends its wait for an unreachable store.
pub(crate) fn inbox(
    config: &Config,
    store: Arc<dyn Store>,
    wake: Arc<Wake>,
    stop: CancellationToken,
) -> Ingest {
    Ingest {
        store,
        dead_letters: dead_letter_route(config),
        announcing: announcing(config),
        wake,
        clock: Arc::new(SystemClock),
        runtime: Arc::new(SystemRuntime),
        stop,
    }
}

/// The inbox of a command.
pub(crate) fn inbox_of_command(config: &Config, store: Arc<dyn Store>) -> Ingest {
    inbox(config, store, Arc::default(), CancellationToken::new())
}

/// The page's engine, with the fonts of this machine.
pub(crate) fn renderer(config: &Config) -> Result<Arc<PdfRenderer>, CliError> {
    let usual = fulfillment_fonts::USUAL_FOLDERS.iter().map(PathBuf::from);
    let folders: Vec<PathBuf> = config.document.fonts.iter().cloned().chain(usual).collect();
    let renderer =
        PdfRenderer::with_fonts(fulfillment_fonts::installed(&folders)).map_err(anyhow::Error::from)?;
    Ok(Arc::new(renderer))
}

/// The templates that the settings name, each stored from now on.
pub(crate) async fn templates(config: &Config, store: &Arc<dyn Store>) -> Result<Templates, CliError> {
    let registry = TemplateRegistry::read(config).map_err(|unusable| {
        let each = |(name, why): &(String, _)| format!("the template {name} cannot be used:\n{why}");
        CliError::misuse(unusable.iter().map(each).collect::<Vec<_>>().join("\n"))
    })?;
    Ok(Templates::new(renderer(config)?, Arc::clone(store) as _, registry).await?)
}

/// The clients of everything outside that the settings name.
pub(crate) struct Upstreams {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) ordering: Option<Arc<OrderingClient>>,
    pub(crate) identity: Option<Arc<IdentityClient>>,
    pub(crate) destinations: Vec<Arc<dyn Destination>>,
}

/// The storage of ticket files.
pub(crate) fn files(config: &Config, environment: &[(String, String)]) -> Result<Arc<dyn Files>, CliError> {
    Ok(blobs::open(&config.files_url(), environment)?)
}

/// Creates the clients; no request is sent yet.
pub(crate) fn upstreams(config: &Config, environment: &[(String, String)]) -> Result<Upstreams, CliError> {
    let ordering =
        config.ordering.url.is_some().then(|| OrderingClient::new(&config.ordering)).transpose()?;
    let identity =
        config.identity.url.is_some().then(|| IdentityClient::new(&config.identity)).transpose()?;
    let mut destinations: Vec<Arc<dyn Destination>> = Vec::new();
    if config.kafka.brokers.is_some() {
        destinations.push(Arc::new(KafkaDestination::new(&config.kafka)?));
    }
    for target in &config.webhooks {
        destinations.push(Arc::new(WebhookDestination::new(target, &config.webhook, Arc::new(SystemClock))?));
    }
    Ok(Upstreams {
        files: files(config, environment)?,
        ordering: ordering.map(Arc::new),
        identity: identity.map(Arc::new),
        destinations,
    })
}

/// The pipeline of a process that issues tickets.
pub(crate) fn pipeline(
    config: &Config,
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    upstreams: &Upstreams,
    templates: Arc<Templates>,
    public_url: &str,
    wake: Arc<Wake>,
) -> Result<Pipeline, CliError> {
    Ok(Pipeline {
        store,
        files: Arc::clone(&upstreams.files),
        ordering: upstreams.ordering.clone().map(|client| client as Arc<dyn Ordering>),
        identity: upstreams.identity.clone().map(|client| client as Arc<dyn Identity>),
        templates,
        secret: keys.current().secret.clone(),
        keys,
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        runtime: Arc::new(SystemRuntime),
        settings: config.pipeline.clone(),
        code: config.credential.form,
        read_back: ReadBack(config.document.proof_every),
        grace: config.ordering.grace,
        reading: reading(config)?,
        publishing: publishing(config, public_url),
        wake,
        worker: worker_name(),
        numbers: Numbers::default(),
        releases: Releases::default(),
    })
}

/// Voids tickets.
pub(crate) fn voider(config: &Config, store: &Arc<dyn Store>, wake: Arc<Wake>) -> Voider {
    Voider { store: Arc::clone(store) as _, announcing: announcing(config), wake }
}

/// Sets details of events.
pub(crate) fn event_desk(config: &Config, store: &Arc<dyn Store>, wake: Arc<Wake>) -> EventDesk {
    EventDesk { store: Arc::clone(store) as _, announcing: announcing(config), wake }
}

/// Voids the tickets of cancelled events.
pub(crate) fn event_canceller(config: &Config, store: &Arc<dyn Store>, wake: Arc<Wake>) -> EventCanceller {
    EventCanceller { store: Arc::clone(store) as _, announcing: announcing(config), wake }
}

/// Checks tickets in.
pub(crate) fn doors(config: &Config, store: &Arc<dyn Store>, wake: Arc<Wake>) -> Doors {
    Doors::new(Arc::clone(store) as _, announcing(config), wake)
}

/// Makes new generations of tickets.
pub(crate) fn reissuer(
    config: &Config,
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    files: Arc<dyn Files>,
    templates: Arc<Templates>,
    public_url: &str,
    wake: Arc<Wake>,
) -> Reissuer {
    Reissuer {
        store,
        files,
        templates,
        secret: keys.current().secret.clone(),
        keys,
        clock: Arc::new(SystemClock),
        runtime: Arc::new(SystemRuntime),
        code: config.credential.form,
        read_back: ReadBack(config.document.proof_every),
        publishing: publishing(config, public_url),
        wake,
    }
}

/// Sends events of tickets once more.
pub(crate) fn resender(
    config: &Config,
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    public_url: &str,
    wake: Arc<Wake>,
) -> Resender {
    let publishing = publishing(config, public_url);
    Resender { store, keys, clock: Arc::new(SystemClock), publishing, wake }
}

/// Makes signed links.
pub(crate) fn linker(config: &Config, keys: Arc<Keys>, public_url: &str) -> Linker {
    let life = config.http.links_expire_after;
    Linker { keys, public_url: public_url.to_owned(), life, clock: Arc::new(SystemClock) }
}

fn publishing(config: &Config, public_url: &str) -> Publishing {
    Publishing {
        spelling: config.kafka.spelling,
        public_url: public_url.to_owned(),
        destinations: destinations(config),
        of_events: Arc::new(announcing(config)),
    }
}

/// How Ordering's answers are parsed.
fn reading(config: &Config) -> Result<Reading, CliError> {
    Ok(Reading {
        max_tickets: config.pipeline.max_tickets,
        local_times: config.ordering.local_times,
        zone: time_zone(config)?,
        currency: config.document.currency,
        paid_in: None,
    })
}

/// The time zone of dates on pages whose event has none.
pub(crate) fn time_zone(config: &Config) -> Result<jiff::tz::TimeZone, CliError> {
    Ok(jiff::tz::TimeZone::get(&config.document.time_zone).context("document.time_zone")?)
}

/// Identifies this process among all others in the store's leases.
pub(crate) fn worker_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}:{}:{}", std::process::id(), hex::encode(fulfillment_pipeline::keyring::random::<4>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_store_knows_is_a_problem_of_its_setting() {
        for url in ["postgres://a:b:c/d", "postgres://h/d?sslmode=maybe", "sqlite://", "mysql://h/d"] {
            let settings = [("FULFILLMENT_STORE_URL".to_owned(), url.to_owned())];
            let problem = check_store_url(&Config::defaults(settings).unwrap()).unwrap_err();
            assert_eq!(problem.key, "store.url", "{url}");
        }
    }
}
