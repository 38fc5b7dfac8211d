//! Which lines of Ordering's newer answer are new: an order can gain tickets after its first ones were issued.
//!
//! A line is known by its `itemId`, else by its `seatId`: one that has its seat under another name is that line, and two
//! of one seat cannot be told from one that is there twice. Lines that have neither are known by their positions alone, and
//! so they must begin with the old list: where they do not, nobody can tell what is new, and nothing is issued twice for
//! it.
//!
//! A line whose seat is another than it was is no new line, and its ticket has the old seat: an operator decides. One that
//! has a seat or another category by now is noted: its ticket is good, and does not say so.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::money::{Amount, Currency};
use crate::order::{OrderSnapshot, Seat};
use crate::seat::{fold, is_one_seat};
use crate::ticket::Ticket;

/// A ticket that is on record, as far as its line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'a> {
    /// The line that it was made of.
    pub line: &'a str,
    /// Which of the line's, from 0.
    pub unit: u32,
    /// Ordering's seat.
    pub seat_id: Option<&'a str>,
    /// As printed.
    pub seat: &'a str,
    /// Section, row and number of the seat.
    pub parts: [Option<&'a str>; 3],
    /// It was reissued: its seat may be another than Ordering's by an operator's word.
    pub reissued: bool,
    /// Ticket category.
    pub category: Option<&'a str>,
    /// What it cost, in what.
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

/// What an answer has beside the tickets that are on record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Growth {
    /// The new ones of the answer's seats, by their index.
    pub new: Vec<usize>,
    /// What the answer has no more of lines with live tickets, in words: all of a line, or some of its tickets.
    pub gone: Vec<String>,
    /// What these tickets cost: they are as good as before, so what is new is paid for when these are as well.
    pub gone_prices: Vec<(Amount, Currency)>,
    /// The lines with a seat by now whose live tickets say none, or with another category, in words.
    pub changed: Vec<String>,
}

/// Why nobody can tell what is new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line} {what}")]
pub struct Unclear {
    /// The line, in words.
    line: String,
    what: &'static str,
}

impl Growth {
    /// Compares an answer with every ticket that was made of earlier ones, voided ones too, and with the answer that the
    /// last of them were made of, where it is kept.
    ///
    /// # Errors
    /// A line that is known by its position alone is not what it was, a line that seems new may be another, or one has
    /// another seat than its ticket.
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
        // Tickets whose line has another name now: the seat is the same.
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

/// What is on record of an order's lines.
struct Old<'a> {
    tickets: &'a [Held<'a>],
    units: HashSet<(&'a str, u32)>,
    /// Lines of live tickets by the seat's id: the ticket's, and Ordering's where an operator gave its holder another.
    seats: HashMap<&'a str, &'a str>,
    /// Lines that are known by their positions alone.
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
            // Of two lines for one seat, the later one counts here.
            seats: said.chain(named).chain(held).collect(),
            positions: tickets.iter().filter_map(|t| position(t.line)).collect(),
        }
    }

    /// Every old line without an id is in the answer, at its place and as it was.
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
            // Read by the same reader, two answers compare better than an answer with a ticket.
            let old = before.and_then(|b| {
                b.seats.iter().find(|s| s.line == ticket.line && s.unit == ticket.unit).map(Kind::of_seat)
            });
            if old.unwrap_or_else(|| Kind::of_ticket(ticket)) != Kind::of_seat(seat) {
                return changed(ticket.line);
            }
        }
        Ok(())
    }

    /// No line has another seat than it had, unless its ticket has that one by now. Of a ticket that was reissued, the
    /// answer that it was made of knows Ordering's seat, and nothing else does. Answers with the lines that have a seat now,
    /// and a ticket that says none, or another category than it.
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

    /// Whether a seat that no ticket was made of is a new one. One without an id comes after all old ones of its kind, and
    /// no line is gone that it may be. One with an id is not like a ticket whose line is gone: it may be that, renamed.
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

/// What a place is by which one without an id is recognised.
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

/// Where somebody sits, to tell one seat from another.
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
        // One that is there twice has no number, and is no other place by that.
        if parts == [None; 3] && is_one_seat(label) {
            parts[2] = Some(label);
        }
        Self { seat_id, label, parts }
    }

    /// Whether it says where to sit: a row, or a number.
    fn is_seat(&self) -> bool {
        self.parts[1].is_some() || self.parts[2].is_some()
    }

    /// Whether both are seats, and not the same. The id says so where both have one; else the label, or a part of it that
    /// both have: one that is there later says more of the same seat.
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

/// The place of a line that has no other name, from 0.
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

/// What is said of a line that the answer has not all tickets of any more.
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
