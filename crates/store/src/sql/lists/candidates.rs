//! The candidates of a list: a part of one index, in its order. Each statement reads a bounded number of its rows.

use fulfillment_domain::OrderId;
use fulfillment_domain::TicketId;
use uuid::Uuid;

use super::super::Db;
use crate::Result;
use crate::decide::listing::position::Position;
use crate::decide::listing::terms::Wanted;
use crate::decide::listing::{Driver, ListQuery};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::listed::{ListFilter, Sort};

/// By a time of `search_orders` and from it on, up to `$3`; `$4` is the limit.
macro_rules! by_time {
    ($column:literal, $and:literal, newest) => {
        concat!(
            "SELECT order_id, ",
            $column,
            " AS at, place FROM search_orders WHERE (",
            $column,
            ", place) <= ($1, $2) AND ",
            $column,
            " >= $3 ",
            $and,
            " ORDER BY ",
            $column,
            " DESC, place DESC LIMIT $4"
        )
    };
    ($column:literal, $and:literal, oldest) => {
        concat!(
            "SELECT order_id, ",
            $column,
            " AS at, place FROM search_orders WHERE (",
            $column,
            ", place) >= ($1, $2) AND ",
            $column,
            " < $3 ",
            $and,
            " ORDER BY ",
            $column,
            ", place LIMIT $4"
        )
    };
}

/// The orders of a person: few, and sorted when they are all there.
macro_rules! of_person {
    ($from:literal, $desc:literal) => {
        concat!(
            "WITH found AS MATERIALIZED (SELECT order_id FROM people WHERE alike = $1 AND hash = $2 AND letter_id = 0) \
             SELECT s.order_id, s.received_at AS at, s.place FROM found JOIN search_orders s ON s.order_id = found.order_id \
             WHERE (s.received_at, s.place) ", $from, " ($3, $4) ORDER BY s.received_at", $desc, ", s.place", $desc,
            " LIMIT $5"
        )
    };
}

/// The orders in open states: what is open is bounded by what the service has yet to do.
macro_rules! open {
    ($from:literal, $desc:literal) => {
        concat!(
            "WITH found AS MATERIALIZED (SELECT order_id, received_at FROM orders WHERE state @any($1)) \
             SELECT order_id, received_at AS at FROM found WHERE (received_at, order_id) ",
            $from,
            " ($2, $3) ORDER BY received_at",
            $desc,
            ", order_id",
            $desc,
            " LIMIT $4"
        )
    };
}

/// What may match.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) at: Position,
    pub(super) order_id: OrderId,
    /// The ticket, where the index is one of tickets.
    pub(super) ticket: Option<TicketId>,
}

