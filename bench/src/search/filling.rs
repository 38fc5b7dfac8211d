//! Fills the store with orders of two tickets: copies of one that the service has issued, each with names, a seat and an
//! event of its own.

use std::time::Instant;

use anyhow::Result;
use fulfillment_domain::ticket_number;
use fulfillment_tests::rig;
use serde_json::{Value, json};

use crate::door::sql::Sql;

/// Events that the tickets are of.
pub(super) const EVENTS: usize = 500;
/// Orders that are written with one statement.
const AT_ONCE: usize = 2_500;
/// Orders whose addresses are indexed too, by the service when it starts.
pub(super) const WITH_ADDRESS: usize = 1_000;

/// When an order was paid: a second after the one before.
pub(super) fn paid_at(order: usize) -> Result<jiff::Timestamp> {
    Ok(jiff::Timestamp::from_second(1_790_000_000 + i64::try_from(order)?)?)
}

/// The number of the first event in codes.
const FIRST_EVENT: usize = 1_000;

/// The buyer of an order: one of 40,000 names, of which "Müller" is as common as in Germany.
pub(super) fn name_of(order: usize) -> String {
    const FIRST: [&str; 20] = [
        "Anna", "Zoë", "José", "Øyvind", "Łukasz", "Marie", "Jürgen", "Çağla", "Ada", "Grace", "Noël",
        "Siân", "Björk", "Ivo", "Maria", "Paul", "Élodie", "Tomáš", "Ines", "Karl",
    ];
    const LAST: [&str; 20] = [
        "berg", "stein", "hof", "mann", "son", "feld", "bach", "wald", "thal", "au", "dorf", "heim", "kamp",
        "brück", "höfer", "maier", "ström", "gård", "lund", "vik",
    ];
    const BEGIN: [&str; 100] = {
        let mut all = ["Sa"; 100];
        let parts = ["Al", "Be", "Cor", "Da", "Ei", "Fal", "Gre", "Hol", "Im", "Ju"];
        let mut at = 0;
        while at < 100 {
            all[at] = parts[at % 10];
            at += 1;
        }
        all
    };
    let n = mixed(order);
    if n.is_multiple_of(100) {
        return format!("{} Müller", FIRST[n / 100 % 20]);
    }
    let (first, begin, last) = (FIRST[n % 20], BEGIN[n / 20 % 100], LAST[n / 2_000 % 20]);
    format!("{first} {begin}{}{last}", char::from(b'a' + u8::try_from(n / 40_000 % 26).unwrap_or_default()))
}

/// The event of an order.
pub(super) fn event_of(order: usize) -> String {
    format!("bench-{}", mixed(order) / 7 % EVENTS)
}

/// Section, row and seat.
pub(super) fn seat_of(order: usize, index: usize) -> (String, usize, usize) {
    let n = order / EVENTS;
    (
        char::from(b'A' + u8::try_from(n / 800 % 26).unwrap_or_default()).to_string(),
        n / 20 % 40 + 1,
        n % 20 * 2 + index,
    )
}

