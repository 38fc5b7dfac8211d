//! The checker: compares the ledger of payments with the records, files and events of an idle service, seen from
//! outside.
//!
//! [`World::look`] collects the state, [`World::violations`] checks it: a pure function, so that it can be tested with
//! faulty worlds.

mod doors;
mod money;
mod orders;
mod said;
mod taken;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
pub use doors::{CheckIn, Doors, check_doors};
use fulfillment_credential::{KeySet, VerifyOptions, read::codes_in_pdf, verify};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
pub use taken::Word;
use uuid::Uuid;

use crate::kafka::Message;
use crate::ledger::{Ledger, Paid};
use crate::scene::Scene;
use crate::service::Service;

/// How many files have their codes read as a scanner reads them; for the others, only the hash is compared.
const SCANNED: usize = 6;

/// A ticket's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The hash of its bytes.
    pub sha256: String,
    /// The code on its page; `None` if the file was not scanned.
    pub code: Option<String>,
}

/// The state of a service as seen from outside.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What the broker acknowledged.
    pub paid: Vec<Paid>,
    /// Each order's record, for the orders of the ledger.
    pub orders: BTreeMap<Uuid, Value>,
    /// The orders of all tickets that are recorded.
    pub ticketed: BTreeSet<String>,
    /// The keys of all payments that are recorded.
    pub payments: BTreeSet<String>,
    /// The files in the folder of tickets, by name.
    pub files: BTreeMap<String, Seen>,
    /// Codes that the published keys do not verify.
    pub unverified: Vec<String>,
    /// The messages of each topic of events, in the order of its partitions.
    pub events: Vec<Vec<Message>>,
    /// The last voids and reinstatements by an operator, by ticket id.
    pub words: BTreeMap<String, Word>,
    /// The offsets that the group has committed, by partition.
    pub committed: BTreeMap<i32, i64>,
    /// The number of claimed orders and events.
    pub leases: i64,
}

impl World {
    /// Collects everything.
    ///
    /// # Errors
    /// A request or query fails.
    pub async fn look(scene: &Scene, service: &Service, ledger: &Ledger) -> Result<Self> {
        let mut world = Self { paid: ledger.paid().to_vec(), ..Self::default() };
        for paid in ledger.paid() {
            let answer = service.get(&format!("/orders/{}", paid.order)).await?;
            if answer.status() != 404 {
                world.orders.insert(paid.order, answer.error_for_status()?.json().await?);
            }
        }
        let record = &scene.record;
        let tickets = "SELECT DISTINCT CAST(order_id AS TEXT) AS id FROM tickets";
        world.ticketed = record.texts(tickets).await?.into_iter().collect();
        world.payments = record.texts("SELECT key FROM payments").await?.into_iter().collect();
        let lent = "(SELECT count(*) FROM orders WHERE worker IS NOT NULL) \
                    + (SELECT count(*) FROM outbox_delivery WHERE state = 'pending')";
        world.leases = record.number(lent).await?;
        world.files = files(scene)?;
        world.unverified = world.codes_that_do_not_verify(service).await?;
        let wire = scene.wire()?;
        for topic in [&wire.issued, &wire.reissued, &wire.voided] {
            world.events.push(wire.kafka.all(topic).await?);
        }
        world.committed = wire.kafka.committed(&wire.group, &wire.payments).await?;
        Ok(world)
    }

    #[expect(clippy::disallowed_methods, reason = "a test plays the door, whose clock runs")]
    async fn codes_that_do_not_verify(&self, service: &Service) -> Result<Vec<String>> {
        let keys = service.get_json("/.well-known/ticket-keys.json").await?;
        let keys = KeySet::from_jwks(&keys).context("the published keys")?;
        let now = Timestamp::now().as_second();
        let valid = |code: &&String| verify(code, &keys, now, &VerifyOptions::default()).is_valid();
        let codes: Vec<String> =
            self.tickets().filter_map(|t| Some(t["qrCodeData"].as_str()?.to_owned())).collect();
        Ok(codes.iter().filter(|code| !valid(code)).cloned().collect())
    }

    fn tickets(&self) -> impl Iterator<Item = &Value> {
        self.orders.values().flat_map(|order| list(order, "tickets"))
    }

