//! Lifecycle of a service: starts the parts in order, and drains them in reverse.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fulfillment_adapters::kafka::KafkaConsumer;
use fulfillment_config::{BadConfig, Config, Credential};
use fulfillment_domain::Clock as _;
use fulfillment_http::{self as http, Access, Api, PartState, Readiness, StoredTokens};
use fulfillment_pipeline::Wake;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::Keys;
use fulfillment_pipeline::operations::erase::Eraser;
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::key_reissue::KeyReissuer;
use fulfillment_pipeline::operations::people::PeopleIndex;
use fulfillment_pipeline::ports::{Accept, Files, Lag};
use fulfillment_pipeline::runtime::{Runtime, SystemRuntime};
use fulfillment_pipeline::stages::ingest::Ingest;
use fulfillment_pipeline::stages::relay::{Relay, sequence};
use fulfillment_pipeline::templates::Templates;
use fulfillment_pipeline::upkeep::erased_files::remove_erased_files;
use fulfillment_pipeline::upkeep::heal::{Healer, Redraw, healer};
use fulfillment_pipeline::upkeep::people::index_people;
use fulfillment_pipeline::upkeep::retention::Retention;
use fulfillment_pipeline::upkeep::{counts, gauges, maintenance};
use fulfillment_store::{Positions, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::auditing::Auditing;
use crate::doors;
use crate::error::CliError;
use crate::open_files;
use crate::wiring::{self, Role, Upstreams};

/// An upstream service by name, and a function that tells what is wrong with it, as far as is known.
type Watched = (String, Box<dyn Fn() -> Option<String> + Send + Sync>);

/// Interval between two probes of the upstream services.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The file storage is probed once in this many rounds: with an object store every probe is a paid request.
const FILES_EVERY: u32 = 5;

/// The timeout for the store's answer, and for the file storage's.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long open downloads may take after everything else has ended.
const HTTP_DRAIN: Duration = Duration::from_secs(5);

/// How long the store may take to close; its connections end with the process.
const STORE_CLOSE: Duration = Duration::from_secs(3);

/// Interval at which samples are folded into the histograms: otherwise they are kept one by one.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A running service.
pub(crate) struct Running {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<Keys>,
    /// The address it listens on.
    pub(crate) address: SocketAddr,
    /// The URL at which others reach it.
    pub(crate) public_url: String,
    /// Stops claiming, polling and relaying.
    stop: CancellationToken,
    /// Stops the HTTP server, after the rest.
    close: CancellationToken,
    /// Set when a part has ended unexpectedly.
    broken: CancellationToken,
    work: TaskTracker,
    serving: TaskTracker,
    auditing: Auditing,
    readiness: Arc<Readiness>,
    drain: Duration,
}

/// What the tasks of a service share.
struct Parts {
    store: Arc<dyn Store>,
    runtime: Arc<dyn Runtime>,
    keys: Arc<Keys>,
    tokens: Arc<StoredTokens>,
    upstreams: Upstreams,
    templates: Arc<Templates>,
    wake: Arc<Wake>,
    stop: CancellationToken,
    broken: CancellationToken,
    work: TaskTracker,
    readiness: Arc<Readiness>,
}

impl Running {
    /// Starts: schema, keys, storage, then the tasks of `roles`, and finally the HTTP server.
    pub(crate) async fn start(
        config: &Config,
        environment: &[(String, String)],
        roles: &[Role],
        listener: Option<TcpListener>,
    ) -> Result<Self, CliError> {
        let door_rules = doors::declared(config).map_err(BadConfig::from)?;
        let store = wiring::open_store(config).await?;
        let report = store.begin_serving().await?;
        if !report.applied.is_empty() {
            info!(version = report.version, applied = ?report.applied, "the schema was migrated");
        }
        let keyring = installation::keys_for(store.as_ref(), config, SystemClock.now()).await?;
        let Credential { secret, link_secrets, .. } = config.credential.clone();
        let keys = Arc::new(Keys::new(keyring, config.keys_dir(), secret, link_secrets));
        let upstreams = wiring::upstreams(config, environment)?;
        if roles.iter().copied().any(needs_files) {
            installation::check_storage(store.as_ref(), upstreams.files.as_ref()).await?;
        }

        doors::declare(store.as_ref(), &door_rules).await?;
        let templates = Arc::new(wiring::templates(config, &store).await?);
        let tokens = Arc::new(StoredTokens::read(store.as_ref(), store.as_ref()).await?);
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(config.http.listen).await.with_context(|| {
                format!("cannot listen on {}; another address: FULFILLMENT_HTTP_LISTEN", config.http.listen)
            })?,
        };
        let address = listener.local_addr().context("the listener has no address")?;
        let parts = Parts {
            store,
            runtime: Arc::new(SystemRuntime),
            keys,
            tokens,
            upstreams,
            templates,
            wake: Arc::default(),
            stop: CancellationToken::new(),
            broken: CancellationToken::new(),
            work: TaskTracker::new(),
            readiness: Arc::default(),
        };
        parts.serve(config, environment, roles, listener, address)
    }

    /// Stops: no new work, work in flight is finished, then the HTTP server ends, each within its timeout.
    pub(crate) async fn shut_down(self) {
        self.readiness.draining(SystemClock.now());
        self.stop.cancel();
        self.work.close();
        if tokio::time::timeout(self.drain, self.work.wait()).await.is_err() {
            warn!(waited = ?self.drain, "in-flight work did not finish in time; its leases will expire");
        }
        self.close.cancel();
        self.serving.close();
        if tokio::time::timeout(HTTP_DRAIN, self.serving.wait()).await.is_err() {
            warn!("open connections did not close in time");
        }
        self.auditing.end().await;
        if tokio::time::timeout(STORE_CLOSE, self.store.close()).await.is_err() {
            warn!("the store did not close in time; its connections end with the process");
        }
        info!("stopped");
    }

    /// Returns when a part of the service has ended unexpectedly. A service that only looks alive is worse than one
    /// that ends and is restarted.
    pub(crate) async fn broken(&self) {
        self.broken.cancelled().await;
    }
}

