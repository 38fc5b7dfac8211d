//! The environment of the door's figures: a service with one store, and one event with many tickets.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use fulfillment_tests::payment::Payment;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::rig;
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use serde_json::Value;

use super::filling;
use super::sql::Sql;
use crate::floor::sql::SCHEMA;
use crate::ordering::Ordering;

/// The service's schema on PostgreSQL.
pub(crate) const OWN_SCHEMA: &str = "bc_fulfillment";

/// A token that may check in and see no names, as a steward's device.
pub(crate) const STEWARD: &str = "a-stewards-token-of-at-least-32-characters";

const LIMIT: Duration = Duration::from_secs(60);

/// The store that the service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// `PostgreSQL`
    Postgres,
    /// `SQLite`
    Sqlite,
}

impl Store {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) setup: Setup,
    pub(crate) service: Service,
    /// None for SQLite.
    pub(crate) database: Option<Database>,
    pub(crate) event: String,
    /// The event's number.
    pub(crate) number: u32,
    /// The codes of tickets that are not void and were not shown yet.
    pub(crate) codes: Vec<String>,
    /// A ticket that is not void; the service has issued it itself.
    pub(crate) own_ticket: String,
}

impl World {
    /// Lets the service issue one order, and fills the store with copies of its ticket, each with an id and a signed code
    /// of its own; one in fifty is void.
    pub(crate) async fn new(store: Store, tickets: usize) -> Result<Self> {
        let ordering = Ordering::start().await?;
        let mut setup = Setup::new()?
            .env("FULFILLMENT_ORDERING_URL", ordering.url())
            .env("FULFILLMENT_LOG_LEVEL", "warn")
            // The gates share one token; in production each device has its own.
            .env("FULFILLMENT_HTTP_TOKEN_REQUESTS", "0");
        let steward = format!("[[token]]\nname = \"gates\"\ntoken = \"{STEWARD}\"\nscopes = [\"door\"]\n");
        std::fs::write(setup.data().join("fulfillment.toml"), steward)?;
        let mut database = None;
        if store == Store::Postgres {
            let own = Database::create().await?;
            setup = setup.env("FULFILLMENT_STORE_URL", own.url());
            database = Some(own);
        }
        let mut service = setup.start().await?;
        let ticket = issue(&service).await?;
        let text = |field: &str| ticket[field].as_str().map(str::to_owned).with_context(|| field.to_owned());
        let (id, event, code) = (text("id")?, text("eventId")?, text("qrCodeData")?);
        stop(&mut service).await?;

        let mut db = connect(store, &setup, database.as_ref()).await?;
        let filled = filling::fill(&mut db, &setup, &id, &code, tickets).await?;
        let service = setup.start().await?;
        let (number, codes) = (filled.number, filled.codes);
        Ok(Self { store, setup, service, database, event, number, codes, own_ticket: id })
    }

    /// A connection to the service's database.
    pub(crate) async fn connect(&self) -> Result<Sql> {
        connect(self.store, &self.setup, self.database.as_ref()).await
    }

    /// The sequence of the event's last check-in.
    pub(crate) async fn last_check_in(&self, db: &mut Sql) -> Result<i64> {
        let number = self.number;
        let sql = format!("SELECT coalesce(max(sequence), 0) FROM check_ins WHERE event_number = {number}");
        db.number(&sql).await
    }

    /// Empty tables of the same migrations, in another schema or file.
    pub(crate) async fn empty_copy(&self) -> Result<Sql> {
        let file = self.setup.data().join("floor.db");
        let setup = match self.store {
            Store::Postgres => self.setup.clone().env("FULFILLMENT_STORE_SCHEMA", SCHEMA),
            Store::Sqlite => {
                self.setup.clone().env("FULFILLMENT_STORE_URL", format!("sqlite://{}", file.display()))
            }
        };
        let output = setup.run(&["migrate"]).await?;
        ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
        if let Some(database) = &self.database {
            return Sql::postgres(database, SCHEMA).await;
        }
        let mut db = Sql::sqlite(&file).await?;
        db.execute(&format!("ATTACH '{}' AS src", own_file(&self.setup).display())).await?;
        Ok(db)
    }

    /// What qualifies the names of the service's tables in the connection of [`Self::empty_copy`].
    pub(crate) fn source(&self) -> &'static str {
        if self.store == Store::Postgres { OWN_SCHEMA } else { "src" }
    }
}

fn own_file(setup: &Setup) -> PathBuf {
    setup.data().join("fulfillment.db")
}

pub(crate) async fn connect(store: Store, setup: &Setup, database: Option<&Database>) -> Result<Sql> {
    match (store, database) {
        (Store::Postgres, Some(database)) => Sql::postgres(database, OWN_SCHEMA).await,
        _ => Sql::sqlite(&own_file(setup)).await,
    }
}

/// Pays one order over HTTP, and answers with the record of its first ticket.
pub(crate) async fn issue(service: &Service) -> Result<Value> {
    let order = rig::id();
    let response = service.post("/events/payment-succeeded", Payment::of(order).json()).await?;
    ensure!(response.status().is_success(), "{}", response.text().await?);
    let issued = async || {
        let response = service.get(&format!("/orders/{order}")).await?;
        if response.status() == 404 {
            return Ok(None);
        }
        let record: Value = response.error_for_status()?.json().await?;
        Ok((record["state"] == "issued").then(|| record["tickets"][0].clone()))
    };
    eventually(LIMIT, "the order is issued", issued).await
}

/// Stops the service cleanly.
pub(crate) async fn stop(service: &mut Service) -> Result<()> {
    let status = service.stop(LIMIT).await.context("stopping the service")?;
    ensure!(status.success(), "the service ended with {status}:\n{}", service.log());
    Ok(())
}
