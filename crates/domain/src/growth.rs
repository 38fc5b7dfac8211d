//! Which lines of Ordering's newer answer are new: an order can gain tickets after its first ones were issued.
//!
//! A line is identified by its `itemId`, else by its `seatId`. A line that has its seat under another id is the same
//! line, and two lines of one seat cannot be distinguished from one line listed twice. Lines without either id are
//! identified by position alone, so the answer must begin with the old list. If it does not, it is unknown which lines
//! are new, and nothing is issued, so that no ticket is issued twice.
//!
//! A line whose seat differs from before is not a new line, and its ticket has the old seat: an operator decides. A
//! line that has gained a seat, or has another category, is noted: its ticket is valid but does not show the change.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::money::{Amount, Currency};
use crate::order::{OrderSnapshot, Seat};
use crate::seat::{fold, is_one_seat};
use crate::ticket::Ticket;

/// A recorded ticket, as far as its line is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'a> {
    /// The line that it was made from.
    pub line: &'a str,
    /// Its unit within the line, from 0.
    pub unit: u32,
    /// Ordering's seat.
    pub seat_id: Option<&'a str>,
    /// As printed.
    pub seat: &'a str,
    /// Section, row and number of the seat.
    pub parts: [Option<&'a str>; 3],
    /// It was reissued: an operator may have given it another seat than Ordering's.
    pub reissued: bool,
    /// Ticket category.
    pub category: Option<&'a str>,
    /// Its price and currency.
    pub price: (Amount, Currency),
    /// It is not void.
    pub live: bool,
}

impl<'a> From<&'a Ticket> for Held<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        Self {
            line: &ticket.line.key,
            unit: ticket.line.unit,
            seat_id: ticket.seat.id.as_deref(),
            seat: &ticket.seat.label,
            parts: [&ticket.seat.section, &ticket.seat.row, &ticket.seat.number].map(Option::as_deref),
            reissued: ticket.code.generation > 0,
            category: ticket.seat.category.as_deref(),
            price: (ticket.price, ticket.currency),
            live: ticket.lifecycle.voided_at.is_none(),
        }
    }
}

/// How an answer differs from the tickets that are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Growth {
    /// The answer's new seats, by their index.
    pub new: Vec<usize>,
    /// Lines with live tickets that are missing from the answer, wholly or in part, in words.
    pub gone: Vec<String>,
    /// What these tickets cost: they are still valid, so the payment must cover them as well as the new ones.
    pub gone_prices: Vec<(Amount, Currency)>,
    /// Lines that now have a seat which their live tickets lack, or another category, in words.
    pub changed: Vec<String>,
}

/// Why it cannot be determined which lines are new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line} {what}")]
pub struct Unclear {
    /// The line, in words.
    line: String,
    what: &'static str,
}

impl Growth {
    /// Compares an answer with every ticket that was made from earlier answers, including voided ones, and with the
    /// answer that the last of them were made from, where it is kept.
    ///
    /// # Errors
    /// A line that is identified by its position alone has changed, a line that seems new may be an existing one, or a
    /// line has another seat than its ticket.
    pub fn of(
        tickets: &[Held<'_>],
        before: Option<&OrderSnapshot>,
        now: &OrderSnapshot,
    ) -> Result<Self, Unclear> {
        let old = Old::of(tickets, before, now);
        let mut listed: HashMap<(&str, u32), &Seat> = HashMap::new();
        for seat in &now.seats {
            listed.insert((&seat.line, seat.unit), seat);
        }
        let lines: HashSet<&str> = now.seats.iter().map(|s| s.line.as_str()).collect();
        let mut growth = Self::default();
        // Tickets whose line now has another id: the seat is the same.
        let mut renamed: HashSet<&str> = HashSet::new();
        let mut new_seats: HashSet<&str> = HashSet::new();
        for (index, seat) in now.seats.iter().enumerate() {
            if old.units.contains(&(seat.line.as_str(), seat.unit)) {
                continue;
            }
            let same = seat.seat_id.as_deref().and_then(|id| old.seats.get(id).copied());
            let is_taken = if let Some(line) = same {
                lines.contains(line) || !renamed.insert(line)
            } else {
                growth.new.push(index);
                seat.seat_id.as_deref().is_some_and(|id| !new_seats.insert(id))
            };
            if is_taken {
                return Err(Unclear { line: in_words(&seat.line), what: "has the seat of another line" });
            }
        }
        old.positions_are_kept(before, &listed, &renamed)?;
        growth.changed = old.seats_are_kept(before, &listed)?;
        let missing =
            |t: &&Held<'_>| t.live && !listed.contains_key(&(t.line, t.unit)) && !renamed.contains(t.line);
        let gone: Vec<_> = tickets.iter().filter(missing).collect();
        for index in &growth.new {
            old.is_new(&now.seats[*index], &gone)?;
        }
        let missed: BTreeSet<_> = gone.iter().map(|t| missed(t.line, lines.contains(t.line))).collect();
        growth.gone = missed.into_iter().collect();
        growth.gone_prices = gone.iter().map(|t| t.price).collect();
        Ok(growth)
    }
}

/// What is recorded of an order's lines.
struct Old<'a> {
    tickets: &'a [Held<'a>],
    units: HashSet<(&'a str, u32)>,
    /// Lines of live tickets by the seat's id: the ticket's, and Ordering's where an operator gave the holder another
    /// seat.
    seats: HashMap<&'a str, &'a str>,
    /// Lines that are identified by their positions alone.
    positions: BTreeSet<usize>,
}

