//! Statements of lists: a part of one index is read in its order, and each record is then compared with the whole filter.

mod candidates;
mod records;

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use uuid::Uuid;

#[cfg(feature = "conformance")]
pub(crate) use self::candidates::WORDS;
use self::candidates::{Candidate, beginning, event_number};
use super::rows::audit::audit;
use super::{Db, Sql, Transaction as _};
use crate::decide::listing::position::{ALL, Cursor, Position};
use crate::decide::listing::record::{OrderFacts, TicketFacts};
use crate::decide::listing::terms::{Term, Wanted, terms_of};
use crate::decide::listing::{Driver, ListQuery};
use crate::decide::sql_values::Row as _;
use crate::listed::{Listed, OrderRow, TicketRow};
use crate::lists::Lists;
use crate::{Action, Actor, AuditEntry, Result};

/// Candidates that are read from an index for one answer.
const CANDIDATES: usize = 1_000;
/// Candidates whose records are read with one statement.
const PART: usize = 100;
/// Tickets after which an answer reads no further orders.
const MOST_TICKETS: usize = 5_000;

#[async_trait]
impl<S: Sql> Lists for S {
    async fn list_orders(&self, query: &ListQuery) -> Result<Listed<OrderRow>> {
        list(&mut self.read().await?, query, false, |order, candidate, terms, _| {
            let first = match &candidate.at {
                Position::Word(term, _, ticket) => terms.first() == Some(&(term.clone(), *ticket)),
                at if query.by.has_tickets() => {
                    order.tickets.iter().filter_map(|ticket| query.by.position_of(ticket)).min().as_ref()
                        == Some(at)
                }
                _ => true,
            };
            if first && query.matcher.order(order) { vec![(ALL, order.row())] } else { Vec::new() }
        })
        .await
    }

    async fn list_tickets(&self, query: &ListQuery) -> Result<Listed<TicketRow>> {
        list(&mut self.read().await?, query, true, |order, candidate, terms, shown| {
            let is_here = |ticket: &&TicketFacts| match &candidate.at {
                Position::Word(term, _, of) => {
                    let covers = |(_, other): &&Term| *other == 0 || *other == ticket.index;
                    terms.iter().find(covers) == Some(&(term.clone(), *of))
                }
                at if query.by.has_tickets() => {
                    candidate.ticket == Some(ticket.id) && query.by.position_of(ticket).as_ref() == Some(at)
                }
                _ => true,
            };
            let tickets = order.tickets.iter().filter(|ticket| ticket.index > shown);
            let tickets = tickets.filter(is_here).filter(|ticket| query.matcher.ticket(order, ticket));
            tickets.map(|ticket| (ticket.index, ticket.row())).collect()
        })
        .await
    }

    async fn reindex(&self, by: &Actor) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.execute("UPDATE search_backfill SET orders_after = $1 WHERE id = 1", &[Uuid::nil().into()])
            .await?;
        audit(&mut tx, AuditEntry::new(by, Action::Reindex)).await?;
        tx.commit().await
    }

    async fn reindexed_to(&self) -> Result<Option<OrderId>> {
        let sql = "SELECT orders_after FROM search_backfill WHERE id = 1";
        let row = self.read().await?.fetch_one(sql, &[]).await?;
        Ok(row.uuid("orders_after")?.map(OrderId))
    }
}

/// One page. `rows` are those of a candidate that match, by the index of their tickets: all above the last one shown.
async fn list<D: Db, R>(
    db: &mut D,
    query: &ListQuery,
    of_tickets: bool,
    rows: impl Fn(&OrderFacts, &Candidate, &BTreeSet<Term>, u32) -> Vec<(u32, R)>,
) -> Result<Listed<R>> {
    let sql = "SELECT 1 FROM search_backfill WHERE orders_after IS NOT NULL";
    let indexing = db.exists(sql, &[]).await?;
    let (items, next) = page(db, query, of_tickets, rows).await?;
    let next = next.as_ref().map(Cursor::to_text);
    Ok(Listed { items, next, sorted_by: query.sorted_by(), indexing })
}

async fn page<D: Db, R>(
    db: &mut D,
    query: &ListQuery,
    of_tickets: bool,
    rows: impl Fn(&OrderFacts, &Candidate, &BTreeSet<Term>, u32) -> Vec<(u32, R)>,
) -> Result<(Vec<R>, Option<Cursor>)> {
    let mut items = Vec::new();
    let Some(wanted) = wanted(db, query).await? else { return Ok((items, None)) };
    let begun = query.cursor.clone().unwrap_or_else(|| query.cursor_at(&beginning(query), 0));
    let mut found = candidates::read(db, query, &begun.at, wanted.as_ref(), CANDIDATES + 1).await?;
    let is_more = found.len() > CANDIDATES;
    found.truncate(CANDIDATES);
    let rest =
        if is_more { found.last().map(|last| query.cursor_at(&last.at, ALL)) } else { query.next_index() };
    // Rows that lack a word of the search cost no further reading.
    found.retain(|candidate| match (&candidate.at, &wanted) {
        (Position::Word(term, ..), Some(wanted)) => wanted.matches(term),
        _ => true,
    });
    // Tickets by themselves are read without the others of their orders.
    let alone = of_tickets && query.by.has_tickets();
    let (mut orders, mut read) = (HashMap::new(), 0);
    let mut terms = HashMap::<OrderId, BTreeSet<Term>>::new();
    let mut before: Option<&Candidate> = None;
    for part in found.chunks(PART) {
        if items.len() >= query.limit || read >= MOST_TICKETS {
            return Ok((items, before.map(|last| query.cursor_at(&last.at, ALL))));
        }
        if alone {
            orders.clear();
        }
        read += records::read(db, part, alone, &mut orders).await?;
        for candidate in part {
            let shown = if candidate.at == begun.at { begun.shown } else { 0 };
            before = Some(candidate);
            let Some(order) = orders.get(&candidate.order_id).filter(|_| shown != ALL) else { continue };
            let terms = terms.entry(candidate.order_id).or_insert_with(|| match &wanted {
                Some(wanted) => {
                    terms_of(&order.tickets).into_iter().filter(|(term, _)| wanted.matches(term)).collect()
                }
                None => BTreeSet::new(),
            });
            let mut last = shown;
            for (index, row) in rows(order, candidate, terms, shown) {
                if items.len() == query.limit {
                    return Ok((items, Some(query.cursor_at(&candidate.at, last))));
                }
                items.push(row);
                last = index;
            }
        }
    }
    Ok((items, rest))
}

/// The words that are searched; nothing when they cannot be found.
async fn wanted(db: &mut impl Db, query: &ListQuery) -> Result<Option<Option<Wanted>>> {
    Ok(match &query.by {
        Driver::Name(wanted) => Some(Some(wanted.clone())),
        Driver::Seat => {
            let words = query.matcher.seat().to_vec();
            match &query.matcher.filter().event {
                None => Some(Some(Wanted::seat(words, None))),
                Some(event) => {
                    event_number(db, event).await?.map(|number| Some(Wanted::seat(words, Some(number))))
                }
            }
        }
        _ => Some(None),
    })
}
