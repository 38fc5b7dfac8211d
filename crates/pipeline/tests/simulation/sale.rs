//! The simulated Ordering's orders: seats and places without seats; some orders gain another seat later.

use std::time::Duration;

use fulfillment_tests::ordering::seats;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;

/// The price of a named seat, in cents.
pub(super) const SEAT: u32 = 5_950;
/// The price of a place in a line without seats.
pub(super) const PLACE: u32 = 2_000;
/// The price of the seat that an order gains: more than all others together, so that no other payment covers it.
pub(super) const GAINED: u32 = 30_000;

/// One order, as Ordering knows it.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) order: Uuid,
    /// Named seats, a line each.
    pub(super) seats: usize,
    /// Places of the one line without seats.
    pub(super) places: u32,
    /// Since when it has one more seat.
    pub(super) gains: Option<Duration>,
}

impl Sale {
    pub(super) fn draw(world: &World, order: Uuid) -> Self {
        let places = if world.chance(400) { world.draw(2, 5) } else { 0 };
        let seats = world.draw(u32::from(places == 0), 4) as usize;
        let gains = world.chance(400).then(|| Duration::from_millis(world.draw(0, 60_000).into()));
        Self { order, seats, places, gains }
    }

    /// Its lines at a moment of the story.
    pub(super) fn answer(&self, now: Duration) -> Value {
        let mut answer = seats(self.order, self.seats);
        answer["customerEmail"] = self.person().into();
        let lines = answer["items"].as_array_mut().unwrap();
        if self.places > 0 {
            let (id, price) = (self.places_id(), decimal(PLACE));
            lines.push(json!({ "itemId": id, "category": "Floor", "price": price, "currency": "EUR", "quantity": self.places }));
        }
        if self.gains.is_some_and(|since| now >= since) {
            let mut gained = seats(self.order, 99)["items"][98].take();
            gained["price"] = decimal(GAINED).into();
            lines.push(gained);
        }
        answer
    }

    /// By whom it was bought: an address that is in no other order.
    pub(super) fn person(&self) -> String {
        format!("buyer-{}@example.org", self.order.as_u128() & 0xffff)
    }

    /// Whether a text says by whom it was bought. Ordering's answers call the customer by their number.
    pub(super) fn names_person(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        text.contains(&self.person()) || text.contains("answer ")
    }

    /// The number of tickets at first.
    pub(super) fn tickets(&self) -> usize {
        self.seats + self.places as usize
    }

    /// The number of tickets once everything is sold.
    pub(super) fn all_tickets(&self) -> usize {
        self.tickets() + usize::from(self.gains.is_some())
    }

    /// The price of the first lines.
    pub(super) fn price(&self) -> u32 {
        u32::try_from(self.seats).unwrap() * SEAT + self.places * PLACE
    }

    /// The price of all lines.
    pub(super) fn price_of_all(&self) -> u32 {
        self.price() + self.gains.map_or(0, |_| GAINED)
    }

    /// The line of its first seat.
    pub(super) fn seat_id(&self) -> String {
        format!("{}-1", self.order)
    }

    /// The line of its places.
    pub(super) fn places_id(&self) -> String {
        format!("{}-places", self.order)
    }
}

/// Cents in the format of messages.
pub(super) fn decimal(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
