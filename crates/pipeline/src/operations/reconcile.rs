//! Reconciliation: compares what should exist with what does: payments, tickets, files, events.
//!
//! Only the list of what was paid and the store's own rows are relied on. A repair uses the normal paths: a payment
//! enters the inbox, an order is retried, a page is drawn from its frozen row, an event is sent by the relay.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::event::ids_of;
use fulfillment_domain::order::NOTHING_ADMITS;
use fulfillment_domain::{Clock, Message, OrderId, OrderState, Paid, Payment, Subject, Ticket, TicketId};
use fulfillment_store::{
    Actor, Incoming, IngestOutcome, OrderRecord, RetrySelection, Source, Store, StoreError,
};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ports::{Accept as _, Files, FilesError};
use crate::stages::ingest::Ingest;
use crate::upkeep::heal::{Redraw, has_file};

/// Event ids queried in one batch.
const EVENTS: usize = 3_000;

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was paid, and the store has no such payment.
    MissingPayment,
    /// It was paid and is not issued, although there was time for it.
    NotIssued,
    /// It is issued, and rows of its tickets are missing.
    MissingTickets,
    /// A ticket's file is not in the storage.
    MissingFile,
    /// The file is in the storage, with other content than was recorded.
    DamagedFile,
    /// A destination does not have an event.
    UnsentEvent,
}

/// The repair of a difference. The names are those of `reconcile --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Repair {
    /// The payment is recorded; its order is issued.
    #[serde(rename = "entered")]
    Entered,
    /// The payment was recorded already, under another key.
    #[serde(rename = "entered; it is on record under another key")]
    EnteredFolded,
    /// The payment is recorded, and another payment has made the tickets.
    #[serde(rename = "entered; another payment has made its tickets")]
    EnteredAlreadyPaid,
    /// The payment is recorded, and its order was void before.
    #[serde(rename = "entered; the order was void before and is parked")]
    EnteredLate,
    /// The payment arrived in the meantime.
    #[serde(rename = "has come meanwhile")]
    CameMeanwhile,
    /// The order is queued for a retry.
    #[serde(rename = "set going")]
    Queued,
    /// The event is queued for its destination.
    #[serde(rename = "to be sent again")]
    ToBeSentAgain,
    /// The file is drawn again and stored.
    #[serde(rename = "drawn again")]
    DrawnAgain,
    /// Another process has stored the file.
    #[serde(rename = "is there by now")]
    IsThere,
}

impl Repair {
    /// The repair, for people.
    pub fn for_people(self) -> &'static str {
        match self {
            Self::Entered => "recorded",
            Self::EnteredFolded => "recorded; it is known under another key",
            Self::EnteredAlreadyPaid => "recorded; another payment has made its tickets",
            Self::EnteredLate => "recorded; the order was void before and is parked",
            Self::CameMeanwhile => "has arrived in the meantime",
            Self::Queued => "queued for retry",
            Self::ToBeSentAgain => "queued to be sent again",
            Self::DrawnAgain => "drawn again",
            Self::IsThere => "is there by now",
        }
    }
}

/// Something that should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What is missing.
    pub what: What,
    /// The order.
    pub order_id: OrderId,
    /// The ticket, where only one is affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// The event that was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Uuid>,
    /// A description for people.
    pub detail: String,
    /// The repair, if one was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// Whether the repair is complete: what was only queued is finished by a running service.
    #[serde(skip)]
    pub done: bool,
    /// The payment to ingest.
    #[serde(skip)]
    message: Vec<u8>,
}

impl Difference {
    fn new(what: What, order_id: OrderId, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (ticket_id, event_id, repair) = (None, None, None);
        Self { what, order_id, ticket_id, event_id, detail, repair, done: false, message: Vec::new() }
    }
}

/// The result for one order.
#[derive(Debug, Default)]
pub struct Looked {
    /// What should be there and is not.
    pub differences: Vec<Difference>,
    /// Some of it is still in progress, within its time.
    pub under_way: bool,
}

