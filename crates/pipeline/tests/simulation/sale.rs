//! What Ordering sells: orders of seats and of places without seats, some of which gain another seat later.

use std::time::Duration;

use fulfillment_tests::ordering::seats;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;

/// What a named seat costs, in cents.
pub(super) const SEAT: u32 = 5_950;
/// What a place in a line without seats costs.
pub(super) const PLACE: u32 = 2_000;
/// What the seat costs that an order gains: more than all others together, so that nothing else pays for it.
pub(super) const GAINED: u32 = 30_000;

/// One order, as Ordering knows it.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) order: Uuid,
    /// Named seats, a line each.
    pub(super) seats: usize,
    /// Places of the one line without seats.
    pub(super) places: u32,
    /// Since when it has one seat more.
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

    /// How many tickets it is at first.
    pub(super) fn tickets(&self) -> usize {
        self.seats + self.places as usize
    }

    /// How many when all is sold that it ever has.
    pub(super) fn all_tickets(&self) -> usize {
        self.tickets() + usize::from(self.gains.is_some())
    }

    /// What the lines of the beginning cost.
    pub(super) fn price(&self) -> u32 {
        u32::try_from(self.seats).unwrap() * SEAT + self.places * PLACE
    }

    /// What all of them cost that it ever has.
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

/// Cents as messages have them.
pub(super) fn decimal(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
