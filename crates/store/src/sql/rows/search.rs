//! Where orders are in lists, and the words by which they are found. The orders' rows are locked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Result;
use crate::decide::listing::record::{TicketFacts, listed_ticket_columns, ticket_from};
use crate::decide::listing::terms::{Term, terms_of};
use crate::decide::sql_values::{Row, SqlValue, need, rfc3339};
use crate::sql::Db;

/// An order whose row is locked.
pub(crate) struct LockedOrder {
    pub(crate) order_id: OrderId,
    pub(crate) received_at: Timestamp,
    pub(crate) is_erased: bool,
}

/// Writes what is new of these orders: nothing is written for one that has not changed. An erased order has no words.
pub(crate) async fn index(db: &mut impl Db, orders: &[LockedOrder]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let ids = [SqlValue::orders(orders.iter().map(|order| order.order_id))];
    let mut tickets = HashMap::<OrderId, Vec<TicketFacts>>::new();
    let sql = concat!("SELECT ", listed_ticket_columns!(), " FROM tickets WHERE order_id @any($1)");
    for row in db.fetch_all(sql, &ids).await? {
        let ticket = ticket_from(&row)?;
        tickets.entry(ticket.order_id).or_default().push(ticket);
    }
    let of = |order: OrderId| tickets.get(&order).map(Vec::as_slice).unwrap_or_default();
    let listed = orders.iter().map(|order| {
        let tickets = of(order.order_id);
        json!({
            "order_id": order.order_id.0,
            "received_at": rfc3339(order.received_at),
            "issued_at": tickets.iter().map(TicketFacts::first_issued_at).min().map(rfc3339),
            "organizer_id": tickets.iter().find_map(|ticket| ticket.organizer_id.as_ref()),
        })
    });
    let sql = "INSERT INTO search_orders (order_id, received_at, issued_at, organizer_id) \
               SELECT n.order_id, n.received_at, n.issued_at, n.organizer_id \
               FROM @records(order_id uuid, received_at timestamptz, issued_at timestamptz, organizer_id text) \
               WHERE TRUE ON CONFLICT (order_id) DO UPDATE SET received_at = excluded.received_at, \
               issued_at = excluded.issued_at, organizer_id = excluded.organizer_id \
               WHERE search_orders.received_at <> excluded.received_at \
               OR search_orders.issued_at IS DISTINCT FROM excluded.issued_at \
               OR search_orders.organizer_id IS DISTINCT FROM excluded.organizer_id";
    db.execute(sql, &[listed.collect::<Value>().to_string().into()]).await?;
    let sql = "SELECT s.order_id, s.place, w.term, w.ticket FROM search_orders s \
               LEFT JOIN search_words w ON w.place = s.place WHERE s.order_id @any($1)";
    let (mut places, mut known) = (HashMap::new(), BTreeMap::<i64, BTreeSet<Term>>::new());
    for row in db.fetch_all(sql, &ids).await? {
        let place: i64 = row.number("place")?;
        places.insert(row.order_id()?, place);
        if let Some(term) = row.text("term")? {
            known.entry(place).or_default().insert((term, row.number("ticket")?));
        }
    }
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for order in orders {
        let place = *need("place", places.get(&order.order_id))?;
        let terms = if order.is_erased { BTreeSet::new() } else { terms_of(of(order.order_id)) };
        let before = known.remove(&place).unwrap_or_default();
        let row = |(term, ticket): &Term| json!({ "term": term, "place": place, "ticket": ticket });
        gone.extend(before.difference(&terms).map(row));
        new.extend(terms.difference(&before).map(row));
    }
    if !gone.is_empty() {
        let sql = "DELETE FROM search_words WHERE (term, place, ticket) IN \
                   (SELECT n.term, n.place, n.ticket FROM @records(term text, place bigint, ticket bigint))";
        db.execute(sql, &[Value::from(gone).to_string().into()]).await?;
    }
    if !new.is_empty() {
        let sql = "INSERT INTO search_words (term, place, ticket) SELECT n.term, n.place, n.ticket \
                   FROM @records(term text, place bigint, ticket bigint) WHERE TRUE ON CONFLICT DO NOTHING";
        db.execute(sql, &[Value::from(new).to_string().into()]).await?;
    }
    Ok(())
}
