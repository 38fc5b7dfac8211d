//! What must be true of a service that has come to rest, seen from outside: its ledger of payments, its records, its
//! files and what it has said, against each other.
//!
//! [`World::look`] gathers, [`World::violations`] judges: a pure function, so that it can be shown worlds that went
//! wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use fulfillment_credential::{KeySet, VerifyOptions, read::codes_in_pdf, verify};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::kafka::Message;
use crate::ledger::{Ledger, Paid};
use crate::scene::Scene;
use crate::service::Service;

/// Files whose codes are read as a scanner reads them; of the others only the hash is compared.
const SCANNED: usize = 6;

/// A ticket's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Of its bytes.
    pub sha256: String,
    /// The code on its page; none of a file that was not scanned.
    pub code: Option<String>,
}

/// All that can be seen.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What the broker acknowledged.
    pub paid: Vec<Paid>,
    /// Each order's record, for the orders of the ledger.
    pub orders: BTreeMap<Uuid, Value>,
    /// The orders of all tickets that are recorded.
    pub ticketed: BTreeSet<String>,
    /// Keys of all payments that are recorded.
    pub payments: BTreeSet<String>,
    /// What lies in the folder of tickets, by name.
    pub files: BTreeMap<String, Seen>,
    /// Codes that the published keys do not verify.
    pub unverified: Vec<String>,
    /// What is on the topic of events, in the order of its partitions.
    pub events: Vec<Message>,
    /// Offsets that the group has committed, by partition.
    pub committed: BTreeMap<i32, i64>,
    /// Orders that a worker holds, and events that are lent.
    pub leases: i64,
}

impl World {
    /// Looks at everything.
    ///
    /// # Errors
    /// Something cannot be asked.
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
        world.events = wire.kafka.all(&wire.issued).await?;
        world.committed = wire.kafka.committed(&wire.group, &wire.payments).await?;
        Ok(world)
    }

    #[expect(clippy::disallowed_methods, reason = "a test plays the door, whose clock runs")]
    async fn codes_that_do_not_verify(&self, service: &Service) -> Result<Vec<String>> {
        let keys = service.get_json("/.well-known/ticket-keys.json").await?;
        let keys = KeySet::from_jwks(&keys).context("the published keys")?;
        let now = Timestamp::now().as_second();
        let valid =
            |code: &&String| verify(code, &keys, now, &VerifyOptions { event: None, feed: None }).is_valid();
        let codes: Vec<String> =
            self.tickets().filter_map(|t| Some(t["qrCodeData"].as_str()?.to_owned())).collect();
        Ok(codes.iter().filter(|code| !valid(code)).cloned().collect())
    }

    fn tickets(&self) -> impl Iterator<Item = &Value> {
        self.orders.values().filter_map(|order| order["tickets"].as_array()).flatten()
    }

    /// Everything that is not as promised; empty when all is well.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.every_payment_has_its_tickets(&mut found);
        self.nothing_comes_from_nowhere(&mut found);
        self.nothing_is_twice(&mut found);
        self.generated_means_a_file(&mut found);
        self.every_ticket_was_announced(&mut found);
        self.nothing_lives_after_its_void(&mut found);
        self.offsets_follow_the_inbox(&mut found);
        if self.leases != 0 {
            found.push(format!("{} leases are left", self.leases));
        }
        found
    }

    /// Exactly its tickets, or a state that somebody can act on, with a reason.
    fn every_payment_has_its_tickets(&self, found: &mut Vec<String>) {
        for paid in &self.paid {
            let order = paid.order;
            let Some(record) = self.orders.get(&order) else {
                found.push(format!("order {order}: paid, and not recorded"));
                continue;
            };
            let tickets = record["tickets"].as_array().map_or(0, Vec::len);
            let told = record["reason"].as_str().is_some_and(|reason| !reason.is_empty());
            match record["state"].as_str() {
                Some("issued") if tickets == paid.seats => {
                    let undone = live(record).filter(|t| !has_file(t)).count();
                    if undone != 0 {
                        found.push(format!("order {order}: issued, and {undone} of its tickets are not"));
                    }
                }
                Some("issued") => {
                    found.push(format!("order {order}: {tickets} tickets for {} seats", paid.seats));
                }
                Some("parked" | "voided") if told => {}
                state => found.push(format!("order {order}: {state:?} without a reason")),
            }
            let known = |p: &Value| p["key"] == paid.payment.to_string();
            if !record["payments"].as_array().is_some_and(|payments| payments.iter().any(known)) {
                found.push(format!("order {order}: its payment {} is not recorded", paid.payment));
            }
        }
    }

    fn nothing_comes_from_nowhere(&self, found: &mut Vec<String>) {
        let paid: BTreeSet<String> = self.paid.iter().map(|paid| paid.order.to_string()).collect();
        found.extend(
            self.ticketed.difference(&paid).map(|order| format!("order {order}: tickets without a payment")),
        );
    }

    /// Ids, numbers and codes are unique; of several live tickets for a seat all but one say so.
    fn nothing_is_twice(&self, found: &mut Vec<String>) {
        for key in ["id", "ticketNumber", "qrCodeData"] {
            let mut seen = BTreeSet::new();
            for ticket in self.tickets() {
                if !seen.insert(ticket[key].to_string()) {
                    found.push(format!("{key} {} is there twice", ticket[key]));
                }
            }
        }
        let mut seats: HashMap<String, i64> = HashMap::new();
        for ticket in self.tickets().filter(|t| t["voidedAt"].is_null() && !t["seatNumber"].is_null()) {
            let flagged = ticket["flags"].as_array().is_some_and(|f| f.contains(&"seat_conflict".into()));
            let seat = format!("{} {}", ticket["eventId"], ticket["seat"]);
            *seats.entry(seat).or_default() += i64::from(!flagged);
        }
        found.extend(
            seats
                .into_iter()
                .filter(|(_, n)| *n > 1)
                .map(|(seat, n)| format!("{seat}: sold {n} times, unflagged")),
        );
    }

    /// If and only if: the file of every generated ticket is there as recorded, and no other file is, but for those of
    /// generations that were live before, or never came to be.
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
                // A file that was stored and not yet recorded is its next try's.
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

    /// At least once; a repeat has the same id and the same bytes; what a ticket's events say comes in their order.
    fn every_ticket_was_announced(&self, found: &mut Vec<String>) {
        let mut first: BTreeMap<String, &Message> = BTreeMap::new();
        let mut last_of: BTreeMap<String, u64> = BTreeMap::new();
        let mut announced = BTreeSet::new();
        for event in &self.events {
            let (Some(id), Some(ticket)) = (event.header("ce_id"), event.header("ce_subject")) else {
                found.push(format!("an event at {}/{} has no id or subject", event.partition, event.offset));
                continue;
            };
            if let Some(before) = first.get(&id) {
                if before.value != event.value {
                    found.push(format!("event {id}: repeated in other words"));
                }
                continue;
            }
            let sequence = event.json().ok().and_then(|json| json["sequence"].as_u64()).unwrap_or_default();
            let last = last_of.entry(ticket.clone()).or_default();
            if sequence <= *last {
                found.push(format!("ticket {ticket}: event {sequence} came after {last}"));
            }
            *last = sequence;
            first.insert(id, event);
            announced.insert(ticket);
        }
        for ticket in self.tickets().filter(|ticket| has_file(ticket)) {
            let id = ticket["id"].as_str().unwrap_or_default();
            if ticket["voidedAt"].is_null() && !announced.contains(id) {
                found.push(format!("ticket {id}: generated, and nobody was told"));
            }
        }
    }

    fn nothing_lives_after_its_void(&self, found: &mut Vec<String>) {
        for (order, record) in self.orders.iter().filter(|(_, record)| record["state"] == "voided") {
            found.extend(
                live(record)
                    .map(|ticket| format!("order {order}: voided, and ticket {} lives", ticket["id"])),
            );
        }
    }

    /// What the group has committed is recorded.
    fn offsets_follow_the_inbox(&self, found: &mut Vec<String>) {
        found.extend(ahead(&self.paid, &self.committed, &self.payments));
    }
}