    /// Everything that violates a promise; empty if nothing does.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.every_payment_has_its_tickets(&mut found);
        self.nothing_comes_from_nowhere(&mut found);
        self.nothing_is_twice(&mut found);
        self.payments_are_what_was_paid(&mut found);
        self.too_much_money_is_listed(&mut found);
        self.generated_means_a_file(&mut found);
        self.every_ticket_was_announced(&mut found);
        self.nothing_lives_after_its_void(&mut found);
        self.every_void_has_its_cause(&mut found);
        self.refunds_void_as_many_as_they_say(&mut found);
        self.offsets_follow_the_inbox(&mut found);
        if self.leases != 0 {
            found.push(format!("{} leases are left", self.leases));
        }
        found
    }

    /// The file of every generated ticket exists as recorded, and no other file does, except those of generations that
    /// were live before or were never completed.
    fn generated_means_a_file(&self, found: &mut Vec<String>) {
        let mut known = BTreeSet::new();
        for ticket in self.tickets() {
            let id = ticket["id"].as_str().unwrap_or_default();
            let name = ticket["ticketPdfPath"].as_str().unwrap_or_default();
            match (has_file(ticket), self.files.get(name)) {
                (true, None) => found.push(format!("ticket {id}: generated, and has no file")),
                (true, Some(file)) => {
                    if ticket["sha256"] != file.sha256 {
                        found.push(format!("ticket {id}: its file is not the one recorded"));
                    }
                    if file.code.as_ref().is_some_and(|code| ticket["qrCodeData"] != code.as_str()) {
                        found.push(format!("ticket {id}: the code on its page is another"));
                    }
                }
                // A file that was stored but not yet recorded is written again by the next attempt.
                (false, _) => {}
            }
            known.insert(id);
        }
        let of = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        found.extend(
            self.files
                .keys()
                .filter(|name| !known.contains(of(name).as_str()))
                .map(|name| format!("{name}: nobody's file")),
        );
        found.extend(self.unverified.iter().map(|code| format!("{code}: does not verify")));
    }

    fn nothing_lives_after_its_void(&self, found: &mut Vec<String>) {
        for (order, record) in self.orders.iter().filter(|(_, record)| record["state"] == "voided") {
            found.extend(
                live(record)
                    .map(|ticket| format!("order {order}: voided, and ticket {} lives", ticket["id"])),
            );
        }
    }

    /// Everything up to the group's committed offsets is recorded.
    fn offsets_follow_the_inbox(&self, found: &mut Vec<String>) {
        found.extend(ahead(&self.paid, &self.committed, &self.payments));
    }
}

/// The entries of a list in a record; none if there is no such list.
fn list<'a>(record: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    record[name].as_array().into_iter().flatten()
}

/// An order's tickets that are not void.
fn live(order: &Value) -> impl Iterator<Item = &Value> {
    list(order, "tickets").filter(|ticket| ticket["voidedAt"].is_null())
}

/// Whether a ticket's record states that it has its file.
fn has_file(ticket: &Value) -> bool {
    matches!(ticket["status"].as_str(), Some("Generated" | "Delivered"))
}

/// Payments whose offsets are committed but that are not recorded.
fn ahead<'a>(
    paid: &'a [Paid],
    committed: &'a BTreeMap<i32, i64>,
    payments: &'a BTreeSet<String>,
) -> impl Iterator<Item = String> + 'a {
    let done = |paid: &&Paid| committed.get(&paid.at.0).is_some_and(|next| paid.at.1 < *next);
    let missing = |paid: &&Paid| !payments.contains(&paid.key);
    paid.iter()
        .filter(done)
        .filter(missing)
        .map(|paid| format!("payment {}: its offset is committed, and it is not recorded", paid.key))
}

/// Checks the one promise that holds at every moment, also just after a kill: offsets are not ahead of the inbox.
///
/// # Errors
/// They are ahead.
pub async fn offsets_are_not_ahead(scene: &Scene, ledger: &Ledger) -> Result<()> {
    let wire = scene.wire()?;
    let committed = wire.kafka.committed(&wire.group, &wire.payments).await?;
    let payments = if committed.is_empty() {
        BTreeSet::new()
    } else {
        scene.record.texts("SELECT key FROM payments").await?.into_iter().collect()
    };
    let ahead: Vec<String> = ahead(ledger.paid(), &committed, &payments).collect();
    ensure!(ahead.is_empty(), "{ahead:#?}");
    Ok(())
}

/// The ticket files, some of them scanned.
fn files(scene: &Scene) -> Result<BTreeMap<String, Seen>> {
    let mut files = BTreeMap::new();
    let folder = scene.tickets_folder();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "pdf") {
            continue;
        }
        let content = std::fs::read(&path)?;
        let code = if files.len() < SCANNED {
            // A page that cannot be read has no matching code.
            Some(codes_in_pdf(&content).unwrap_or_default().join(" "))
        } else {
            None
        };
        files.insert(name, Seen { sha256: hex::encode(Sha256::digest(&content)), code });
    }
    Ok(files)
}

/// Waits until every order is issued, then checks everything: for temporary faults and orders that Ordering knows.
///
/// # Errors
/// The violated promises.
pub async fn check_issued(scene: &Scene, service: &Service, ledger: &Ledger) -> Result<()> {
    for paid in ledger.paid() {
        service.order_in(paid.order, "issued").await?;
    }
    check(scene, service, ledger).await
}

/// Waits until the service is idle, then checks everything.
///
/// # Errors
/// The violated promises.
pub async fn check(scene: &Scene, service: &Service, ledger: &Ledger) -> Result<()> {
    for paid in ledger.paid() {
        service
            .order_when(paid.order, "at rest", |record| {
                matches!(record["state"].as_str(), Some("issued" | "parked" | "voided"))
            })
            .await?;
    }
    scene.wire()?.caught_up().await?;
    scene.settled(service).await?;
    let violations = World::look(scene, service, ledger).await?.violations();
    ensure!(violations.is_empty(), "{violations:#?}");
    Ok(())
}
