//! The fixture of most tests (a scene): an Ordering, a store, topics if needed, and a service with short delays.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::ending::Ending;
use crate::kafka::{Kafka, Message};
use crate::ordering::Ordering;
use crate::payment::Payment;
use crate::postgres::Database;
use crate::record::Record;
use crate::rig::OwnRig;
use crate::service::{Service, Setup};
use crate::wait::{begin, eventually};

/// How long a test waits for what must happen. Generous, because a slow machine is not the service's fault.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The maximum number of concurrent scenes. Each runs a process or two, and the tests use real clocks.
static STAGE: Semaphore = Semaphore::const_new(6);

/// A scene without the service, which [`Scene::start`] starts.
pub struct Scene {
    /// The first field, so that it is dropped while the database still exists: fields are dropped in this order.
    ending: Ending,
    /// How the service is started.
    pub setup: Setup,
    /// Its Ordering, and Identity where a test sets it.
    pub ordering: Ordering,
    /// Its database.
    pub record: Record,
    wire: Option<Wire>,
    _place: SemaphorePermit<'static>,
}

/// The topics between the service and its neighbours in a scene.
pub struct Wire {
    /// The broker.
    pub kafka: Kafka,
    /// The service's consumer group.
    pub group: String,
    /// `payment-succeeded`, with three partitions.
    pub payments: String,
    /// `ticket-issued`.
    pub issued: String,
    /// `ticket-voided`.
    pub voided: String,
    /// `ticket-reissued`.
    pub reissued: String,
    /// `payment-refunded`.
    pub refunded: String,
    /// `order-cancelled`.
    pub cancelled: String,
    /// `ticket-delivered`.
    pub delivered: String,
    /// `event-changed`.
    pub event_changed: String,
    /// `event-updated`.
    pub event_updated: String,
    /// `ticket-checked-in`.
    pub checked_in: String,
    /// `ticket-check-in-conflict`.
    pub conflicts: String,
    /// `payment-succeeded.dlq`.
    pub dead_letters: String,
}

impl Scene {
    /// The embedded default: SQLite, a folder, no Kafka.
    ///
    /// # Errors
    /// There is no temporary folder or free port.
    pub async fn embedded() -> Result<Self> {
        let place = STAGE.acquire().await?;
        begin();
        let ordering = Ordering::start().await?;
        let setup = Setup::new()?
            .env("FULFILLMENT_ORDERING_URL", ordering.url())
            .env("FULFILLMENT_ORDERING_TIMEOUT", "1s")
            .env("FULFILLMENT_PIPELINE_RETRY_FIRST", "50ms")
            .env("FULFILLMENT_PIPELINE_RETRY_LONGEST", "200ms")
            .env("FULFILLMENT_PIPELINE_IDLE_POLL", "50ms")
            .env("FULFILLMENT_PIPELINE_DRAIN", "5s")
            .env("FULFILLMENT_LOG_LEVEL", "info,fulfillment=debug");
        let record = Record::Sqlite(setup.data().join("fulfillment.db"));
        let ending = Ending::new(record.clone());
        Ok(Self { ending, setup, ordering, record, wire: None, _place: place })
    }

    /// The platform: PostgreSQL and Kafka.
    ///
    /// # Errors
    /// The rig is not running.
    pub async fn platform() -> Result<Self> {
        Self::embedded().await?.with_postgres().await?.with_kafka().await
    }

    /// Uses a new PostgreSQL database.
    ///
    /// # Errors
    /// The rig is not running.
    pub async fn with_postgres(mut self) -> Result<Self> {
        let database = Database::create().await?;
        self.set_database(database);
        Ok(self)
    }