/// An order's tickets that are not void.
fn live(order: &Value) -> impl Iterator<Item = &Value> {
    order["tickets"].as_array().into_iter().flatten().filter(|ticket| ticket["voidedAt"].is_null())
}

/// Whether a ticket's record says that it has its file.
fn has_file(ticket: &Value) -> bool {
    matches!(ticket["status"].as_str(), Some("Generated" | "Delivered"))
}

/// Payments whose offsets are committed and that are not recorded.
fn ahead<'a>(
    paid: &'a [Paid],
    committed: &'a BTreeMap<i32, i64>,
    payments: &'a BTreeSet<String>,
) -> impl Iterator<Item = String> + 'a {
    let done = |paid: &&Paid| committed.get(&paid.at.0).is_some_and(|next| paid.at.1 < *next);
    let missing = |paid: &&Paid| !payments.contains(&paid.payment.to_string());
    paid.iter()
        .filter(done)
        .filter(missing)
        .map(|paid| format!("payment {}: its offset is committed, and it is not recorded", paid.payment))
}

/// The one promise that holds at every moment, of a service that was just killed: offsets are not ahead of the inbox.
///
/// # Errors
/// They are.
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
            // A page that cannot be read has no code that fits.
            Some(codes_in_pdf(&content).unwrap_or_default().join(" "))
        } else {
            None
        };
        files.insert(name, Seen { sha256: hex::encode(Sha256::digest(&content)), code });
    }
    Ok(files)
}

/// Waits until every order is issued, then checks everything: for faults that pass, of orders that Ordering knows.
///
/// # Errors
/// What is not as promised.
pub async fn check_issued(scene: &Scene, service: &Service, ledger: &Ledger) -> Result<()> {
    for paid in ledger.paid() {
        service.order_in(paid.order, "issued").await?;
    }
    check(scene, service, ledger).await
}