/// At most `limit` candidates from `from` on. `wanted` are the words, where they are searched.
pub(super) async fn read<D: Db>(
    db: &mut D,
    query: &ListQuery,
    from: &Position,
    wanted: Option<&Wanted>,
    limit: usize,
) -> Result<Vec<Candidate>> {
    let filter = query.matcher.filter();
    let limit = SqlValue::limit(limit);
    match (&query.by, from) {
        (Driver::Received, Position::Time(at, place)) => {
            let (sql, end) = match query.sort {
                Sort::Newest => (by_time!("received_at", "", newest), received_from(filter)),
                Sort::Oldest => (by_time!("received_at", "", oldest), received_to(filter)),
            };
            times(db, sql, &[(*at).into(), (*place).into(), end, limit]).await
        }
        (Driver::Issued, Position::Time(at, place)) => {
            let (sql, end) = match query.sort {
                Sort::Newest => (
                    by_time!("issued_at", "AND issued_at IS NOT NULL", newest),
                    Position::from(filter.issued_from),
                ),
                Sort::Oldest => (
                    by_time!("issued_at", "AND issued_at IS NOT NULL", oldest),
                    Position::before(filter.issued_to),
                ),
            };
            times(db, sql, &[(*at).into(), (*place).into(), time_of(&end), limit]).await
        }
        (Driver::Organizer(organizer), Position::Time(at, place)) => {
            let (sql, end) = match query.sort {
                Sort::Newest => {
                    (by_time!("received_at", "AND organizer_id = $5", newest), received_from(filter))
                }
                Sort::Oldest => {
                    (by_time!("received_at", "AND organizer_id = $5", oldest), received_to(filter))
                }
            };
            times(db, sql, &[(*at).into(), (*place).into(), end, limit, organizer.into()]).await
        }
        (Driver::Email(key), Position::Time(at, place)) => {
            let sql = match query.sort {
                Sort::Newest => of_person!("<=", " DESC"),
                Sort::Oldest => of_person!(">=", ""),
            };
            let cells = [(&key.alike).into(), (&key.hash).into(), (*at).into(), (*place).into(), limit];
            times(db, sql, &cells).await
        }
        (Driver::Open(states), Position::TimeId(at, id)) => {
            let sql = match query.sort {
                Sort::Newest => open!("<=", " DESC"),
                Sort::Oldest => open!(">=", ""),
            };
            let states = SqlValue::texts(states.iter().map(|state| state.as_str()));
            let rows = db.fetch_all(sql, &[states, (*at).into(), (*id).into(), limit]).await?;
            let candidate = |row: &D::Row| {
                let order_id = row.order_id()?;
                let at = Position::TimeId(need("at", row.time("at")?)?, order_id.0);
                Ok(Candidate { at, order_id, ticket: None })
            };
            rows.iter().map(candidate).collect()
        }
        (Driver::Name(_) | Driver::Seat, Position::Word(term, place, ticket)) => {
            let Some(wanted) = wanted else { return Ok(Vec::new()) };
            let term = if *term < wanted.prefix { &wanted.prefix } else { term };
            let cells = [term.into(), (*place).into(), (*ticket).into(), wanted.end().into(), limit];
            let rows = db.fetch_all(WORDS, &cells).await?;
            let candidate = |row: &D::Row| {
                let term = need("term", row.text("term")?)?;
                let at = Position::Word(term, row.number("place")?, row.number("ticket")?);
                Ok(Candidate { at, order_id: row.order_id()?, ticket: None })
            };
            rows.iter().map(candidate).collect()
        }
        _ => of_tickets(db, query, from, limit).await,
    }
}

/// Candidates of an index of tickets.
async fn of_tickets<D: Db>(
    db: &mut D,
    query: &ListQuery,
    from: &Position,
    limit: SqlValue<'_>,
) -> Result<Vec<Candidate>> {
    let rows = match (&query.by, from) {
        (Driver::Number(number), Position::Id(id)) => {
            let sql = "SELECT id, order_id FROM tickets WHERE ticket_number = $1 AND id >= $2";
            db.fetch_all(sql, &[number.into(), (*id).into()]).await?
        }
        (Driver::Conflicts, Position::Id(id)) => db.fetch_all(CONFLICTS, &[(*id).into(), limit]).await?,
        (Driver::Event(event), Position::Id(id)) => {
            let Some(number) = event_number(db, event).await? else { return Ok(Vec::new()) };
            let sql =
                "SELECT id, order_id FROM tickets WHERE event_number = $1 AND id >= $2 ORDER BY id LIMIT $3";
            db.fetch_all(sql, &[number.into(), (*id).into(), limit]).await?
        }
        (Driver::Unfinished, Position::Index(order, index)) => {
            let sql = "SELECT id, order_id, ticket_index FROM tickets WHERE status IN ('Pending', 'Failed') \
                       AND voided_at IS NULL AND (order_id, ticket_index) >= ($1, $2) \
                       ORDER BY order_id, ticket_index LIMIT $3";
            db.fetch_all(sql, &[(*order).into(), (*index).into(), limit]).await?
        }
        (Driver::Key(kid), Position::Code(event, cti, id)) => {
            let sql = "SELECT id, order_id, event_number, cti FROM tickets WHERE kid = $1 AND voided_at IS NULL \
                       AND (event_number, cti, id) >= ($2, $3, $4) ORDER BY event_number, cti, id LIMIT $5";
            db.fetch_all(sql, &[kid.into(), (*event).into(), cti.into(), (*id).into(), limit]).await?
        }
        (Driver::VoidOfKey(_) | Driver::Withdrawn, Position::Code(_, cti, id)) => {
            let sql = "SELECT id, order_id, CAST(0 AS BIGINT) AS event_number, cti FROM tickets \
                       WHERE (voided_at IS NOT NULL OR generation > 0) AND (cti, id) >= ($1, $2) \
                       ORDER BY cti, id LIMIT $3";
            db.fetch_all(sql, &[cti.into(), (*id).into(), limit]).await?
        }
        (Driver::Erased, Position::TimeId(at, id)) => {
            let sql = "SELECT id, order_id, erased_at AS at FROM tickets WHERE erased_at IS NOT NULL \
                       AND (erased_at, id) >= ($1, $2) ORDER BY erased_at, id LIMIT $3";
            db.fetch_all(sql, &[(*at).into(), (*id).into(), limit]).await?
        }
        _ => return Ok(Vec::new()),
    };
    let candidate = |row: &D::Row| {
        let (ticket, order_id) = (need("id", row.ticket_id("id")?)?, row.order_id()?);
        let at = match from {
            Position::Index(..) => Position::Index(order_id.0, row.number("ticket_index")?),
            Position::Code(..) => {
                Position::Code(row.number("event_number")?, need("cti", row.array("cti")?)?, ticket.0)
            }
            Position::TimeId(..) => Position::TimeId(need("at", row.time("at")?)?, ticket.0),
            _ => Position::Id(ticket.0),
        };
        Ok(Candidate { at, order_id, ticket: Some(ticket) })
    };
    rows.iter().map(candidate).collect()
}

