//! A new generation of a ticket: another holder or seat, a lost phone, or one that was voided and is good again.
//!
//! The number of the generation is reserved, the page is drawn and stored under it, and one transaction makes it live
//! and announces it. Until then the old code is good. Whatever dies in between leaves a number and a file that nobody
//! asks for.

use std::sync::Arc;

use fulfillment_credential::Claims;
use fulfillment_domain::event::{Before, ticket_issued, ticket_reissued};
use fulfillment_domain::fields::Fields;
use fulfillment_domain::order::Place;
use fulfillment_domain::{Clock, Flag, OutboxEvent, Secret, Ticket, TicketId, TicketStatus, Unreadable};
use fulfillment_store::{Reissue, Store, StoreError, step};
use jiff::{Timestamp, Unit};

use super::form::Form;
use super::freeze::expiry;
use super::issue::draw_alone;
use super::machine::aside;
use super::proof::Proof;
use super::{Publishing, Wake};
use crate::keyring::Keys;
use crate::ports::{Files, NewFile};
use crate::templates::Templates;

/// What making new generations takes.
pub(crate) struct Reissuer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) templates: Arc<Templates>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) secret: Secret,
    pub(crate) clock: Arc<dyn Clock>,
    /// What new codes look like.
    pub(crate) form: Form,
    pub(crate) proof: Proof,
    pub(crate) publishing: Publishing,
    pub(crate) wake: Arc<Wake>,
}

/// Who wants what of a ticket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Reinstate a voided ticket, or reissue a live one.
    pub(crate) reinstate: bool,
    /// What is to be different.
    pub(crate) changes: Changes,
    /// Why, for people.
    pub(crate) reason: Option<String>,
    /// The generation that the caller knows as the live one.
    pub(crate) expected: Option<u32>,
    /// The request's own name: a repeat of it changes nothing.
    pub(crate) request: Option<String>,
    /// Who asks, for the history.
    pub(crate) who: String,
}

/// What is to be different.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    holder_name: Option<String>,
    holder_email: Option<String>,
    place: Option<Place>,
}

/// Why there is no new generation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReissued {
    #[error("there is no such ticket")]
    NoSuchTicket,
    #[error("its personal data was erased")]
    Erased,
    #[error("it is void; reinstate it")]
    Voided,
    #[error("it is not void")]
    NotVoided,
    #[error("it has no file yet; it can be reissued once it was issued")]
    NotIssued,
    /// Another generation is live than the caller knows; the number is the live one's.
    #[error("its live generation is {0}")]
    Moved(u32),
    #[error("it has had as many generations as a code can count")]
    Exhausted,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Failed(String),
}

impl Wanted {
    /// Reads a request's body: what is to be different, why, and the generation that the caller knows.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let mut seated = false;
        for name in ["seatId", "section", "row", "seatNumber", "seatLabel"] {
            seated |= fields.raw(name)?.is_some();
        }
        let expected = fields.integer("expectedGeneration")?;
        let expected = expected.map(|n| {
            u32::try_from(n).map_err(|_| Unreadable::field("expectedGeneration", "is no generation"))
        });
        Ok(Self {
            changes: Changes {
                holder_name: fields.text("holderName")?,
                holder_email: fields.text("holderEmail")?,
                place: if seated { Some(Place::read(fields)?) } else { None },
            },
            reason: fields.text("reason")?,
            expected: expected.transpose()?,
            ..Self::default()
        })
    }
}

impl Changes {
    fn apply(self, ticket: &mut Ticket) {
        if let Some(name) = self.holder_name {
            // The address was the former holder's.
            ticket.holder_email = None;
            ticket.holder_name = Some(name);
        }
        if let Some(email) = self.holder_email {
            ticket.holder_email = Some(email);
        }
        if let Some(place) = self.place {
            ticket.seat_id = place.seat_id;
            ticket.section = place.section;
            ticket.row = place.row;
            ticket.seat_number = place.number;
            ticket.seat = place.label;
        }
    }
}

