//! Fills the store with tickets of one event: copies of a ticket that the service has issued, each with an id, a number and
//! a code of its own, signed with the service's key.

use std::time::Instant;

use anyhow::{Context, Result};
use fulfillment_credential::{SigningKey, decode_unverified};
use fulfillment_domain::ticket_number;
use fulfillment_tests::rig;
use fulfillment_tests::service::Setup;
use serde_json::{Value, json};

use super::sql::Sql;

/// Tickets that are written with one statement.
const AT_ONCE: usize = 5_000;
/// One ticket of so many is void.
const VOID: usize = 50;

/// What was written.
pub(super) struct Filled {
    /// The number of the event.
    pub(super) number: u32,
    /// The codes that are not void.
    pub(super) codes: Vec<String>,
}

/// Copies the ticket `id`, whose code is `code`. The service must not run.
pub(super) async fn fill(
    db: &mut Sql,
    setup: &Setup,
    id: &str,
    code: &str,
    tickets: usize,
) -> Result<Filled> {
    let begun = Instant::now();
    let claims = decode_unverified(code).map_err(|e| anyhow::anyhow!("the ticket's code: {e}"))?.claims;
    let key = signing_key(setup)?;
    let insert = statement(db, id).await?;
    let mut codes = Vec::with_capacity(tickets);
    for first in (0..tickets).step_by(AT_ONCE) {
        let mut rows = Vec::with_capacity(AT_ONCE);
        for n in first..tickets.min(first + AT_ONCE) {
            let id = rig::id();
            let mut own = claims;
            own.cti.copy_from_slice(&id.as_bytes()[..10]);
            let code = fulfillment_credential::sign(&key, &own)?;
            let number = ticket_number::encode(n as u64);
            let is_void = n % VOID == VOID - 1;
            rows.push(json!({ "id": id, "number": number, "cti": hex::encode(own.cti), "code": code,
                "unit": n + 100, "void": u8::from(is_void) }));
            if !is_void {
                codes.push(code);
            }
        }
        db.execute_with(&insert, &Value::from(rows).to_string()).await?;
    }
    let number = claims.event;
    // The tickets are all of one order, which the index of people would read while the gates scan.
    db.execute("DELETE FROM index_unread").await?;
    db.execute(&format!(
        "INSERT INTO door_deviations (event_number, cti, lowest_good, voided, version) \
         SELECT event_number, cti, 0, 1, (SELECT feed_version + 1 FROM events WHERE number = {number}) \
         FROM tickets WHERE voided_at IS NOT NULL; \
         UPDATE events SET feed_version = feed_version + 1 WHERE number = {number}"
    ))
    .await?;
    if matches!(db, Sql::Postgres(_)) {
        db.execute("VACUUM ANALYZE").await?;
        db.execute("CHECKPOINT").await?;
    }
    eprintln!("bench: written in {:.0?}", begun.elapsed());
    Ok(Filled { number, codes })
}

/// The key that the service signs with.
fn signing_key(setup: &Setup) -> Result<SigningKey> {
    let folder = setup.data().join("keys");
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".pem") && !name.ends_with(".pub.pem") {
            return Ok(SigningKey::from_pem(&std::fs::read_to_string(&path)?)?);
        }
    }
    None.with_context(|| format!("no signing key in {}", folder.display()))
}

/// The statement that copies the ticket `id` for each row of `$1`.
async fn statement(db: &mut Sql, id: &str) -> Result<String> {
    let (rows, cti) = match db {
        Sql::Postgres(_) => (
            "json_to_recordset(CAST($1 AS json)) AS n(id uuid, number text, cti text, code text, unit bigint, \
             void bigint)",
            "decode(n.cti, 'hex')",
        ),
        Sql::Sqlite(_) => (
            "(SELECT value ->> 'id' AS id, value ->> 'number' AS number, value ->> 'cti' AS cti, \
             value ->> 'code' AS code, value ->> 'unit' AS unit, value ->> 'void' AS void FROM json_each($1)) AS n",
            "unhex(n.cti)",
        ),
    };
    let columns = db.columns("tickets").await?;
    let value = |column: &String| match column.as_str() {
        "id" => "n.id".to_owned(),
        "ticket_number" => "n.number".to_owned(),
        "cti" => cti.to_owned(),
        "qr_code_data" => "n.code".to_owned(),
        "unit" => "n.unit".to_owned(),
        "seat_key" => "NULL".to_owned(),
        "voided_at" => "CASE WHEN n.void = 1 THEN t.created_at END".to_owned(),
        "void_reason" => "CASE WHEN n.void = 1 THEN 'measured' END".to_owned(),
        other => format!("t.{other}"),
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    Ok(format!(
        "INSERT INTO tickets ({}) SELECT {} FROM {rows} JOIN tickets t ON t.id = '{id}'",
        columns.join(", "),
        values.join(", ")
    ))
}