impl Parts {
    fn serve(
        self,
        config: &Config,
        environment: &[(String, String)],
        roles: &[Role],
        listener: TcpListener,
        address: SocketAddr,
    ) -> Result<Running, CliError> {
        let public_url = config.public_url(address);
        let (wake, stop) = (Arc::clone(&self.wake), self.stop.clone());
        let ingest = Arc::new(wiring::inbox(config, Arc::clone(&self.store), wake, stop));
        let mut watched = self.watched(roles);
        if roles.contains(&Role::Issue) {
            self.issue(config, environment, &public_url)?;
            watched.extend(self.erase(config.pipeline.erase_after));
        }
        let mut lag = None;
        if roles.contains(&Role::Ingest) && config.kafka.brokers.is_some() {
            let consumer = self.consume(config, &ingest)?;
            lag = Some(Arc::clone(&consumer) as Arc<dyn Lag>);
            watched.push(("kafka-consumer".into(), Box::new(move || consumer.trouble())));
        }
        let (head, followed) = tokio::sync::watch::channel(0);
        if roles.contains(&Role::Relay) {
            self.relay(config, head);
        }
        let files = roles.iter().copied().any(needs_files).then(|| Arc::clone(&self.upstreams.files));
        let probe =
            probe(Arc::clone(&self.readiness), Arc::clone(&self.store), files, watched, self.stop.clone());
        self.begin("probe", probe);
        let keys = Arc::clone(&self.keys);
        let follow = keys.follow(Arc::clone(&self.store), Arc::clone(&self.runtime), self.stop.clone());
        self.begin("keys", follow);

        let reissuer = wiring::reissuer(
            config,
            Arc::clone(&self.store),
            Arc::clone(&self.keys),
            Arc::clone(&self.upstreams.files),
            Arc::clone(&self.templates),
            &public_url,
            Arc::clone(&self.wake),
        );
        let metrics = crate::telemetry::metrics()?;
        self.begin("metrics", fold_metrics(metrics.clone(), self.stop.clone()));
        let close = CancellationToken::new();
        let serving = TaskTracker::new();
        let (trail, auditing) = Auditing::begin(Arc::clone(&self.store) as _, self.broken.clone());
        let api = Arc::new(Api {
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.upstreams.files),
            clock: Arc::new(SystemClock),
            trail,
            access: self.access(config, address),
            accept: ingest as Arc<dyn Accept>,
            heal: Arc::new(self.heal()),
            reissuer,
            resender: wiring::resender(
                config,
                Arc::clone(&self.store),
                Arc::clone(&self.keys),
                &public_url,
                Arc::clone(&self.wake),
            ),
            linker: wiring::linker(config, Arc::clone(&self.keys), &public_url),
            events: wiring::event_desk(config, &self.store, Arc::clone(&self.wake)),
            doors: wiring::doors(config, &self.store, Arc::clone(&self.wake)),
            voider: wiring::voider(config, &self.store, Arc::clone(&self.wake)),
            readiness: Arc::clone(&self.readiness),
            lag,
            keys: Arc::clone(&self.keys),
            templates: Arc::clone(&self.templates),
            metrics,
            limits: http::Limits::new(&config.http, &config.pipeline),
            head: followed,
            followed: http::FollowedDoors::new(Arc::clone(&self.store)),
            stop: self.stop.clone(),
        });
        let router = http::router(api, roles.contains(&Role::Http));
        let max_connections = open_files::room_for(config.http.max_connections);
        let settings = fulfillment_config::Http { max_connections, ..config.http.clone() };
        let (closing, broken) = (close.clone(), self.broken.clone());
        serving.spawn(async move {
            let ended = tokio::spawn(http::serve(listener, router, settings, closing)).await;
            if let Err(error) = ended {
                error!(%error, "the HTTP server failed");
                broken.cancel();
            }
        });
        Ok(Running {
            store: self.store,
            keys: self.keys,
            address,
            public_url,
            stop: self.stop,
            close,
            broken: self.broken,
            work: self.work,
            serving,
            auditing,
            readiness: self.readiness,
            drain: config.pipeline.drain,
        })
    }

    /// Draws lost files again.
    fn heal(&self) -> Healer {
        let redraw = Redraw {
            store: Arc::clone(&self.store) as _,
            files: Arc::clone(&self.upstreams.files),
            templates: Arc::clone(&self.templates),
            runtime: Arc::clone(&self.runtime),
        };
        let (heal, work) = healer(redraw, self.stop.clone());
        self.begin("healer", work);
        heal
    }

    /// Who is let in, by the tokens of the settings and of the store.
    fn access(&self, config: &Config, address: SocketAddr) -> Access {
        let (tokens, devices) = (Arc::clone(&self.store) as _, Arc::clone(&self.store) as _);
        self.begin("tokens", Arc::clone(&self.tokens).follow(tokens, devices, self.stop.clone()));
        let tokens = Arc::clone(&self.tokens);
        Access::new(&config.tokens, address, &config.http, tokens, Arc::new(SystemClock))
    }

    /// Runs a part until `stop`. If it ends earlier, by a panic or otherwise, the whole service ends.
    fn begin(&self, part: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, broken) = (self.stop.clone(), self.broken.clone());
        self.work.spawn(async move {
            let ended = tokio::spawn(task).await;
            if ended.is_err() || !stop.is_cancelled() {
                error!(part, "a part of the service ended unexpectedly");
                broken.cancel();
            }
        });
    }

    /// The upstream services that readiness reports: those that these roles need.
    fn watched(&self, roles: &[Role]) -> Vec<Watched> {
        let mut watched: Vec<Watched> = Vec::new();
        if roles.contains(&Role::Issue) {
            let keys = Arc::clone(&self.keys);
            watched.push(("keys".into(), Box::new(move || keys.trouble(SystemClock.now()))));
            let ordering = self.upstreams.ordering.clone();
            watched.push((
                "ordering".into(),
                Box::new(move || match &ordering {
                    Some(ordering) => ordering.trouble(),
                    None => Some("not configured: no order can be issued".into()),
                }),
            ));
            if let Some(identity) = self.upstreams.identity.clone() {
                watched.push(("identity".into(), Box::new(move || identity.trouble())));
            }
        }
        if roles.contains(&Role::Relay) {
            for destination in &self.upstreams.destinations {
                let destination = Arc::clone(destination);
                watched.push((destination.name().to_owned(), Box::new(move || destination.trouble())));
            }
        }
        watched
    }

    /// Consumes payments and deliveries from Kafka.
    fn consume(&self, config: &Config, ingest: &Arc<Ingest>) -> Result<Arc<KafkaConsumer>, CliError> {
        let consumer = Arc::new(KafkaConsumer::new(
            &config.kafka,
            config.pipeline.max_message.0,
            Arc::new(SystemClock),
        )?);
        let (reader, ingest, stop) = (Arc::clone(&consumer), Arc::clone(ingest), self.stop.clone());
        let positions: Arc<dyn Positions> = Arc::clone(&self.store) as _;
        self.begin("kafka-consumer", async move {
            if let Err(error) = reader.run(ingest, positions, stop).await {
                error!("the Kafka consumer ended: {error:#}");
            }
        });
        Ok(consumer)
    }

    /// Starts the pipeline from orders to tickets, and maintenance.
    fn issue(
        &self,
        config: &Config,
        environment: &[(String, String)],
        public_url: &str,
    ) -> Result<(), CliError> {
        let pipeline = wiring::pipeline(
            config,
            Arc::clone(&self.store),
            Arc::clone(&self.keys),
            &self.upstreams,
            Arc::clone(&self.templates),
            public_url,
            Arc::clone(&self.wake),
        )?;
        self.begin("pipeline", Arc::new(pipeline).run(self.stop.clone()));
        let maintenance = maintenance::maintain(
            Arc::clone(&self.store),
            Arc::clone(&self.upstreams.files),
            Arc::clone(&self.runtime),
            config.pipeline.clone(),
            self.stop.clone(),
        );
        self.begin("maintenance", maintenance);
        let reissuer = wiring::reissuer(
            config,
            Arc::clone(&self.store),
            Arc::clone(&self.keys),
            Arc::clone(&self.upstreams.files),
            Arc::clone(&self.templates),
            public_url,
            Arc::clone(&self.wake),
        );
        let jobs = KeyReissuer { store: Arc::clone(&self.store), reissuer, worker: wiring::worker_name() };
        self.begin("key-reissues", jobs.follow(Arc::clone(&self.runtime), self.stop.clone()));
        let cancellations = wiring::event_canceller(config, &self.store, Arc::clone(&self.wake));
        self.begin("event-cancellations", cancellations.follow(Arc::clone(&self.runtime), self.stop.clone()));
        let people =
            PeopleIndex { store: Arc::clone(&self.store) as _, secret: self.keys.current().secret.clone() };
        self.begin("people", index_people(people, Arc::clone(&self.runtime), self.stop.clone()));
        let follow = Arc::clone(&self.templates).follow(
            config.clone(),
            environment.to_vec(),
            Arc::clone(&self.runtime),
            self.stop.clone(),
        );
        self.begin("templates", follow);
        let count = gauges::count(Arc::clone(&self.store) as _, Arc::clone(&self.runtime), self.stop.clone());
        self.begin("gauges", count);
        let counts =
            counts::keep_counts(Arc::clone(&self.store) as _, Arc::clone(&self.runtime), self.stop.clone());
        self.begin("counts", counts);
        Ok(())
    }

    /// Removes the files of what is erased, and erases orders `after` their events.
    fn erase(&self, after: Option<Duration>) -> Option<Watched> {
        let eraser = Eraser { store: Arc::clone(&self.store) as _, files: Arc::clone(&self.upstreams.files) };
        let remove = remove_erased_files(eraser.clone(), Arc::clone(&self.runtime), self.stop.clone());
        self.begin("erased-files", remove);
        let retention = Arc::new(Retention::new(eraser, after?, Arc::clone(&self.runtime)));
        self.begin("retention", Arc::clone(&retention).run(self.stop.clone()));
        Some(("retention".into(), Box::new(move || retention.trouble())))
    }

    /// Relays events to each destination, and into the stream.
    fn relay(&self, config: &Config, head: tokio::sync::watch::Sender<i64>) {
        let (idle_poll, lease) = (config.pipeline.idle_poll, config.pipeline.lease);
        for destination in &self.upstreams.destinations {
            let relay = Relay {
                store: Arc::clone(&self.store) as _,
                destination: Arc::clone(destination),
                wake: Arc::clone(&self.wake),
                runtime: Arc::clone(&self.runtime),
                idle_poll,
                lease,
            };
            self.begin("relay", relay.run(self.stop.clone()));
        }
        let sequence = sequence(
            Arc::clone(&self.store) as _,
            Arc::clone(&self.wake),
            Arc::clone(&self.runtime),
            head,
            idle_poll,
            self.stop.clone(),
        );
        self.begin("sequencer", sequence);
    }
}