impl<'a> Old<'a> {
    fn of(tickets: &'a [Held<'a>], before: Option<&'a OrderSnapshot>, now: &'a OrderSnapshot) -> Self {
        let live = || tickets.iter().filter(|t| t.live);
        let units: HashMap<_, _> = live().map(|t| ((t.line, t.unit), t.line)).collect();
        let answers = before.into_iter().chain([now]).flat_map(|answer| &answer.seats);
        let said = answers.filter_map(|seat| {
            Some((seat.seat_id.as_deref()?, *units.get(&(seat.line.as_str(), seat.unit))?))
        });
        let named = live().filter_map(|t| Some((t.line.strip_prefix("seat:")?, t.line)));
        let held = live().filter_map(|t| Some((t.seat_id?, t.line)));
        Self {
            tickets,
            units: tickets.iter().map(|t| (t.line, t.unit)).collect(),
            // If two lines have one seat, the later one counts here.
            seats: said.chain(named).chain(held).collect(),
            positions: tickets.iter().filter_map(|t| position(t.line)).collect(),
        }
    }

    /// Checks that every old line without an id is in the answer, at its position and unchanged.
    fn positions_are_kept(
        &self,
        before: Option<&OrderSnapshot>,
        listed: &HashMap<(&str, u32), &Seat>,
        renamed: &HashSet<&str>,
    ) -> Result<(), Unclear> {
        let changed =
            |line: &str| Err(Unclear { line: in_words(line), what: "has no id, and is not what it was" });
        for ticket in self.tickets.iter().filter(|t| position(t.line).is_some()) {
            let Some(seat) = listed.get(&(ticket.line, ticket.unit)) else {
                if renamed.contains(ticket.line) {
                    continue;
                }
                return changed(ticket.line);
            };
            // Two answers were read by the same reader, so they compare better than an answer and a ticket.
            let old = before.and_then(|b| {
                b.seats.iter().find(|s| s.line == ticket.line && s.unit == ticket.unit).map(Kind::of_seat)
            });
            if old.unwrap_or_else(|| Kind::of_ticket(ticket)) != Kind::of_seat(seat) {
                return changed(ticket.line);
            }
        }
        Ok(())
    }

    /// Checks that no line has another seat than before, unless its ticket has that seat already. For a reissued
    /// ticket, Ordering's seat is known only from the answer that it was made from. Returns the lines that have gained
    /// a seat which their ticket lacks, and those with another category than their ticket.
    fn seats_are_kept(
        &self,
        before: Option<&OrderSnapshot>,
        listed: &HashMap<(&str, u32), &Seat>,
    ) -> Result<Vec<String>, Unclear> {
        let mut changed = BTreeSet::new();
        let said = before.into_iter().flat_map(|answer| &answer.seats);
        let said: HashMap<_, _> =
            said.map(|seat| ((seat.line.as_str(), seat.unit), Sitting::of_seat(seat))).collect();
        for ticket in self.tickets.iter().filter(|t| t.live) {
            let Some(seat) = listed.get(&(ticket.line, ticket.unit)) else { continue };
            let (now, held) = (Sitting::of_seat(seat), Sitting::of_ticket(ticket));
            let moved = match said.get(&(ticket.line, ticket.unit)) {
                Some(before) => before.is_not(&now),
                None => !ticket.reissued,
            };
            if moved && held.is_not(&now) {
                return Err(Unclear {
                    line: in_words(ticket.line),
                    what: "has another seat than its ticket: reissue it with the new seat, or refund it",
                });
            }
            if now.is_seat() && !held.is_seat() {
                changed.insert(format!("{} has a seat now, and its ticket has none", in_words(ticket.line)));
            }
            let category = seat.category.as_deref().map(fold);
            if category.is_some() && category != ticket.category.map(fold) {
                changed.insert(format!("{} has another category now", in_words(ticket.line)));
            }
        }
        Ok(changed.into_iter().collect())
    }

    /// Checks that a seat without a ticket is new. A seat without an id must come after all old ones of its kind, and
    /// no missing line may be the same one. A seat with an id must not resemble a ticket whose line is missing: it may
    /// be that line under another id.
    fn is_new(&self, seat: &Seat, gone: &[&Held<'_>]) -> Result<(), Unclear> {
        let unclear = |what| Err(Unclear { line: in_words(&seat.line), what });
        match (position(&seat.line), self.positions.last()) {
            (Some(place), Some(_)) if self.positions.contains(&place) => {
                unclear("has more tickets than it had")
            }
            (Some(place), Some(last)) if place < *last => unclear("comes before lines that were there"),
            (Some(_), _) if !gone.is_empty() => unclear("has no id, and another line is gone"),
            _ if gone.iter().any(|t| Kind::of_ticket(t) == Kind::of_seat(seat)) => {
                unclear("is like a line that is gone: it may be the same under another id")
            }
            _ => Ok(()),
        }
    }
}

