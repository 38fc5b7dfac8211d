//! Tests of the HTTP API from a client's view, on a real embedded store.

mod access;
mod audit;
mod cors;
mod description;
mod door_feed;
mod door_news;
mod events;
mod health;
mod links;
mod lists;
mod order_file;
mod payments;
mod reissues;
mod resends;
mod scopes;
mod status;
mod stored_tokens;
mod tickets;
mod withdrawals;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use fulfillment_config::{CodeFormat, Config};
use fulfillment_document::PdfRenderer;
use fulfillment_domain::clock::FixedClock;
use fulfillment_domain::links::LinkSecrets;
use fulfillment_domain::{Clock, Secret, Spelling, Ticket, TicketId};
use fulfillment_pipeline::Publishing;
use fulfillment_pipeline::door::Doors;
use fulfillment_pipeline::keyring::{Keyring, Keys};
use fulfillment_pipeline::operations::event_record::EventDesk;
use fulfillment_pipeline::operations::links::Linker;
use fulfillment_pipeline::operations::reissue::Reissuer;
use fulfillment_pipeline::operations::resend::Resender;
use fulfillment_pipeline::operations::void::Voider;
use fulfillment_pipeline::ports::{Accept, Files, FilesError, Heal, Lag, NewFile, PartitionLag};
use fulfillment_pipeline::runtime::SystemRuntime;
use fulfillment_pipeline::stages::read_back::ReadBack;
use fulfillment_pipeline::templates::{TemplateRegistry, Templates};
use fulfillment_store::conformance::fixtures;
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{
    DeadLetterRoute, Inbox, Incoming, IngestOutcome, Installation, OrderQueue, StoreError,
};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use super::{Access, Api, Limits, Readiness, StoredTokens, router};

/// The content of a ticket's file.
const PDF: &[u8] = b"%PDF-1.7 ten bytes and a few more";

/// The HTTP API and its dependencies.
struct App {
    router: Router,
    /// The router of a process without the HTTP role.
    operations: Router,
    store: Arc<SqliteStore>,
    files: Arc<Shelf>,
    healed: Arc<Healed>,
    inbox: Arc<Inbound>,
    tokens: Arc<stored_tokens::Line>,
    readiness: Arc<Readiness>,
    head: watch::Sender<i64>,
    stop: CancellationToken,
    links: LinkSecrets,
    dir: TempDir,
}

/// A response, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Checks that this is a complete problem document, of this status and type.
    #[track_caller]
    fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], format!("urn:fulfillment:problem:{kind}"));
        assert_eq!(body["status"], status);
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
    }
}

impl App {
    /// On a loopback address, without tokens.
    async fn open() -> Self {
        Self::with("").await
    }

    /// With these lines of configuration.
    async fn with(toml: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("fulfillment.toml");
        std::fs::write(&file, toml).unwrap();
        let config = Config::load(Some(&file), []).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock("2026-11-22T20:00:00Z".parse().unwrap()));
        let store = Arc::new(SqliteStore::open(&dir.path().join("f.db"), Arc::clone(&clock)).await.unwrap());
        store.migrate().await.unwrap();
        let (files, healed) = (Arc::new(Shelf::default()), Arc::new(Healed::default()));
        let inbox = Arc::new(Inbound {
            store: Arc::clone(&store),
            broken: AtomicBool::new(false),
            slow: AtomicBool::new(false),
        });
        let (readiness, stop) = (Arc::new(Readiness::default()), CancellationToken::new());
        let (head, positions) = watch::channel(0);
        let secret = Secret::new([9; 32]);
        let keys = dir.path().join("keys");
        let keyring = Keyring::create(&keys, None, clock.now()).unwrap();
        let links = keyring.links.clone();
        let renderer = Arc::new(PdfRenderer::with_fonts(Vec::new()).unwrap());
        let registry = TemplateRegistry::read(&config).unwrap();
        let templates = Arc::new(Templates::new(renderer, Arc::clone(&store) as _, registry).await.unwrap());
        let keys = Arc::new(Keys::new(keyring, keys, None, None));
        let reissuer = Reissuer {
            store: Arc::clone(&store) as _,
            files: Arc::clone(&files) as _,
            templates: Arc::clone(&templates),
            keys: Arc::clone(&keys),
            secret,
            clock: Arc::clone(&clock),
            runtime: Arc::new(SystemRuntime),
            code: CodeFormat::Tk1,
            read_back: ReadBack(1),
            publishing: Publishing {
                spelling: Spelling::Camel,
                public_url: "https://tickets.example".into(),
                destinations: Vec::new(),
                of_events: Arc::default(),
            },
            wake: Arc::default(),
        };
        let resender = Resender {
            store: Arc::clone(&store) as _,
            keys: Arc::clone(&keys),
            clock: Arc::clone(&clock),
            publishing: Publishing {
                destinations: vec!["kafka".into(), "webhook:mailer".into()],
                ..reissuer.publishing.clone()
            },
            wake: Arc::default(),
        };
        let linker = linker(&config, &keys, &clock);
        let voider =
            Voider { store: Arc::clone(&store) as _, announcing: fixtures::quietly(), wake: Arc::default() };
        let events = EventDesk {
            store: Arc::clone(&store) as _,
            announcing: fixtures::quietly(),
            wake: Arc::default(),
        };
        let doors = Doors::new(Arc::clone(&store) as _, fixtures::quietly(), Arc::default());
        let (trail, writer) = crate::Trail::new(Arc::clone(&clock));
        tokio::spawn(writer.run(Arc::clone(&store) as _, stop.clone()));
        let tokens =
            Arc::new(stored_tokens::Line { store: Arc::clone(&store), broken: AtomicBool::new(false) });
        let stored = Arc::new(StoredTokens::read(tokens.as_ref(), store.as_ref()).await.unwrap());
        let follow =
            Arc::clone(&stored).follow(Arc::clone(&tokens) as _, Arc::clone(&store) as _, stop.clone());
        tokio::spawn(follow);
        let api = Api {
            reissuer,
            resender,
            linker,
            voider,
            doors,
            events,
            store: Arc::clone(&store) as _,
            files: Arc::clone(&files) as _,
            accept: Arc::clone(&inbox) as _,
            heal: Arc::clone(&healed) as _,
            trail,
            access: Access::new(&config.tokens, config.http.listen, &config.http, stored, Arc::clone(&clock)),
            clock,
            keys,
            templates,
            readiness: Arc::clone(&readiness),
            lag: Some(Arc::new(Behind) as _),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            head: positions,
            followed: crate::FollowedDoors::new(Arc::clone(&store) as _),
            limits: Limits::new(&config.http, &config.pipeline),
            stop: stop.clone(),
        };
        let api = Arc::new(api);
        let (router, operations) = (router(Arc::clone(&api), true), router(api, false));
        Self { router, operations, store, files, healed, inbox, tokens, readiness, head, stop, links, dir }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// GET with headers.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(request("GET", path, headers, "")).await
    }

    async fn pay(&self, body: impl Into<Body>) -> Answer {
        let json = [("content-type", "application/json")];
        self.ask(request("POST", "/events/payment-succeeded", &json, body)).await
    }

    /// An order with one ticket whose file is stored.
    async fn issued(&self) -> Ticket {
        let claim = fixtures::claimed(self.store.as_ref(), 1).await.remove(0);
        let mut freeze = fixtures::freeze(&claim, 1);
        freeze.tickets[0].code.generation = 0;
        let outcome = self.store.freeze(&[freeze]).await.unwrap().remove(0);
        let tickets = fixtures::frozen(outcome);
        let mut completion = fixtures::completion(&claim, &tickets, &[]);
        let ticket = &mut completion.generated[0].ticket;
        ticket.document.sha256 = Some(Sha256::digest(PDF).into());
        ticket.document.size = Some(PDF.len() as u64);
        let ticket = ticket.clone();
        assert_eq!(self.store.complete(&[completion]).await.unwrap(), [true]);
        self.files.insert(&ticket.file_name(), PDF);
        ticket
    }

    fn signed(&self, ticket: &Ticket) -> String {
        format!(
            "/tickets/{}.pdf?s={}",
            ticket.id,
            self.links.sign(ticket.id, ticket.code.generation, Timestamp::MAX)
        )
    }
}

