//! Measures whether a ticket costs more when millions are recorded: the tickets figure again, after copies of its own
//! rows.

use std::time::Instant;

use anyhow::Result;

use super::Size;
use super::tickets::{self, Tickets};
use super::world::{World, stop};
use crate::figures::Figures;

/// The tables that are kept permanently, and the columns that make a copy a different row; `k` is the copy's number.
/// Payloads, events and their deliveries are pruned, so they are not copied.
const KEPT: &[(&str, &[(&str, &str)])] = &[
    ("orders", &[("order_id", "md5(order_id::text || k)::uuid"), ("payment_key", "payment_key || '-' || k")]),
    ("payments", &[("key", "key || '-' || k"), ("order_id", "md5(order_id::text || k)::uuid")]),
    (
        "inbox",
        &[
            ("order_id", "md5(order_id::text || k)::uuid"),
            ("payment_key", "payment_key || '-' || k"),
            ("raw", "NULL"),
            ("headers", "NULL"),
            ("pruned_at", "received_at"),
        ],
    ),
    (
        "tickets",
        &[
            ("id", "md5(id::text || k)::uuid"),
            ("order_id", "md5(order_id::text || k)::uuid"),
            ("ticket_number", "ticket_number || '-' || k"),
            ("seat_key", "seat_key || '-' || k"),
        ],
    ),
    ("seats", &[("seat_key", "seat_key || '-' || k"), ("ticket_id", "md5(ticket_id::text || k)::uuid")]),
    ("ticket_history", &[("ticket_id", "md5(ticket_id::text || k)::uuid")]),
];

/// `rows` is the number of recorded tickets before the second measurement; `before` is the first measurement.
pub(super) async fn measure(
    world: World,
    size: Size,
    rows: usize,
    before: (f64, f64),
    figures: &mut Figures,
) -> Result<()> {
    let begun = Instant::now();
    fill(&world, rows).await?;
    let there = world.database.number("SELECT count(*) FROM bc_fulfillment.tickets").await?;
    eprintln!("bench: {there} tickets on record after {:.0?}", begun.elapsed());
    let world = world.with_other_topics().await?;
    let Tickets { service, per_second, cpu, .. } = tickets::issue(&world, size.orders).await?;
    stop(service).await?;
    figures.add("rows: tickets on record", there as f64, "tickets");
    figures.add_beside("rows: tickets", per_second, "tickets/s", before.0);
    figures.add_beside("rows: CPU of the service", cpu, "us/ticket", before.1);
    Ok(())
}

async fn fill(world: &World, rows: usize) -> Result<()> {
    let database = &world.database;
    let there = database.number("SELECT count(*) FROM bc_fulfillment.tickets").await?.max(1);
    let copies = i64::try_from(rows)? / there;
    for (table, others) in KEPT {
        let columns = database
            .rows(&format!(
                "SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}' \
                 AND table_schema = 'bc_fulfillment' AND is_identity = 'NO' ORDER BY ordinal_position"
            ))
            .await?;
        let columns: Vec<&str> = columns.iter().filter_map(|row| row["name"].as_str()).collect();
        let values: Vec<&str> = columns
            .iter()
            .map(|name| others.iter().find(|(column, _)| column == name).map_or(*name, |(_, other)| *other))
            .collect();
        database
            .execute(&format!(
                "INSERT INTO bc_fulfillment.{table} ({}) SELECT {} FROM bc_fulfillment.{table}, \
                 generate_series(1, {copies}) AS k",
                columns.join(", "),
                values.join(", ")
            ))
            .await?;
    }
    database.execute("VACUUM ANALYZE").await?;
    // The indexes are in memory, as on a server that has grown to this size.
    database.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm").await?;
    let read = "SELECT sum(pg_prewarm(indexrelid::regclass)) FROM pg_stat_user_indexes WHERE schemaname = 'bc_fulfillment'";
    let pages = database.number(read).await?;
    eprintln!("bench: {} MiB of indexes", pages / 128);
    Ok(())
}