impl Reissuer {
    /// Makes a new generation, and answers with the ticket as it stands; so does a request that was heard before.
    pub(crate) async fn reissue(&self, id: TicketId, wanted: Wanted) -> Result<Ticket, NotReissued> {
        let live = self.store.ticket(id).await?.ok_or(NotReissued::NoSuchTicket)?;
        if let Some(request) = &wanted.request
            && self.store.was_reissued(id, request).await?
        {
            return Ok(live);
        }
        check(&live, &wanted)?;
        let moved = || NotReissued::Moved(live.generation);
        let generation = self.store.reserve_generation(id, live.generation).await?.ok_or_else(moved)?;
        let drafted = self.draft(&live, generation, &wanted)?;
        self.templates.fetch(std::slice::from_ref(&drafted)).await?;
        let (templates, proof) = (Arc::clone(&self.templates), self.proof);
        let drawn = aside(move || draw_alone(&templates, drafted, proof)).await;
        let drawn = drawn.map_err(|e| failed(&e))?.map_err(|failed| NotReissued::Failed(failed.reason))?;
        self.templates.keep_fonts().await?;
        let file = NewFile { name: drawn.ticket.file_name(), content: drawn.pdf };
        for stored in self.files.put(vec![file]).await {
            stored.map_err(|e| failed(&e))?;
        }
        step!("after-reissue-file");
        let ticket = self.finished(drawn.ticket);
        let events = vec![self.event(&live, &ticket, wanted.reason.as_deref()).map_err(|e| failed(&e))?];
        let Wanted { reinstate, reason, request, who, .. } = wanted;
        let reissue = Reissue {
            ticket,
            expected: live.generation,
            reinstates: reinstate,
            events,
            who,
            reason,
            request,
        };
        let stands = self.store.reissue(&reissue).await?.ok_or_else(moved)?;
        step!("after-reissue-commit");
        self.wake.events.send_replace(());
        Ok(stands)
    }

    /// The next generation as it will be, signed anew. A reinstated one has another code's id: what was voided stays
    /// void at every door.
    fn draft(&self, live: &Ticket, generation: u32, wanted: &Wanted) -> Result<Ticket, NotReissued> {
        let in_code = u8::try_from(generation).map_err(|_| NotReissued::Exhausted)?;
        let now = self.now();
        let mut ticket = live.clone();
        wanted.changes.clone().apply(&mut ticket);
        if wanted.reinstate {
            ticket.era += 1;
            ticket.cti = self.secret.cti(ticket.id, ticket.era);
            (ticket.voided_at, ticket.void_reason) = (None, None);
        }
        if ticket.flags.contains(Flag::Legacy) {
            // From now on it is drawn and signed here.
            ticket.flags = ticket.flags.iter().filter(|flag| *flag != Flag::Legacy).collect();
            ticket.template = self.templates.of(&ticket.event_id, ticket.organizer_id.as_deref());
            self.templates.version().clone_into(&mut ticket.renderer);
        }
        let claims = Claims {
            expires_at: expiry(ticket.event_ends_at.or(ticket.event_starts_at), now),
            cti: ticket.cti,
            event: ticket.event_number,
            category: ticket.category_number,
            generation: in_code,
        };
        let keyring = self.keys.current();
        let key = keyring.signing_key(now).map_err(|e| NotReissued::Failed(format!("{e:#}")))?;
        let code = self.form.code(key, &claims, (ticket.order_id, &ticket.seat, &ticket.event_id));
        ticket.qr_code_data = code.map_err(NotReissued::Failed)?;
        ticket.kid = key.kid().to_string();
        ticket.generation = generation;
        ticket.issued_at = now;
        (ticket.delivered_at, ticket.delivery_channel, ticket.first_downloaded_at) = (None, None, None);
        (ticket.attempts, ticket.last_error) = (0, None);
        Ok(ticket)
    }

    fn finished(&self, mut ticket: Ticket) -> Ticket {
        let now = self.now();
        ticket.status = TicketStatus::Generated;
        ticket.generated_at = Some(now);
        ticket.updated_at = now;
        ticket.sequence += 1;
        ticket
    }

    /// A ticket that nobody has heard of is issued, whatever its generation.
    fn event(&self, live: &Ticket, ticket: &Ticket, reason: Option<&str>) -> serde_json::Result<OutboxEvent> {
        let url = self.publishing.link(&self.secret, ticket);
        let publication = self.publishing.publication(&url, None);
        if live.sequence == 0 {
            return ticket_issued(ticket, &publication);
        }
        ticket_reissued(ticket, Before { generation: live.generation, reason }, &publication)
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.round(Unit::Microsecond).unwrap_or(now)
    }
}

fn check(live: &Ticket, wanted: &Wanted) -> Result<(), NotReissued> {
    if live.erased_at.is_some() {
        return Err(NotReissued::Erased);
    }
    if wanted.expected.is_some_and(|expected| expected != live.generation) {
        return Err(NotReissued::Moved(live.generation));
    }
    match (live.voided_at.is_some(), wanted.reinstate) {
        (true, false) => return Err(NotReissued::Voided),
        (false, true) => return Err(NotReissued::NotVoided),
        _ => {}
    }
    let issued = matches!(live.status, TicketStatus::Generated | TicketStatus::Delivered);
    if issued || wanted.reinstate { Ok(()) } else { Err(NotReissued::NotIssued) }
}

fn failed(error: &dyn std::error::Error) -> NotReissued {
    NotReissued::Failed(error.to_string())
}
