//! Import: takes over what an earlier service issued, its ids, files and codes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulfillment_credential::legacy::PlatformCode;
use fulfillment_domain::earlier::EarlierTicket;
use fulfillment_domain::fields::Fields;
use fulfillment_domain::order::Place;
use fulfillment_domain::ticket::{Code, Customer, Document, Event, Holder, Lifecycle, Line, Seat};
use fulfillment_domain::{Clock, Flag, Flags, OrderId, Secret, Ticket, TicketId, TicketStatus};
use fulfillment_store::{Actor, ImportOutcome, ImportedOrder, Store, StoreError};
use jiff::{Timestamp, Unit};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::import_files::{self, Refused};
use crate::ports::{Files, FilesError, NewFile};

/// Template and renderer of pages that were drawn elsewhere.
const ELSEWHERE: &str = "earlier";

/// How often another number is tried when a ticket's is taken.
const NUMBER_TRIES: u32 = 8;

/// The result.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Orders taken over now.
    pub orders: u64,
    /// Their tickets.
    pub tickets: u64,
    /// Orders taken over by an earlier run.
    pub known: u64,
    /// Tickets that were pending or failed: their payments issue them.
    pub not_issued: u64,
    /// Orders whose payments were read before the import: they have other tickets, or will have.
    pub paid_before: Vec<OrderId>,
    /// Orders with a ticket whose id another order has.
    pub taken: Vec<OrderId>,
    /// Tickets taken over without a file, since none was found.
    pub without_file: Vec<String>,
    /// Tickets taken over without the file that their row names, and why it was refused.
    pub refused_files: Vec<RefusedFile>,
}

/// A file that was not taken over.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedFile {
    /// The ticket whose row names it.
    pub ticket: TicketId,
    /// Why.
    pub reason: String,
}

/// Why it stopped. What was taken over until then is kept; the import can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum NotImported {
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file storage cannot be reached.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A file of the earlier service cannot be read.
    #[error("cannot read the file of ticket {0}: {1}")]
    File(TicketId, std::io::Error),
}

/// Dependencies of the import.
pub struct Importer {
    /// Who runs it.
    pub by: Actor,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// The secret that ids and links are derived from.
    pub secret: Secret,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The time zone of dates on pages whose event has none.
    pub time_zone: Option<String>,
    /// The folder of the earlier files; nothing outside it is read. Without it no file is taken over.
    pub folder: Option<PathBuf>,
}

/// The tickets by order, oldest first within an order.
pub fn by_order(tickets: Vec<EarlierTicket>) -> BTreeMap<OrderId, Vec<EarlierTicket>> {
    let mut orders: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for ticket in tickets {
        orders.entry(ticket.order_id).or_default().push(ticket);
    }
    for tickets in orders.values_mut() {
        tickets.sort_by_key(|t| (t.created_at, t.id));
    }
    orders
}

impl Importer {
    /// Takes over one order's issued tickets; the files are stored before the rows that name them.
    pub async fn import(
        &self,
        order: OrderId,
        earlier: &[EarlierTicket],
        imported: &mut Imported,
    ) -> Result<(), NotImported> {
        let issued: Vec<_> = earlier.iter().filter(|t| t.is_issued()).collect();
        imported.not_issued += (earlier.len() - issued.len()) as u64;
        let Some(first) = issued.first() else { return Ok(()) };
        if self.store.order(order).await?.is_some() {
            return self.known(first, imported).await;
        }
        let mut drafts = Vec::with_capacity(issued.len());
        let (mut without_file, mut refused_files) = (Vec::new(), Vec::new());
        for earlier in &issued {
            let event_id = event_of(earlier);
            let file = match self.file(earlier).await? {
                Ok(file) => Some(file),
                Err(Refused::Missing) => {
                    without_file.push(earlier.id.to_string());
                    None
                }
                Err(why) => {
                    refused_files.push(RefusedFile { ticket: earlier.id, reason: why.to_string() });
                    None
                }
            };
            let event_number = self.store.event_number(&event_id).await?;
            drafts.push((*earlier, event_id, event_number, file));
        }
        for number_try in 0..NUMBER_TRIES {
            let tickets = drafts.iter().zip(1..).map(|((earlier, event_id, number, file), index)| {
                let place = (index, count(drafts.len()));
                Ticket {
                    number: self.secret.ticket_number(earlier.id, number_try),
                    ..self.ticket(earlier, (event_id, *number), place, file.as_ref())
                }
            });
            let wanted = ImportedOrder { order_id: order, tickets: tickets.collect() };
            match self.store.import(&[wanted], &self.by).await?.pop() {
                Some(ImportOutcome::Imported) => {
                    imported.orders += 1;
                    imported.tickets += drafts.len() as u64;
                    imported.without_file.append(&mut without_file);
                    imported.refused_files.append(&mut refused_files);
                    return Ok(());
                }
                Some(ImportOutcome::NumberTaken(_)) => {}
                Some(ImportOutcome::Known) => return self.known(first, imported).await,
                Some(ImportOutcome::Taken) | None => {
                    imported.taken.push(order);
                    return Ok(());
                }
            }
        }
        Err(StoreError::Refused("no free ticket number was found".into()).into())
    }

