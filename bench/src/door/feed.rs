//! Measures the documents of the door's feed over HTTP: bytes, and milliseconds beside the same rows read by bare SQL.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::service::TOKEN;

use super::sql::Sql;
use super::world::{STEWARD, World};
use super::{Size, median};
use crate::figures::Figures;

pub(super) async fn measure(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    let (store, number) = (world.store.name(), world.number);
    let mut db = world.connect().await?;
    everybody_in(&mut db, number).await?;
    let (_, tag) = fetch(world, "/door").await?;
    let since = tag.trim_matches('"').splitn(3, '-').take(2).collect::<Vec<_>>().join("-");
    void(world).await?;

    // As crates/store/src/sql/door_feeds.rs and admissions.rs read them: keep the two alike.
    let deviations = format!(
        "SELECT cti, lowest_good, voided, version FROM door_deviations WHERE event_number = {number} ORDER BY cti"
    );
    let moved = format!(
        "SELECT c.subject, t.cti, c.direction, c.scanned_at, c.sequence FROM check_ins c \
         LEFT JOIN tickets t ON t.id = c.ticket_id \
         WHERE c.event_number = {number} AND c.counts = 1 AND c.subject IS NOT NULL"
    );
    let live = format!(
        "SELECT t.cti FROM keys k JOIN tickets t ON t.kid = k.kid AND t.event_number = {number} \
         WHERE t.voided_at IS NULL"
    );
    let one_void = format!("/door?since={since}");
    for (name, path, rows) in [
        ("snapshot", "/door", vec![&deviations]),
        ("delta of one void", &one_void, vec![&deviations]),
        ("who is in", "/door/admitted", vec![&moved, &live]),
    ] {
        let (mut bytes, mut times, mut bare) = (0, Vec::new(), Vec::new());
        for _ in 0..size.fetched {
            let begun = Instant::now();
            (bytes, _) = fetch(world, path).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            for rows in &rows {
                ensure!(db.read(rows).await? > 0, "nothing to read for {name}");
            }
            bare.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        figures.add(format!("{store}, {name}: size"), bytes as f64, "bytes");
        figures.add_beside(format!("{store}, {name}"), median(&mut times), "ms", median(&mut bare));
    }
    Ok(())
}

/// Fetches a document; answers with its size and its `ETag`.
async fn fetch(world: &World, path: &str) -> Result<(usize, String)> {
    let url = format!("{}/events/{}{path}", world.service.base(), world.event);
    let answer = world.service.client().get(url).bearer_auth(STEWARD).send().await?.error_for_status()?;
    let tag = answer.headers().get("etag").context("a document without its ETag")?.to_str()?;
    let tag = tag.trim_start_matches("W/").to_owned();
    Ok((answer.bytes().await?.len(), tag))
}

/// Voids one ticket, as an operator does.
async fn void(world: &World) -> Result<()> {
    let url = format!("{}/tickets/{}/void", world.service.base(), world.own_ticket);
    let request = world.service.client().post(url).bearer_auth(TOKEN);
    let request = request.header("content-type", "application/json").body(r#"{"reason":"measured"}"#);
    let answer = request.send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

/// Records an entry of each ticket that has none and is not void.
async fn everybody_in(db: &mut Sql, number: u32) -> Result<()> {
    db.execute(&format!(
        "INSERT INTO doors (event_number, sequence) VALUES ({number}, 0) ON CONFLICT DO NOTHING; \
         INSERT INTO check_ins (event_number, sequence, subject, ticket_id, direction, verdict, counts, scanned_at, \
         received_at, client, request, on_record, content) \
         SELECT t.event_number, row_number() OVER (ORDER BY t.id) + d.sequence, CAST(t.id AS TEXT), t.id, 'entry', \
         'admitted', 1, t.created_at, t.created_at, 'measured', t.cti, 1, '{{}}' \
         FROM tickets t JOIN doors d ON d.event_number = t.event_number \
         WHERE t.event_number = {number} AND t.voided_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM check_ins c WHERE c.ticket_id = t.id); \
         UPDATE doors SET sequence = (SELECT max(sequence) FROM check_ins WHERE event_number = {number}) \
         WHERE event_number = {number}"
    ))
    .await?;
    if matches!(db, Sql::Postgres(_)) {
        db.execute("VACUUM ANALYZE").await?;
    }
    Ok(())
}
