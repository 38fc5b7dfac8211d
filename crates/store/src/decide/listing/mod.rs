//! Lists: which index answers a filter, what it is searched for, and what matches.

pub(crate) mod matching;
pub(crate) mod position;
pub(crate) mod record;
pub(crate) mod terms;

use fulfillment_domain::search::{MAX_WORDS, has_too_many_words, words_of};
use fulfillment_domain::{Flag, OrderState, ShownStatus};

use self::matching::{Matcher, is_open};
use self::position::{Cursor, Position};
use self::record::TicketFacts;
use self::terms::Wanted;
use crate::PersonKey;
use crate::listed::{ListFilter, MAX_LISTED, Sort, SortedBy};

/// Why nothing can be searched by a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct BadFilter {
    /// What of the filter.
    pub field: &'static str,
    /// Why, as a sentence that goes on from the field's name.
    pub why: String,
}

fn bad(field: &'static str, why: impl Into<String>) -> BadFilter {
    BadFilter { field, why: why.into() }
}

/// What is asked of a list, checked.
#[derive(Debug, Clone)]
pub struct ListQuery {
    pub(crate) matcher: Matcher,
    pub(crate) by: Driver,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

/// The index that a list is read by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driver {
    Number(String),
    Email(PersonKey),
    Name(Wanted),
    /// Orders that are not issued, by their states.
    Open(Vec<OrderState>),
    /// Tickets without a file.
    Unfinished,
    Conflicts,
    Seat,
    Event(String),
    Key(String),
    /// The void tickets of a key, after the others.
    VoidOfKey(String),
    /// Void and reissued tickets.
    Withdrawn,
    Erased,
    Organizer(String),
    Issued,
    Received,
}

impl Driver {
    /// The most selective index that has everything that matches.
    fn of(filter: &ListFilter) -> Self {
        let f = filter;
        let only = |statuses: &[ShownStatus]| {
            !f.statuses.is_empty() && f.statuses.iter().all(|status| statuses.contains(status))
        };
        if let Some(number) = &f.number {
            Self::Number(number.clone())
        } else if let Some((_, key)) = &f.email {
            Self::Email(*key)
        } else if let Some(name) = f.name.as_ref().or(f.holder.as_ref()) {
            Self::Name(Wanted::name(words_of(name)))
        } else if !f.states.is_empty() && f.states.iter().all(|state| is_open(*state)) {
            Self::Open(f.states.clone())
        } else if only(&[ShownStatus::Pending, ShownStatus::Failed]) {
            Self::Unfinished
        } else if f.flag == Some(Flag::SeatConflict) {
            Self::Conflicts
        } else if f.seat.is_some() {
            Self::Seat
        } else if let Some(event) = &f.event {
            Self::Event(event.clone())
        } else if let Some(kid) = &f.kid {
            Self::Key(kid.clone())
        } else if only(&[ShownStatus::Voided]) || f.generation.is_some_and(|generation| generation > 0) {
            Self::Withdrawn
        } else if only(&[ShownStatus::Erased]) {
            Self::Erased
        } else if let Some(organizer) = &f.organizer {
            Self::Organizer(organizer.clone())
        } else if f.issued_from.is_some() || f.issued_to.is_some() {
            Self::Issued
        } else {
            Self::Received
        }
    }

    /// Its name in cursors.
    fn word(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Email(_) => "email",
            Self::Name(_) => "name",
            Self::Open(_) => "open",
            Self::Unfinished => "unfinished",
            Self::Conflicts => "conflicts",
            Self::Seat => "seat",
            Self::Event(_) => "event",
            Self::Key(_) => "kid",
            Self::VoidOfKey(_) => "kid-void",
            Self::Withdrawn => "withdrawn",
            Self::Erased => "erased",
            Self::Organizer(_) => "organizer",
            Self::Issued => "issued",
            Self::Received => "received",
        }
    }

    /// Whether its candidates are tickets; otherwise they are orders.
    pub(crate) fn has_tickets(&self) -> bool {
        use Driver as D;
        matches!(
            self,
            D::Number(_)
                | D::Unfinished
                | D::Conflicts
                | D::Event(_)
                | D::Key(_)
                | D::VoidOfKey(_)
                | D::Withdrawn
                | D::Erased
        )
    }

    /// Where this index has a ticket, if it has it. None for an index of orders.
    pub(crate) fn position_of(&self, ticket: &TicketFacts) -> Option<Position> {
        let (id, order) = (ticket.id.0, ticket.order_id.0);
        let live = ticket.voided_at.is_none();
        match self {
            Self::Number(number) => (*number == ticket.number).then_some(Position::Id(id)),
            Self::Unfinished => matches!(ticket.shown(), ShownStatus::Pending | ShownStatus::Failed)
                .then_some(Position::Index(order, ticket.index)),
            Self::Conflicts => ticket.flags.contains(Flag::SeatConflict).then_some(Position::Id(id)),
            Self::Event(event) => (*event == ticket.event_id).then_some(Position::Id(id)),
            Self::Key(kid) => {
                (*kid == ticket.kid && live).then_some(Position::Code(ticket.event_number, ticket.cti, id))
            }
            Self::VoidOfKey(kid) => {
                (*kid == ticket.kid && !live).then_some(Position::Code(0, ticket.cti, id))
            }
            Self::Withdrawn => (!live || ticket.generation > 0).then_some(Position::Code(0, ticket.cti, id)),
            Self::Erased => ticket.erased_at.map(|at| Position::TimeId(at, id)),
            Self::Email(_)
            | Self::Name(_)
            | Self::Open(_)
            | Self::Seat
            | Self::Organizer(_)
            | Self::Issued
            | Self::Received => None,
        }
    }

    fn fits(&self, position: &Position) -> bool {
        use Driver as D;
        use Position as P;
        match self {
            D::Number(_) | D::Conflicts | D::Event(_) => matches!(position, P::Id(_)),
            D::Email(_) | D::Organizer(_) | D::Issued | D::Received => matches!(position, P::Time(..)),
            D::Name(_) | D::Seat => matches!(position, P::Word(..)),
            D::Open(_) | D::Erased => matches!(position, P::TimeId(..)),
            D::Unfinished => matches!(position, P::Index(..)),
            D::Key(_) | D::VoidOfKey(_) | D::Withdrawn => matches!(position, P::Code(..)),
        }
    }
}