    /// The same in a cluster of this test alone.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn with_postgres_of(mut self, rig: &OwnRig) -> Result<Self> {
        self.set_database(Database::create_at(rig.variable("RIG_POSTGRES")?).await?);
        Ok(self)
    }

    fn set_database(&mut self, database: Database) {
        self.setup = self.setup.clone().env("FULFILLMENT_STORE_URL", database.url());
        self.set_record(Record::Postgres(database));
    }

    /// Sets another database than the one [`Self::setup`] began with.
    pub fn set_record(&mut self, record: Record) {
        self.ending.record = record.clone();
        self.record = record;
    }

    /// Adds new topics.
    ///
    /// # Errors
    /// The rig is not running.
    pub async fn with_kafka(self) -> Result<Self> {
        self.with_topics(Kafka::connect()?).await
    }

    /// The same at a broker of this test alone.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn with_kafka_of(self, rig: &OwnRig) -> Result<Self> {
        self.with_topics(Kafka::at(rig.variable("RIG_KAFKA")?.to_owned())?).await
    }

    async fn with_topics(mut self, kafka: Kafka) -> Result<Self> {
        let wire = Wire {
            group: crate::rig::unique("group"),
            payments: kafka.topic("payment-succeeded", 3).await?,
            issued: kafka.topic("ticket-issued", 1).await?,
            voided: kafka.topic("ticket-voided", 1).await?,
            reissued: kafka.topic("ticket-reissued", 1).await?,
            refunded: kafka.topic("payment-refunded", 1).await?,
            cancelled: kafka.topic("order-cancelled", 1).await?,
            delivered: kafka.topic("ticket-delivered", 1).await?,
            event_changed: kafka.topic("event-changed", 1).await?,
            event_updated: kafka.topic("event-updated", 1).await?,
            checked_in: kafka.topic("ticket-checked-in", 1).await?,
            conflicts: kafka.topic("ticket-check-in-conflict", 1).await?,
            dead_letters: kafka.topic("dead-letters", 1).await?,
            kafka,
        };
        self.setup = self
            .setup
            .env("FULFILLMENT_KAFKA_BROKERS", wire.kafka.brokers())
            .env("FULFILLMENT_KAFKA_GROUP_ID", &wire.group)
            .env("FULFILLMENT_KAFKA_SESSION_TIMEOUT", "8s")
            .env("FULFILLMENT_KAFKA_PAYMENT_TOPIC", &wire.payments)
            .env("FULFILLMENT_KAFKA_ISSUED_TOPIC", &wire.issued)
            .env("FULFILLMENT_KAFKA_VOIDED_TOPIC", &wire.voided)
            .env("FULFILLMENT_KAFKA_REISSUED_TOPIC", &wire.reissued)
            .env("FULFILLMENT_KAFKA_REFUNDED_TOPIC", &wire.refunded)
            .env("FULFILLMENT_KAFKA_CANCELLED_TOPIC", &wire.cancelled)
            .env("FULFILLMENT_KAFKA_DELIVERED_TOPIC", &wire.delivered)
            .env("FULFILLMENT_KAFKA_EVENT_CHANGED_TOPIC", &wire.event_changed)
            .env("FULFILLMENT_KAFKA_EVENT_UPDATED_TOPIC", &wire.event_updated)
            .env("FULFILLMENT_KAFKA_CHECKED_IN_TOPIC", &wire.checked_in)
            .env("FULFILLMENT_KAFKA_CHECK_IN_CONFLICT_TOPIC", &wire.conflicts)
            .env("FULFILLMENT_KAFKA_DEAD_LETTER_TOPIC", &wire.dead_letters);
        self.wire = Some(wire);
        Ok(self)
    }

    /// Sets one more variable of the service.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.setup = self.setup.env(name, value);
        self
    }

    /// The topics.
    ///
    /// # Errors
    /// The scene has no topics.
    pub fn wire(&self) -> Result<&Wire> {
        self.wire.as_ref().context("the scene has no Kafka")
    }

    /// The PostgreSQL database.
    ///
    /// # Errors
    /// The scene has another store.
    pub fn database(&self) -> Result<&Database> {
        match &self.record {
            Record::Postgres(database) => Ok(database),
            Record::Sqlite(_) => anyhow::bail!("the scene has no PostgreSQL"),
        }
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// It does not become ready; the error has its log.
    pub async fn start(&self) -> Result<Service> {
        self.setup.start().await
    }

    /// Waits until no work is left, then checks consistency: each ticket has its file as recorded and exactly one
    /// event, no file is without a ticket, and no repeated event differs.
    ///
    /// # Errors
    /// The inconsistencies.
    pub async fn settled(&self, service: &Service) -> Result<()> {
        let fits = async {
            self.idle().await?;
            self.files_fit(service).await?;
            self.events_fit().await
        };
        fits.await.inspect_err(|_| self.ending.failed())
    }

    /// Waits until no work is left.
    ///
    /// # Errors
    /// Work that is left after [`PATIENCE`].
    pub async fn idle(&self) -> Result<()> {
        let mut left = Vec::new();
        let done = eventually(PATIENCE, "no work left", async || {
            left = self.record.left().await?;
            Ok(left.is_empty().then_some(()))
        })
        .await;
        done.with_context(|| left.join(", "))
    }

    /// States why the test ends with unfinished work. Without it, such a scene panics at its end.
    pub fn leaves(&self, why: &'static str) {
        self.ending.leaves(why);
    }

    /// Checks that each file is its ticket's, byte for byte; a folder must have no other files.
    async fn files_fit(&self, service: &Service) -> Result<()> {
        let folder = self.tickets_folder();
        if !folder.is_dir() {
            return self.downloads_fit(service).await;
        }
        let mut files = 0;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "pdf") {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str()).context("a file's name")?;
            let id = name.split('.').next().unwrap_or_default();
            let recorded = service.get_json(&format!("/tickets/{id}")).await?;
            if recorded["ticketPdfPath"] != name && (recorded["generation"] != 0 || name.contains(".g")) {
                continue; // of an earlier generation, or of one that was never completed
            }
            if matches!(recorded["status"].as_str(), Some("Pending" | "Failed")) {
                continue; // stored by an attempt that died before it was recorded; the next attempt writes it again
            }
            files += 1;
            let found = hex::encode(Sha256::digest(std::fs::read(&path)?));
            ensure!(recorded["sha256"] == found, "{id}.pdf is not the file that is recorded");
        }
        let generated = "SELECT count(*) FROM tickets WHERE status IN ('Generated', 'Delivered') \
                         AND erased_at IS NULL";
        let generated = self.record.number(generated).await?;
        ensure!(files == generated, "{files} files for {generated} tickets");
        Ok(())
    }

    /// For an object store: checks that each ticket recorded as having a file can be downloaded as recorded.
    async fn downloads_fit(&self, service: &Service) -> Result<()> {
        let select = "SELECT CAST(id AS TEXT) AS id FROM tickets \
                      WHERE status IN ('Generated', 'Delivered') AND voided_at IS NULL \
                      AND erased_at IS NULL";
        for id in self.record.texts(select).await? {
            let recorded = service.get_json(&format!("/tickets/{id}")).await?;
            let pdf = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
            let found = hex::encode(Sha256::digest(&pdf));
            ensure!(recorded["sha256"] == found, "{id}.pdf is not the file that is recorded");
        }
        Ok(())
    }

    /// Checks that the topic has an event for each one recorded, and that repeats are equal byte for byte.
    async fn events_fit(&self) -> Result<()> {
        let Some(wire) = &self.wire else { return Ok(()) };
        let mut seen: std::collections::HashMap<String, Vec<u8>> = std::collections::HashMap::new();
        for message in wire.kafka.all(&wire.issued).await? {
            let id = message.header("ce_id").context("an event without ce_id")?;
            let value = message.value.context("an event without a value")?;
            if let Some(before) = seen.insert(id.clone(), value.clone()) {
                ensure!(before == value, "the event {id} is repeated in other words");
            }
        }
        let select = "SELECT count(*) FROM outbox WHERE kind = 'ticket-issued' AND NOT EXISTS (SELECT 1 \
                      FROM outbox_delivery d WHERE d.outbox_id = outbox.id AND d.state = 'suppressed')";
        let recorded = self.record.number(select).await?;
        let seen = i64::try_from(seen.len())?;
        ensure!(seen == recorded, "{seen} events on the topic, {recorded} in the record");
        Ok(())
    }

    /// The folder of tickets, unless a test has set another.
    #[must_use]
    pub fn tickets_folder(&self) -> PathBuf {
        self.setup.data().join("tickets")
    }
}

