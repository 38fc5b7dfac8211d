//! Drafts the tickets of an order: their ids, numbers and signed codes. Signing thousands of codes takes a while, so it
//! runs away from the threads that wait for I/O.

use std::sync::Arc;

use fulfillment_config::CodeFormat;
use fulfillment_credential::Claims;
use fulfillment_domain::order::Seat;
use fulfillment_domain::ticket::{Code, Customer, Document, Holder, Lifecycle, Line};
use fulfillment_domain::{Failure, Flags, OrderSnapshot, Secret, Ticket};
use fulfillment_store::StoreError;
use jiff::{Timestamp, Unit};

use super::Pipeline;
use super::code::code;
use super::enrich::Enriched;
use super::freeze::expiry;
use crate::keyring::Keyring;
use crate::runtime::aside;
use crate::templates::Templates;

/// A ticket to be drafted.
struct Place {
    /// Index of its seat in the order.
    seat: usize,
    /// Its place among the order's tickets, from 1.
    index: u32,
    category_number: u16,
}

/// Everything that the tickets of an order are made from.
struct Drafter {
    order: Arc<OrderSnapshot>,
    flags: Flags,
    payment_id: Option<String>,
    customer_id: Option<String>,
    secret: Secret,
    keyring: Arc<Keyring>,
    templates: Arc<Templates>,
    code: CodeFormat,
    event_number: u32,
    /// The order's number of tickets.
    count: u32,
    number_try: u32,
    now: Timestamp,
}

impl Pipeline {
    /// The tickets of these seats of an order, by their indexes; `before`: how many tickets it has already. The count on
    /// each is that of all.
    pub(super) async fn tickets_of(
        &self,
        enriched: &Enriched,
        seats: Vec<usize>,
        before: u32,
        number_try: u32,
    ) -> Result<Vec<Ticket>, Failure> {
        let order = &enriched.order;
        let event = &order.event;
        let unavailable = |error: StoreError| Failure::transient(error.to_string());
        let event_number = self.numbers.event(self.store.as_ref(), &event.id).await.map_err(unavailable)?;
        let count = before.saturating_add(u32::try_from(seats.len()).unwrap_or(u32::MAX));
        let mut places = Vec::with_capacity(seats.len());
        for (index, seat) in (before.saturating_add(1)..).zip(seats) {
            let category_number = match order.seats.get(seat).and_then(|seat| seat.category.as_ref()) {
                None => 0,
                Some(name) => {
                    self.numbers.category(self.store.as_ref(), &event.id, name).await.map_err(unavailable)?
                }
            };
            places.push(Place { seat, index, category_number });
        }
        let now = self.clock.now();
        let claim = &enriched.job.claim;
        let drafter = Drafter {
            order: Arc::clone(order),
            flags: enriched.flags.clone(),
            payment_id: claim.payment_id.clone(),
            customer_id: claim.customer_id.clone(),
            secret: self.secret.clone(),
            keyring: self.keys.current(),
            templates: Arc::clone(&self.templates),
            code: self.code,
            event_number,
            count,
            number_try,
            now: now.round(Unit::Microsecond).unwrap_or(now),
        };
        let made = aside(self.runtime.as_ref(), move || drafter.tickets(&places)).await;
        made.unwrap_or_else(|error| Err(Failure::permanent(format!("its codes cannot be made: {error}"))))
    }
}

impl Drafter {
    fn tickets(&self, places: &[Place]) -> Result<Vec<Ticket>, Failure> {
        let ticket = |place: &Place| Some(self.ticket(place, self.order.seats.get(place.seat)?));
        places.iter().filter_map(ticket).collect()
    }

    fn ticket(&self, place: &Place, seat: &Seat) -> Result<Ticket, Failure> {
        let (order, event, now) = (&self.order, &self.order.event, self.now);
        let id = self.secret.ticket_id(order.order_id, &seat.line, seat.unit);
        let (era, generation) = (0, 0);
        let cti = self.secret.cti(id, era);
        let expires_at = expiry(event.starts_at, event.ends_at, now);
        let (event_number, category_number) = (self.event_number, place.category_number);
        let claims = Claims { expires_at, cti, event: event_number, category: category_number, generation };
        let key = self.keyring.signing_key(now).map_err(|e| Failure::transient(format!("{e:#}")))?;
        let code = code(self.code, key, &claims, (order.order_id, &seat.label, &event.id));
        let data = code.map_err(|e| Failure::permanent(format!("the code cannot be made: {e}")))?;
        let template = self.templates.of(&event.id, event.organizer_id.as_deref());
        Ok(Ticket {
            id,
            order_id: order.order_id,
            number: self.secret.ticket_number(id, self.number_try),
            payment_id: self.payment_id.clone(),
            price: seat.price,
            currency: seat.currency,
            line: Line {
                item_id: seat.item_id.clone(),
                key: seat.line.clone(),
                unit: seat.unit,
                index: place.index,
                count: self.count,
            },
            customer: Customer {
                id: self.customer_id.clone(),
                email: order.customer_email.clone(),
                name: order.customer_name.clone(),
                locale: order.locale.clone(),
            },
            event: event.frozen(event_number),
            seat: seat.frozen(category_number),
            holder: Holder { name: seat.holder_name.clone(), email: seat.holder_email.clone() },
            code: Code { data, cti, era, generation: generation.into(), kid: key.kid().to_string() },
            document: Document::planned(template, self.templates.version().to_owned()),
            lifecycle: Lifecycle::frozen(now),
            flags: self.flags.clone(),
        })
    }
}