impl ListQuery {
    /// Checks a filter and a page. `limit` is 1 to [`MAX_LISTED`], and `cursor` the `next` of a former answer to the same
    /// filter.
    ///
    /// # Errors
    /// A field, and what is wrong with it.
    pub fn new(
        filter: ListFilter,
        sort: Sort,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Self, BadFilter> {
        if !(1..=MAX_LISTED).contains(&limit) {
            return Err(bad("limit", format!("must be 1 to {MAX_LISTED}")));
        }
        for (field, text) in [("name", &filter.name), ("holder", &filter.holder), ("seat", &filter.seat)] {
            let Some(text) = text else { continue };
            if words_of(text).is_empty() {
                return Err(bad(field, "needs a letter or a digit"));
            }
            if has_too_many_words(text) {
                return Err(bad(field, format!("has more than {MAX_WORDS} words; fewer find it too")));
            }
        }
        if let Some(error) = &filter.error {
            let open = !filter.states.is_empty() && filter.states.iter().all(|state| is_open(*state));
            if !open && filter.statuses != [ShownStatus::Failed] {
                return Err(bad(
                    "error",
                    "is searched in open work only: name it, as states received, enriched or parked, or as the status \
                     Failed",
                ));
            }
            if error.trim().is_empty() {
                return Err(bad("error", "must not be empty"));
            }
        }
        for (field, from, to) in [
            ("receivedTo", filter.received_from, filter.received_to),
            ("issuedTo", filter.issued_from, filter.issued_to),
        ] {
            if from.zip(to).is_some_and(|(from, to)| to <= from) {
                return Err(bad(field, "must be later than the beginning of the time"));
            }
        }
        let mut by = Driver::of(&filter);
        let wrong = || bad("cursor", "must be the next of a former answer to the same search");
        let cursor = cursor.map(|text| Cursor::read(text).ok_or_else(wrong)).transpose()?;
        if let Some(cursor) = &cursor {
            if let Driver::Key(kid) = &by
                && cursor.by == "kid-void"
            {
                by = Driver::VoidOfKey(kid.clone());
            }
            if cursor.by != Self::name(&by, sort) || !by.fits(&cursor.at) {
                return Err(wrong());
            }
        }
        Ok(Self { matcher: Matcher::new(filter), by, sort, limit, cursor })
    }

    /// The name of the list in its cursors.
    fn name(by: &Driver, sort: Sort) -> String {
        if by.is_by_time() { format!("{}-{sort}", by.word()) } else { by.word().to_owned() }
    }

    /// What the list is in the order of.
    pub(crate) fn sorted_by(&self) -> SortedBy {
        match (&self.by, self.sort) {
            (Driver::Issued, Sort::Newest) => SortedBy::IssuedNewest,
            (Driver::Issued, Sort::Oldest) => SortedBy::IssuedOldest,
            (by, Sort::Newest) if by.is_by_time() => SortedBy::Newest,
            (by, Sort::Oldest) if by.is_by_time() => SortedBy::Oldest,
            (Driver::Name(_) | Driver::Seat, _) => SortedBy::Words,
            _ => SortedBy::Id,
        }
    }

    /// A page that begins after, or within, a candidate.
    pub(crate) fn cursor_at(&self, at: &Position, shown: u32) -> Cursor {
        Cursor { by: Self::name(&self.by, self.sort), at: at.clone(), shown }
    }

    /// The page after the last one of this index, where another one has the rest.
    pub(crate) fn next_index(&self) -> Option<Cursor> {
        let Driver::Key(_) = self.by else { return None };
        let at = Position::Code(0, [0; 10], uuid::Uuid::nil());
        Some(Cursor { by: "kid-void".to_owned(), at, shown: 0 })
    }
}

impl Driver {
    fn is_by_time(&self) -> bool {
        matches!(self, Self::Email(_) | Self::Open(_) | Self::Organizer(_) | Self::Issued | Self::Received)
    }
}

#[cfg(test)]
mod tests;