/// Waits until the service has come to rest, then checks everything.
///
/// # Errors
/// What is not as promised.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn event(n: u128, sequence: u64) -> Message {
        let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        Message {
            partition: 0,
            offset: 0,
            key: None,
            headers: vec![
                header("ce_id", format!("{n}-{sequence}")),
                header("ce_subject", id(n).to_string()),
            ],
            value: Some(json!({ "sequence": sequence }).to_string().into_bytes()),
        }
    }

    /// One order of two seats, issued as it should be.
    fn good() -> World {
        let ticket = |n: u128| {
            json!({ "id": id(n), "ticketNumber": n, "qrCodeData": format!("TK1:{n}"), "status": "Generated",
                    "ticketPdfPath": format!("{}.pdf", id(n)), "sha256": n.to_string(), "eventId": "e", "seat": n, "seatNumber": n, "flags": [],
                    "voidedAt": null })
        };
        let order = json!({ "state": "issued", "reason": null, "tickets": [ticket(11), ticket(12)],
                            "payments": [{ "key": id(2) }] });
        let file = |n: u128| {
            (format!("{}.pdf", id(n)), Seen { sha256: n.to_string(), code: Some(format!("TK1:{n}")) })
        };
        World {
            paid: vec![Paid { order: id(1), payment: id(2), seats: 2, at: (0, 0) }],
            orders: [(id(1), order)].into(),
            ticketed: [id(1).to_string()].into(),
            payments: [id(2).to_string()].into(),
            files: [file(11), file(12)].into(),
            events: vec![event(11, 1), event(12, 1), event(11, 1)],
            committed: [(0, 1)].into(),
            ..World::default()
        }
    }

    /// A reissued ticket's file is the live generation's; those before it may lie there.
    #[test]
    fn so_is_one_with_a_second_generation() {
        let mut world = good();
        let second = format!("{}.g1.pdf", id(11));
        tickets(&mut world)[0]["ticketPdfPath"] = json!(second);
        assert!(world.violations().iter().any(|text| text.contains("has no file")));
        world.files.insert(second, Seen { sha256: "11".into(), code: None });
        assert_eq!(world.violations(), [""; 0]);
    }

    #[test]
    fn a_good_world_is_good() {
        assert_eq!(good().violations(), [""; 0]);
    }

    /// Each fault alone is found, and named by what it is.
    #[test]
    fn every_fault_is_found() {
        type Fault = fn(&mut World);
        let faults: &[(&str, Fault)] = &[
            ("paid, and not recorded", |w| w.orders.clear()),
            ("1 tickets for 2 seats", |w| drop(tickets(w).pop())),
            ("issued, and 1 of its tickets", |w| tickets(w)[1]["status"] = json!("Failed")),
            ("without a reason", |w| order(w)["state"] = json!("parked")),
            ("is not recorded", |w| order(w)["payments"] = json!([])),
            ("tickets without a payment", |w| w.ticketed.extend(["another".into()])),
            ("qrCodeData \"TK1:11\" is there twice", |w| tickets(w)[1]["qrCodeData"] = json!("TK1:11")),
            ("sold 2 times", |w| tickets(w)[1]["seat"] = json!(11)),
            ("has no file", |w| drop(w.files.pop_first())),
            ("is not the one recorded", |w| tickets(w)[0]["sha256"] = json!("other")),
            ("the code on its page is another", |w| {
                w.files.values_mut().for_each(|seen| seen.code = Some("TK1:0".into()));
            }),
            ("nobody's file", |w| {
                w.files.extend([("x.pdf".into(), Seen { sha256: "1".into(), code: None })]);
            }),
            ("does not verify", |w| w.unverified.push("TK1:11".into())),
            ("nobody was told", |w| w.events.retain(|e| e.header("ce_subject") != Some(id(12).to_string()))),
            ("in other words", |w| w.events[2].value = Some(b"{}".to_vec())),
            ("event 1 came after 2", |w| w.events.insert(0, event(11, 2))),
            ("has no id or subject", |w| w.events[0].headers.clear()),
            ("and ticket", |w| {
                order(w)["state"] = json!("voided");
                order(w)["reason"] = json!("refund");
            }),
            ("its offset is committed", |w| w.payments.clear()),
            ("2 leases are left", |w| w.leases = 2),
        ];
        for (name, fault) in faults {
            let mut world = good();
            fault(&mut world);
            let found = world.violations();
            assert!(found.iter().any(|text| text.contains(name)), "{name}: {found:?}");
        }
    }

    fn order(world: &mut World) -> &mut Value {
        world.orders.get_mut(&id(1)).unwrap()
    }

    fn tickets(world: &mut World) -> &mut Vec<Value> {
        order(world)["tickets"].as_array_mut().unwrap()
    }
}