impl Wire {
    /// Pays as Payment does. Returns partition and offset.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn pay(&self, payment: &Payment) -> Result<(i32, i64)> {
        self.kafka.pay(&self.payments, payment).await
    }

    /// Waits for events of this many different tickets, and returns the first of each, in order of arrival.
    ///
    /// # Errors
    /// They did not arrive in time.
    pub async fn issued(&self, tickets: usize) -> Result<Vec<Message>> {
        let distinct = |messages: &[Message]| {
            let ids: HashSet<_> = messages.iter().map(|message| message.header("ce_subject")).collect();
            ids.len()
        };
        let all = self.kafka.read(&self.issued, PATIENCE, |seen| distinct(seen) >= tickets).await?;
        let mut known = HashSet::new();
        Ok(all.into_iter().filter(|message| known.insert(message.header("ce_subject"))).collect())
    }

    /// Waits for this many messages of a topic of events.
    ///
    /// # Errors
    /// They did not arrive in time.
    pub async fn told(&self, topic: &str, count: usize) -> Result<Vec<Message>> {
        self.kafka.read(topic, PATIENCE, |seen| seen.len() >= count).await
    }

    /// Waits for this many dead letters.
    ///
    /// # Errors
    /// They did not arrive in time.
    pub async fn dead(&self, count: usize) -> Result<Vec<Message>> {
        self.kafka.read(&self.dead_letters, PATIENCE, |seen| seen.len() >= count).await
    }

    /// Waits until the group has committed everything in the topic of payments.
    ///
    /// # Errors
    /// It did not in time.
    pub async fn caught_up(&self) -> Result<()> {
        let ends = self.kafka.ends(&self.payments).await?;
        let mut stands = BTreeMap::new();
        let read = eventually(PATIENCE, "the group has read everything", async || {
            stands = self.kafka.committed(&self.group, &self.payments).await?;
            let done = ends
                .iter()
                .filter(|(_, (low, high))| low < high)
                .all(|(id, (_, high))| stands.get(id) == Some(high));
            Ok(done.then_some(()))
        });
        let read = read.await;
        read.with_context(|| format!("partitions have {ends:?}, the group stands at {stands:?}"))
    }
}