fn linker(config: &Config, keys: &Arc<Keys>, clock: &Arc<dyn Clock>) -> Linker {
    Linker {
        keys: Arc::clone(keys),
        public_url: "https://tickets.example".into(),
        life: config.http.links_expire_after,
        clock: Arc::clone(clock),
    }
}

/// A request of this machine's user, unless a header says otherwise.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "localhost:5004");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// Files in memory; `broken` makes them unreachable.
#[derive(Default)]
struct Shelf {
    files: Mutex<HashMap<String, Bytes>>,
    broken: AtomicBool,
}

impl Shelf {
    fn insert(&self, name: &str, content: &'static [u8]) {
        self.files.lock().unwrap().insert(name.to_owned(), Bytes::from_static(content));
    }
}

#[async_trait]
impl Files for Shelf {
    async fn create(&self, file: NewFile) -> Result<(), FilesError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(FilesError::Trouble("away".into()));
        }
        let mut kept = self.files.lock().unwrap();
        let there = kept.entry(file.name.clone()).or_insert_with(|| file.content.clone());
        let taken = || FilesError::OtherContent { what: file.name, version: None };
        if *there == file.content { Ok(()) } else { Err(taken()) }
    }

    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<(), FilesError>> {
        let mut kept = self.files.lock().unwrap();
        files
            .into_iter()
            .map(|f| {
                kept.insert(f.name, f.content);
            })
            .map(Ok)
            .collect()
    }

    async fn replace(&self, file: NewFile, _: Option<String>) -> Result<(), FilesError> {
        self.put(vec![file]).await.into_iter().collect()
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, FilesError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(FilesError::Trouble("away".into()));
        }
        Ok(self.files.lock().unwrap().get(name).cloned())
    }

    async fn remove(&self, names: &[String]) -> Result<(), FilesError> {
        self.files.lock().unwrap().retain(|name, _| !names.contains(name));
        Ok(())
    }

    async fn marker(&self) -> Result<Option<Uuid>, FilesError> {
        Ok(None)
    }

    async fn mark(&self, _: Uuid) -> Result<(), FilesError> {
        Ok(())
    }

    async fn sweep(&self, _: Duration) -> Result<u64, FilesError> {
        Ok(0)
    }

    fn describe(&self) -> String {
        "memory".into()
    }
}

/// A consumer that is behind.
struct Behind;

impl Lag for Behind {
    fn lag(&self) -> Vec<PartitionLag> {
        vec![PartitionLag { topic: "payment-succeeded".into(), partition: 2, messages: 7 }]
    }
}

/// Records the requests to draw files again.
#[derive(Default)]
struct Healed(Mutex<Vec<TicketId>>);

impl Heal for Healed {
    fn heal(&self, id: TicketId) {
        self.0.lock().unwrap().push(id);
    }
}

/// Writes messages straight into the store; `broken` makes it unreachable, `slow` makes it answer nothing.
struct Inbound {
    store: Arc<SqliteStore>,
    broken: AtomicBool,
    slow: AtomicBool,
}

#[async_trait]
impl Accept for Inbound {
    async fn accept(&self, batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        if self.slow.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.store.ingest(&batch, &DeadLetterRoute::default(), &fixtures::quietly()).await
    }
}