    /// Whether a known order was taken over before, or is paid.
    async fn known(&self, ticket: &EarlierTicket, imported: &mut Imported) -> Result<(), NotImported> {
        match self.store.ticket(ticket.id).await? {
            Some(_) => imported.known += 1,
            None => imported.paid_before.push(ticket.order_id),
        }
        Ok(())
    }

    /// Stores a ticket's file under its new name. Answers with its hash and size, or why there is none.
    async fn file(&self, earlier: &EarlierTicket) -> Result<Result<([u8; 32], u64), Refused>, NotImported> {
        let Some(folder) = self.folder.clone() else { return Ok(Err(Refused::Missing)) };
        let name = format!("{}.pdf", earlier.id);
        let (recorded, own) = (earlier.pdf_path.clone(), name.clone());
        let read = move || import_files::read(&folder, recorded.as_deref().map(Path::new), &own);
        let content = match spawn_blocking(read).await {
            Ok(Ok(content)) => content,
            Ok(Err(Refused::Unreadable(error))) => return Err(NotImported::File(earlier.id, error)),
            Ok(Err(refused)) => return Ok(Err(refused)),
            Err(ended) => return Err(NotImported::File(earlier.id, ended.into())),
        };
        let (sha256, size) = (Sha256::digest(&content).into(), content.len() as u64);
        for stored in self.files.put(vec![NewFile { name, content: content.into() }]).await {
            stored?;
        }
        Ok(Ok((sha256, size)))
    }

    fn ticket(
        &self,
        earlier: &EarlierTicket,
        (event_id, event_number): (&str, u32),
        (index, count): (u32, u32),
        file: Option<&([u8; 32], u64)>,
    ) -> Ticket {
        let now = self.now();
        let created_at = earlier.created_at.or(earlier.generated_at).unwrap_or(now);
        Ticket {
            id: earlier.id,
            order_id: earlier.order_id,
            number: String::new(),
            payment_id: None,
            price: earlier.price,
            currency: earlier.currency,
            line: Line { item_id: None, key: format!("earlier:{}", earlier.id), unit: 0, index, count },
            customer: Customer { id: None, email: earlier.customer_email.clone(), name: None, locale: None },
            event: Event {
                id: event_id.to_owned(),
                number: event_number,
                name: earlier.event_name.clone(),
                starts_at: None,
                ends_at: None,
                doors_at: None,
                time_zone: self.time_zone.clone(),
                venue_name: None,
                venue_address: None,
                organizer_id: None,
                organizer_name: None,
            },
            seat: seat_of(&earlier.seat),
            holder: Holder::default(),
            code: Code {
                data: earlier.code.clone(),
                cti: self.secret.cti(earlier.id, 0),
                era: 0,
                generation: 0,
                kid: String::new(),
            },
            document: Document {
                template: ELSEWHERE.to_owned(),
                renderer: ELSEWHERE.to_owned(),
                path: Some(format!("{}.pdf", earlier.id)),
                generated_at: Some(earlier.generated_at.unwrap_or(created_at)),
                sha256: file.map(|(sha256, _)| *sha256),
                size: file.map(|(_, size)| *size),
            },
            lifecycle: Lifecycle {
                status: earlier.status,
                updated_at: now,
                // The earlier service has published it: a later void continues its sequence.
                sequence: 1,
                delivered_at: (earlier.status == TicketStatus::Delivered).then_some(created_at),
                ..Lifecycle::frozen(created_at)
            },
            flags: Flags::from_iter([Flag::Legacy]),
        }
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.round(Unit::Microsecond).unwrap_or(now)
    }
}

/// The event: by the id in the old code, else by its name.
fn event_of(earlier: &EarlierTicket) -> String {
    match PlatformCode::parse(&earlier.code) {
        Some(code) => code.event_id.to_lowercase(),
        None => format!("name:{}", earlier.event_name),
    }
}

/// The seat split into the fields that Ordering would send, so that a seat that is sold again is recognised.
fn seat_of(label: &str) -> Seat {
    let json = json!({ "seatNumber": label }).to_string();
    let place = Fields::parse(json.as_bytes()).and_then(|fields| Place::read(&fields)).ok();
    let (section, row, number) = place.map_or((None, None, None), |p| (p.section, p.row, p.number));
    Seat { label: label.to_owned(), id: None, section, row, number, category: None, category_number: 0 }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