/// Why the comparison is not possible.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file storage cannot be reached.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Finds differences, and changes nothing.
pub struct Comparison {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What arrived after this time may still be in progress.
    pub grace: Duration,
}

impl Comparison {
    /// Compares an order with its listed payments: none for an order that only the store names.
    pub async fn look(&self, order: OrderId, listed: &[Paid]) -> Result<Looked, Unknown> {
        let record = self.store.order(order).await?;
        let mut looked = Looked::default();
        for paid in listed.iter().filter(|paid| !has_payment(record.as_ref(), &paid.payment)) {
            let detail = match &paid.payment.payment_id {
                Some(id) => format!("no payment {id} is on record"),
                None => "no payment of it is on record".to_owned(),
            };
            let missing = Difference::new(What::MissingPayment, order, detail);
            looked.differences.push(Difference { message: paid.message.clone(), ..missing });
        }
        // A row without either was created by a refund that arrived before its payment.
        let there = |record: &OrderRecord| !record.payments.is_empty() || !record.tickets.is_empty();
        let Some(record) = record.filter(there) else { return Ok(looked) };
        self.tickets(&record, &mut looked);
        for ticket in record.tickets.iter().filter(|ticket| has_file(ticket)) {
            self.file(ticket, &mut looked).await?;
        }
        self.events(&record, &mut looked).await?;
        Ok(looked)
    }

    fn tickets(&self, record: &OrderRecord, looked: &mut Looked) {
        let why = record.reason.as_deref().unwrap_or("no worker has claimed it");
        let order = record.order_id;
        match record.state {
            OrderState::Voided => {}
            OrderState::Issued if record.reason.as_deref() == Some(NOTHING_ADMITS) => {}
            OrderState::Issued => {
                let (there, all) =
                    (record.tickets.len(), record.tickets.iter().map(|t| t.line.count).max().unwrap_or(1));
                if there < usize::try_from(all).unwrap_or(usize::MAX) {
                    let detail = format!("{there} of its {all} tickets are on record");
                    looked.differences.push(Difference::new(What::MissingTickets, order, detail));
                }
            }
            OrderState::Parked => {
                let detail = format!("parked: {why}");
                looked.differences.push(Difference::new(What::NotIssued, order, detail));
            }
            OrderState::Received | OrderState::Enriched => {
                if self.is_recent(record.received_at) {
                    looked.under_way = true;
                    return;
                }
                let detail = format!("{}: {why}", record.state);
                looked.differences.push(Difference::new(What::NotIssued, order, detail));
            }
        }
    }

    async fn file(&self, ticket: &Ticket, looked: &mut Looked) -> Result<(), Unknown> {
        let name = ticket.document.path.clone().unwrap_or_else(|| ticket.file_name());
        let content = self.files.get(&name).await?;
        let (what, detail) = match content {
            None => (What::MissingFile, format!("{name} is not there")),
            Some(content) if ticket.document.sha256 != Some(Sha256::digest(&content).into()) => {
                (What::DamagedFile, format!("{name} has other content than was recorded"))
            }
            Some(_) => return Ok(()),
        };
        let difference = Difference::new(what, ticket.order_id, detail);
        looked.differences.push(Difference { ticket_id: Some(ticket.id), ..difference });
        Ok(())
    }

    async fn events(&self, record: &OrderRecord, looked: &mut Looked) -> Result<(), Unknown> {
        let ids: Vec<Uuid> = record.tickets.iter().flat_map(|t| ids_of(t.id, t.lifecycle.sequence)).collect();
        for ids in ids.chunks(EVENTS) {
            for unsent in self.store.unsent(ids).await? {
                if !unsent.parked && self.is_recent(unsent.created_at) {
                    looked.under_way = true;
                    continue;
                }
                let since = if unsent.parked { "set apart" } else { "not sent yet" };
                let reason = unsent.reason.map(|why| format!(": {why}")).unwrap_or_default();
                let detail = format!("{} to {}: {since}{reason}", unsent.kind.as_str(), unsent.destination);
                let difference = Difference::new(What::UnsentEvent, record.order_id, detail);
                looked.differences.push(Difference {
                    ticket_id: unsent.ticket_id,
                    event_id: Some(unsent.event),
                    ..difference
                });
            }
        }
        Ok(())
    }