/// The beginning of a list.
pub(super) fn beginning(query: &ListQuery) -> Position {
    let filter = query.matcher.filter();
    match &query.by {
        Driver::Issued => match query.sort {
            Sort::Newest => Position::before(filter.issued_to),
            Sort::Oldest => Position::from(filter.issued_from),
        },
        Driver::Received | Driver::Organizer(_) | Driver::Email(_) => match query.sort {
            Sort::Newest => Position::before(filter.received_to),
            Sort::Oldest => Position::from(filter.received_from),
        },
        Driver::Open(_) => {
            match (query.sort, Position::before(filter.received_to), Position::from(filter.received_from)) {
                (Sort::Newest, Position::Time(at, _), _) => Position::TimeId(at, Uuid::max()),
                (_, _, Position::Time(at, _)) => Position::TimeId(at, Uuid::nil()),
                (_, _, other) => other,
            }
        }
        Driver::Name(_) | Driver::Seat => Position::Word(String::new(), 0, 0),
        Driver::Unfinished => Position::Index(Uuid::nil(), 0),
        Driver::Key(_) | Driver::VoidOfKey(_) | Driver::Withdrawn => Position::Code(0, [0; 10], Uuid::nil()),
        Driver::Erased => match Position::from(None) {
            Position::Time(at, _) => Position::TimeId(at, Uuid::nil()),
            other => other,
        },
        Driver::Number(_) | Driver::Conflicts | Driver::Event(_) => Position::Id(Uuid::nil()),
    }
}

/// The number of an event in codes.
pub(super) async fn event_number(db: &mut impl Db, event: &str) -> Result<Option<u32>> {
    let row = db.fetch_optional("SELECT number FROM events WHERE event_id = $1", &[event.into()]).await?;
    row.map(|row| row.number("number")).transpose()
}

async fn times<D: Db>(db: &mut D, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<Vec<Candidate>> {
    let rows = db.fetch_all(sql, cells).await?;
    let candidate = |row: &D::Row| {
        let at = Position::Time(need("at", row.time("at")?)?, row.number("place")?);
        Ok(Candidate { at, order_id: row.order_id()?, ticket: None })
    };
    rows.iter().map(candidate).collect()
}

fn time_of<'a>(position: &Position) -> SqlValue<'a> {
    match position {
        Position::Time(at, _) => (*at).into(),
        _ => SqlValue::Null,
    }
}

fn received_from<'a>(filter: &ListFilter) -> SqlValue<'a> {
    time_of(&Position::from(filter.received_from))
}

fn received_to<'a>(filter: &ListFilter) -> SqlValue<'a> {
    time_of(&Position::before(filter.received_to))
}

/// The terms that begin so, up to `$4`; the numbers of their orders are looked up for these alone.
pub(crate) const WORDS: &str = "WITH found AS MATERIALIZED (SELECT term, place, ticket FROM search_words \
     WHERE (term, place, ticket) >= ($1, $2, $3) AND term < $4 ORDER BY term, place, ticket LIMIT $5) \
     SELECT found.term, found.place, found.ticket, \
     (SELECT o.order_id FROM search_orders o WHERE o.place = found.place) AS order_id FROM found \
     ORDER BY found.term, found.place, found.ticket";

/// There are few of them.
const CONFLICTS: &str = "WITH found AS MATERIALIZED (SELECT id, order_id FROM tickets \
     WHERE @strpos(flags, 'seat_conflict') > 0) \
     SELECT id, order_id FROM found WHERE id >= $1 ORDER BY id LIMIT $2";