impl Service {
    /// Waits until the order is in this state, and returns its record.
    ///
    /// # Errors
    /// It is not in that state after [`PATIENCE`]; the error contains the record.
    pub async fn order_in(&self, order: Uuid, state: &str) -> Result<Value> {
        self.order_when(order, state, |record| record["state"] == state).await
    }

    /// Waits until `fits` accepts the order's record, and returns it.
    ///
    /// # Errors
    /// It does not fit after [`PATIENCE`]; the error contains the record.
    pub async fn order_when(&self, order: Uuid, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Value::Null;
        let found = eventually(PATIENCE, what, async || {
            let response = self.get(&format!("/orders/{order}")).await?;
            // Not there yet, or told to come back: the service has no connection to its store just now.
            if matches!(response.status().as_u16(), 404 | 503) {
                return Ok(None);
            }
            last = response.error_for_status()?.json().await?;
            Ok(fits(&last).then(|| last.clone()))
        })
        .await;
        found.with_context(|| format!("order {order}: {last}"))
    }

    /// Pays over HTTP; returns the status and the body.
    ///
    /// # Errors
    /// There was no answer, or it is not JSON.
    pub async fn pay(&self, json: impl Into<String>) -> Result<(u16, Value)> {
        let response = self.post("/events/payment-succeeded", json).await?;
        Ok((response.status().as_u16(), response.json().await?))
    }
}