/// The properties by which a place without an id is recognised.
#[derive(PartialEq)]
struct Kind<'a> {
    seat: &'a str,
    category: Option<&'a str>,
    price: (Amount, Currency),
}

impl<'a> Kind<'a> {
    fn of_seat(seat: &'a Seat) -> Self {
        Self { seat: &seat.label, category: seat.category.as_deref(), price: (seat.price, seat.currency) }
    }

    fn of_ticket(ticket: &Held<'a>) -> Self {
        Self { seat: ticket.seat, category: ticket.category, price: ticket.price }
    }
}

/// A seat's position, to distinguish one seat from another.
struct Sitting<'a> {
    seat_id: Option<&'a str>,
    label: &'a str,
    parts: [Option<&'a str>; 3],
}

impl<'a> Sitting<'a> {
    fn of_seat(seat: &'a Seat) -> Self {
        let parts = [&seat.section, &seat.row, &seat.number].map(Option::as_deref);
        Self::of(seat.seat_id.as_deref(), &seat.label, parts)
    }

    fn of_ticket(ticket: &Held<'a>) -> Self {
        Self::of(ticket.seat_id, ticket.seat, ticket.parts)
    }

    fn of(seat_id: Option<&'a str>, label: &'a str, mut parts: [Option<&'a str>; 3]) -> Self {
        // A label that occurs twice has no number; that alone does not make it another place.
        if parts == [None; 3] && is_one_seat(label) {
            parts[2] = Some(label);
        }
        Self { seat_id, label, parts }
    }

    /// Whether it identifies a seat: by a row or a number.
    fn is_seat(&self) -> bool {
        self.parts[1].is_some() || self.parts[2].is_some()
    }

    /// Whether both are seats and differ. The ids decide where both have one; else the label, or a part that both have:
    /// a part that only one has is further detail of the same seat.
    fn is_not(&self, other: &Self) -> bool {
        if let (Some(a), Some(b)) = (self.seat_id, other.seat_id) {
            return a != b;
        }
        let mut parts = self.parts.iter().zip(other.parts).filter_map(|(a, b)| (*a).zip(b));
        self.is_seat()
            && other.is_seat()
            && fold(self.label) != fold(other.label)
            && parts.any(|(a, b)| fold(a) != fold(b))
    }
}

/// The position, from 0, of a line that is identified by it.
fn position(line: &str) -> Option<usize> {
    line.strip_prefix("pos:")?.parse().ok()
}

fn in_words(line: &str) -> String {
    match line.split_once(':') {
        Some(("item", id)) => format!("item {id}"),
        Some(("seat", id)) => format!("seat {id}"),
        _ => format!("line {}", position(line).map_or(0, |n| n.saturating_add(1))),
    }
}

/// The sentence about a line whose tickets are not all in the answer any more.
fn missed(line: &str, listed: bool) -> String {
    let line = in_words(line);
    if listed {
        format!("{line} has fewer tickets in Ordering's answer than before")
    } else {
        format!("{line} is not in Ordering's answer any more")
    }
}

#[cfg(test)]
mod tests;