/// Whether a role stores or serves ticket files.
fn needs_files(role: Role) -> bool {
    matches!(role, Role::Http | Role::Issue)
}

/// Folds samples into histograms until `stop`.
async fn fold_metrics(metrics: PrometheusHandle, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(METRICS_UPKEEP) => metrics.run_upkeep(),
        }
    }
}

/// Probes the upstream services periodically, for readiness.
async fn probe(
    readiness: Arc<Readiness>,
    store: Arc<dyn Store>,
    files: Option<Arc<dyn Files>>,
    watched: Vec<Watched>,
    stop: CancellationToken,
) {
    let mut round = 0_u32;
    loop {
        let store = match tokio::time::timeout(PROBE_TIMEOUT, store.ping()).await {
            Ok(Ok(())) => PartState::Ok,
            Ok(Err(error)) if error.is_read_only() => {
                PartState::Down("is read-only: the server is a standby, or was demoted".into())
            }
            Ok(Err(error)) if error.takes_no_writes() => {
                PartState::Down("its file takes no writes: is the disk full, or read-only?".into())
            }
            Ok(Err(_)) => PartState::Down("cannot be reached".into()),
            Err(_) => PartState::Down("does not answer".into()),
        };
        note(&readiness, "store", store);
        if let Some(files) = files.as_ref().filter(|_| round.is_multiple_of(FILES_EVERY)) {
            note(&readiness, "files", look_at(files.as_ref()).await);
        }
        round = round.wrapping_add(1);
        for (name, trouble) in &watched {
            note(&readiness, name, trouble().map_or(PartState::Ok, PartState::Degraded));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PROBE_EVERY) => {}
        }
    }
}

/// Records the state of a part for readiness, and as a gauge.
fn note(readiness: &Readiness, part: &str, state: PartState) {
    let healthy = if state == PartState::Ok { 1.0 } else { 0.0 };
    metrics::gauge!("fulfillment_part_healthy", "part" => part.to_owned()).set(healthy);
    readiness.set(part, state, SystemClock.now());
}

/// Whether the storage answers, is still the same one, and took the last file.
async fn look_at(files: &dyn Files) -> PartState {
    match tokio::time::timeout(PROBE_TIMEOUT, files.marker()).await {
        // The reason names places of this machine; it is in the log.
        Ok(Ok(Some(_))) if files.trouble().is_some() => {
            PartState::Degraded("refused the last file; the log says why".into())
        }
        Ok(Ok(Some(_))) => PartState::Ok,
        Ok(Ok(None)) => PartState::Degraded("its marker is gone; is the right one mounted?".into()),
        Ok(Err(_)) => PartState::Degraded("cannot be reached".into()),
        Err(_) => PartState::Degraded("does not answer".into()),
    }
}