    fn is_recent(&self, at: Timestamp) -> bool {
        let age = Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default();
        age < self.grace
    }
}

/// Whether the store has this payment; for one that is known by its order alone, whether it has any.
fn has_payment(record: Option<&OrderRecord>, payment: &Payment) -> bool {
    let Some(record) = record else { return false };
    match &payment.payment_id {
        None => !record.payments.is_empty() || !record.tickets.is_empty(),
        Some(_) => record.payments.iter().any(|known| known.key == payment.key()),
    }
}

/// Repairs what a comparison found.
pub struct Repairs {
    /// Draws files again.
    pub redraw: Redraw,
    /// Takes payments that never arrived.
    pub inbox: Ingest,
    /// The command's name, for the inbox.
    pub source: String,
    /// Who runs it.
    pub by: Actor,
}

impl Repairs {
    /// Repairs a difference as far as possible, and records the repair in it. What cannot be repaired is noted in its
    /// detail.
    pub async fn repair(&self, difference: &mut Difference) -> Result<(), StoreError> {
        let store = &self.redraw.store;
        let done = match difference.what {
            What::MissingPayment => self.enter(std::mem::take(&mut difference.message)).await?,
            What::NotIssued => {
                let going = store.retry(RetrySelection::Order(difference.order_id), &self.by).await?;
                if going > 0 { Ok(Repair::Queued) } else { Err("it cannot be set going".to_owned()) }
            }
            What::MissingTickets => Err("restore the store, or read the topic into an empty one".to_owned()),
            What::MissingFile | What::DamagedFile => self.draw(difference.ticket_id).await,
            What::UnsentEvent => {
                let again = match difference.event_id {
                    Some(event) => self.inbox.store.send_again(event).await?,
                    None => false,
                };
                if again { Ok(Repair::ToBeSentAgain) } else { Err("a relay is sending it".to_owned()) }
            }
        };
        match done {
            Ok(done) => {
                difference.repair = Some(done);
                difference.done = matches!(difference.what, What::MissingFile | What::DamagedFile);
            }
            Err(why) => difference.detail = format!("{}; {why}", difference.detail),
        }
        Ok(())
    }

    async fn enter(&self, raw: Vec<u8>) -> Result<Result<Repair, String>, StoreError> {
        let message = Incoming {
            source: Source::Command { name: self.source.clone(), by: self.by.clone() },
            key: None,
            content: Message::parse(Subject::Payment, &raw),
            raw,
            headers: Vec::new(),
            traceparent: None,
            received_at: self.inbox.clock.now(),
            subject: Subject::Payment,
        };
        Ok(match self.inbox.accept(vec![message]).await?.pop() {
            Some(IngestOutcome::New(_)) => Ok(Repair::Entered),
            Some(IngestOutcome::Folded(_)) => Ok(Repair::EnteredFolded),
            Some(IngestOutcome::AlreadyPaid(_)) => Ok(Repair::EnteredAlreadyPaid),
            Some(IngestOutcome::Duplicate(_)) => Ok(Repair::CameMeanwhile),
            Some(IngestOutcome::Late(_)) => Ok(Repair::EnteredLate),
            Some(IngestOutcome::Quarantined(_)) => Err("its id is known with another content".to_owned()),
            Some(IngestOutcome::DeadLettered(why)) => Err(why.to_string()),
            Some(IngestOutcome::Recorded(..) | IngestOutcome::Event(_)) | None => {
                Err("nothing came of it".to_owned())
            }
        })
    }

    async fn draw(&self, ticket: Option<TicketId>) -> Result<Repair, String> {
        let Some(ticket) = ticket else { return Err("no ticket is named".to_owned()) };
        match self.redraw.redraw(ticket).await {
            Ok(true) => Ok(Repair::DrawnAgain),
            Ok(false) => Ok(Repair::IsThere),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}