/// A number that looks drawn by lot, always the same.
pub(super) fn mixed(n: usize) -> usize {
    let mut x = (n as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as usize >> 8
}

/// Copies the ticket `id` and its order. The service must not run.
pub(super) async fn fill(db: &mut Sql, id: &str, tickets: usize) -> Result<()> {
    let begun = Instant::now();
    for event in 0..EVENTS {
        let number = FIRST_EVENT + event;
        db.execute(&format!("INSERT INTO events (event_id, number) VALUES ('bench-{event}', {number})"))
            .await?;
    }
    let of_orders = statement(db, "orders", id).await?;
    let of_tickets = statement(db, "tickets", id).await?;
    for first in (0..tickets / 2).step_by(AT_ONCE) {
        let (mut orders, mut rows) = (Vec::with_capacity(AT_ONCE), Vec::with_capacity(2 * AT_ONCE));
        for n in first..(tickets / 2).min(first + AT_ONCE) {
            let order = rig::id();
            let at = paid_at(n)?;
            orders.push(json!({ "order_id": order, "at": format!("{at:.6}"), "key": format!("bench-{n}") }));
            for index in 1..=2 {
                let id = rig::id();
                let (section, row, seat) = seat_of(n, index);
                let void = mixed(2 * n + index).is_multiple_of(50);
                rows.push(json!({
                    "id": id, "order_id": order, "number": ticket_number::encode((2 * n + index) as u64),
                    "cti": hex::encode(&id.as_bytes()[..10]), "at": format!("{at:.6}"), "nth": index,
                    "buyer": name_of(n), "email": format!("buyer{n}@example.org"),
                    "holder": (index == 2).then(|| name_of(n + 77)), "event": event_of(n),
                    "event_number": FIRST_EVENT + mixed(n) / 7 % EVENTS,
                    "seat": format!("Section {section}, Row {row}, Seat {seat}"), "section": section,
                    "row_label": row.to_string(), "seat_number": seat.to_string(), "void": u8::from(void),
                }));
            }
        }
        db.execute_with(&of_orders, &Value::from(orders).to_string()).await?;
        db.execute_with(&of_tickets, &Value::from(rows).to_string()).await?;
    }
    db.execute("UPDATE people_backfill SET orders_after = NULL, letters_after = NULL").await?;
    db.execute(&format!(
        "DELETE FROM index_unread WHERE order_id NOT IN (SELECT order_id FROM orders WHERE payment_key LIKE 'bench-%' \
         ORDER BY received_at LIMIT {WITH_ADDRESS})"
    ))
    .await?;
    if matches!(db, Sql::Postgres(_)) {
        db.execute("VACUUM ANALYZE").await?;
        db.execute("CHECKPOINT").await?;
    }
    eprintln!("bench: written in {:.0?}", begun.elapsed());
    Ok(())
}

/// The columns of each row of `$1`.
const COLUMNS: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("order_id", "uuid"),
    ("number", "text"),
    ("cti", "text"),
    ("at", "timestamptz"),
    ("nth", "bigint"),
    ("buyer", "text"),
    ("email", "text"),
    ("holder", "text"),
    ("event", "text"),
    ("event_number", "bigint"),
    ("seat", "text"),
    ("section", "text"),
    ("row_label", "text"),
    ("seat_number", "text"),
    ("void", "bigint"),
    ("key", "text"),
];

/// The statement that copies the ticket `id`, or its order, for each row of `$1`.
async fn statement(db: &mut Sql, table: &str, id: &str) -> Result<String> {
    let (rows, cti) = match db {
        Sql::Postgres(_) => {
            let columns: Vec<_> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            (
                format!("json_to_recordset(CAST($1 AS json)) AS n({})", columns.join(", ")),
                "decode(n.cti, 'hex')",
            )
        }
        Sql::Sqlite(_) => {
            let columns: Vec<_> =
                COLUMNS.iter().map(|(name, _)| format!("value ->> '{name}' AS {name}")).collect();
            (format!("(SELECT {} FROM json_each($1)) AS n", columns.join(", ")), "unhex(n.cti)")
        }
    };
    let columns = db.columns(table).await?;
    let own = |column: &str| {
        Some(match (table, column) {
            ("orders", "order_id") => "n.order_id",
            ("orders", "payment_key") => "n.key",
            ("orders", "received_at" | "updated_at") | ("tickets", "created_at" | "issued_at") => "n.at",
            ("orders", _) => return None,
            (_, "id") => "n.id",
            (_, "order_id") => "n.order_id",
            (_, "ticket_number") => "n.number",
            (_, "cti") => cti,
            (_, "unit" | "ticket_index") => "n.nth",
            (_, "seat_key" | "holder_email") => "NULL",
            (_, "customer_name") => "n.buyer",
            (_, "customer_email") => "n.email",
            (_, "holder_name") => "n.holder",
            (_, "event_id") => "n.event",
            (_, "event_number") => "n.event_number",
            (_, "seat") => "n.seat",
            (_, "section") => "n.section",
            (_, "row_label") => "n.row_label",
            (_, "seat_number") => "n.seat_number",
            (_, "voided_at") => "CASE WHEN n.void = 1 THEN n.at END",
            (_, "void_reason") => "CASE WHEN n.void = 1 THEN 'measured' END",
            _ => return None,
        })
    };
    let values: Vec<_> = columns
        .iter()
        .map(|column| own(column).map_or_else(|| format!("t.{column}"), str::to_owned))
        .collect();
    let of = if table == "orders" {
        format!("orders t ON t.order_id = (SELECT order_id FROM tickets WHERE id = '{id}')")
    } else {
        format!("tickets t ON t.id = '{id}'")
    };
    Ok(format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {rows} JOIN {of}",
        columns.join(", "),
        values.join(", ")
    ))
}
