//! The environment of one measurement: its own database, topics, Ordering server and service settings.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::kafka::Kafka;
use fulfillment_tests::payment::Payment;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::rig;
use fulfillment_tests::service::{Service, Setup};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::floor::sql;
use crate::ordering::Ordering;

const PARTITIONS: i32 = 6;
/// Payments that the producer has in flight while it fills a backlog.
pub(super) const IN_FLIGHT: usize = 4_000;
/// How long the service may take to stop.
const STOP: Duration = Duration::from_secs(40);

pub(crate) struct World {
    pub(crate) kafka: Kafka,
    pub(crate) database: Database,
    pub(crate) payments: String,
    pub(crate) issued: String,
    pub(crate) setup: Setup,
    /// Answers until it is dropped.
    _ordering: Ordering,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let (kafka, database, ordering) =
            (Kafka::connect()?, Database::create().await?, Ordering::start().await?);
        let payments = kafka.topic("payments", PARTITIONS).await?;
        let issued = kafka.topic("issued", PARTITIONS).await?;
        let setup = Setup::new()?
            .env("FULFILLMENT_STORE_URL", database.url())
            .env("FULFILLMENT_KAFKA_BROKERS", kafka.brokers())
            .env("FULFILLMENT_KAFKA_GROUP_ID", rig::unique("group"))
            .env("FULFILLMENT_KAFKA_PAYMENT_TOPIC", &payments)
            .env("FULFILLMENT_KAFKA_ISSUED_TOPIC", &issued)
            .env("FULFILLMENT_KAFKA_DELIVERED_TOPIC", kafka.topic("delivered", 1).await?)
            .env("FULFILLMENT_KAFKA_EVENT_CHANGED_TOPIC", kafka.topic("event-changed", 1).await?)
            .env("FULFILLMENT_KAFKA_DEAD_LETTER_TOPIC", kafka.topic("dead", 1).await?)
            .env("FULFILLMENT_ORDERING_URL", ordering.url())
            .env("FULFILLMENT_LOG_LEVEL", "warn");
        let world = Self { kafka, database, payments, issued, setup, _ordering: ordering };
        // Migrates the schema that the floors are measured with, and the service's own.
        world.migrate(&world.setup.clone().env("FULFILLMENT_STORE_SCHEMA", sql::SCHEMA)).await?;
        world.migrate(&world.setup).await?;
        Ok(world)
    }

    /// The same database and settings with empty topics, for another measurement.
    pub(crate) async fn with_other_topics(mut self) -> Result<Self> {
        self.payments = self.kafka.topic("payments", PARTITIONS).await?;
        self.issued = self.kafka.topic("issued", PARTITIONS).await?;
        self.setup = self
            .setup
            .env("FULFILLMENT_KAFKA_GROUP_ID", rig::unique("group"))
            .env("FULFILLMENT_KAFKA_PAYMENT_TOPIC", &self.payments)
            .env("FULFILLMENT_KAFKA_ISSUED_TOPIC", &self.issued);
        Ok(self)
    }

    async fn migrate(&self, setup: &Setup) -> Result<()> {
        let output = setup.run(&["migrate"]).await?;
        ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Sends payments of new orders, as fast as the broker accepts them.
    pub(crate) async fn pay(&self, count: usize) -> Result<()> {
        let payments = stream::iter(0..count).map(|_| async {
            let payment = Payment::of(rig::id());
            self.kafka.pay(&self.payments, &payment).await
        });
        payments.buffer_unordered(IN_FLIGHT).try_for_each(|_| async { Ok(()) }).await
    }

    /// The last number that the inbox assigned, 0 before the first: cheaper than counting rows.
    pub(crate) async fn inbox_head(&self) -> Result<usize> {
        let head = self.database.number("SELECT coalesce(max(id), 0) FROM bc_fulfillment.inbox").await?;
        Ok(usize::try_from(head)?)
    }

    /// How many of the service's connections are busy now.
    pub(crate) async fn busy_connections(&self) -> Result<usize> {
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fulfillment' \
                    AND datname = current_database() AND state <> 'idle'";
        Ok(usize::try_from(self.database.number(busy).await?)?)
    }
}

/// Stops the service cleanly.
pub(crate) async fn stop(mut service: Service) -> Result<()> {
    let status = service.stop(STOP).await.context("stopping the service")?;
    ensure!(status.success(), "the service ended with {status}:\n{}", service.log());
    Ok(())
}
