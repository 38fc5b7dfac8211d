//! Reads what is on record about the scans of one transaction, each kind with one statement.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fulfillment_credential::{Claims, decode_unverified};
use fulfillment_door::REPEAT_WITHIN;
use serde_json::{Value, json};

use super::listed::{CONTENT, check_in_from, counted_from};
use crate::decide::checking_in::{Door, Facts, Moved, Place, TicketFact, Tickets};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::sql::Db;
use crate::{CheckIn, NewCheckIn, Result, Scanned};

/// The columns of a ticket that a door asks for.
macro_rules! columns {
    () => {
        "t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid, t.qr_code_data, \
         t.voided_at, t.erased_at"
    };
}

pub(super) async fn read(db: &mut impl Db, door: &Door, scans: &[NewCheckIn]) -> Result<Facts> {
    let mut facts = Facts { nonces: nonces(db, scans).await?, ..Facts::default() };
    facts.tickets = Tickets::new(tickets(db, scans).await?);
    let known: HashSet<_> = facts.tickets.iter().map(|ticket| ticket.cti).collect();
    let claims: Vec<_> = claimed(scans).map(|(_, claims)| claims).collect();
    if claims.iter().any(|claims| !known.contains(&claims.cti)) {
        facts.categories = categories(db, door).await?;
    }
    // A ticket may have come in by its code while it was not on record.
    let tickets = facts.tickets.iter().flat_map(|t| [t.id.to_string(), hex::encode(t.cti)]);
    let subjects: BTreeSet<_> = tickets.chain(claims.iter().map(|claims| hex::encode(claims.cti))).collect();
    facts.past = past(db, door, &subjects, scans).await?;
    if door.rules.has_limits() {
        facts.counts = counts(db, door).await?;
    }
    Ok(facts)
}

/// The tickets that the scans may be about.
pub(super) async fn tickets(db: &mut impl Db, scans: &[NewCheckIn]) -> Result<Vec<TicketFact>> {
    Ok([by_codes(db, scans).await?, by_numbers(db, scans).await?].concat())
}

/// The claims of the codes, with their keys' ids.
fn claimed(scans: &[NewCheckIn]) -> impl Iterator<Item = (String, Claims)> + '_ {
    scans.iter().filter_map(|scan| match &scan.scanned {
        Scanned::Code(code) => Some((code.credential().kid.to_string(), code.credential().claims)),
        Scanned::Refused(_) | Scanned::Number(_) => None,
    })
}

/// The tickets whose codes, live or former, have these ids. Each part uses an index of its own: live codes are found by
/// key, event and id, withdrawn ones by id, those from before a reinstatement by the former id.
async fn by_codes(db: &mut impl Db, scans: &[NewCheckIn]) -> Result<Vec<TicketFact>> {
    let codes: BTreeSet<_> = claimed(scans).map(|(kid, c)| (kid, c.event, hex::encode(c.cti))).collect();
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let codes: Vec<_> = codes
        .into_iter()
        .map(|(kid, event, cti)| json!({ "kid": kid, "event": event, "cti": cti }))
        .collect();
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", NULL AS former FROM @records(kid text, event bigint, cti text) JOIN tickets t ON t.kid = n.kid \
         AND t.event_number = n.event AND t.cti = @unhex(n.cti) WHERE t.voided_at IS NULL \
         UNION ALL SELECT ",
        columns!(),
        ", NULL FROM @records(kid text, event bigint, cti text) JOIN tickets t ON t.cti = @unhex(n.cti) \
         WHERE (t.voided_at IS NOT NULL OR t.generation > 0) \
         AND NOT (t.voided_at IS NULL AND t.kid = n.kid AND t.event_number = n.event) \
         UNION ALL SELECT ",
        columns!(),
        ", r.cti FROM @records(kid text, event bigint, cti text) JOIN ticket_revisions r ON r.cti = n.cti \
         JOIN tickets t ON t.id = r.ticket_id WHERE t.cti <> @unhex(r.cti)"
    );
    db.fetch_all(sql, &[Value::from(codes).to_string().into()]).await?.iter().map(ticket_from).collect()
}

async fn by_numbers(db: &mut impl Db, scans: &[NewCheckIn]) -> Result<Vec<TicketFact>> {
    let numbers = scans.iter().filter_map(|scan| match &scan.scanned {
        Scanned::Number(number) => Some(number.as_str()),
        Scanned::Code(_) | Scanned::Refused(_) => None,
    });
    let numbers: BTreeSet<_> = numbers.collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        concat!("SELECT ", columns!(), ", NULL AS former FROM tickets t WHERE t.ticket_number @any($1)");
    db.fetch_all(sql, &[SqlValue::texts(numbers)]).await?.iter().map(ticket_from).collect()
}

fn ticket_from(row: &impl Row) -> Result<TicketFact> {
    let code = need("qr_code_data", row.text("qr_code_data")?)?;
    let former = row.text("former")?.and_then(|text| {
        let mut cti = [0; 10];
        hex::decode_to_slice(text, &mut cti).ok().map(|()| cti)
    });
    Ok(TicketFact {
        id: need("id", row.ticket_id("id")?)?,
        order_id: row.order_id()?,
        number: need("ticket_number", row.text("ticket_number")?)?,
        category: row.text("category")?,
        voided: row.time("voided_at")?.is_some(),
        erased: row.time("erased_at")?.is_some(),
        kid: need("kid", row.text("kid")?)?,
        claims: decode_unverified(&code).ok().map(|credential| credential.claims),
        event: row.number("event_number")?,
        cti: need("cti", row.array("cti")?)?,
        generation: row.number("generation")?,
        former,
    })
}

async fn categories(db: &mut impl Db, door: &Door) -> Result<HashMap<u16, String>> {
    let sql = "SELECT number, category FROM categories WHERE event_id = $1";
    let rows = db.fetch_all(sql, &[(&door.event_id).into()]).await?;
    let named = rows.iter().map(|row| Ok((row.number("number")?, need("category", row.text("category")?)?)));
    named.collect()
}

/// The entries and exits of these tickets, and what was scanned about when these scans were.
async fn past(
    db: &mut impl Db,
    door: &Door,
    subjects: &BTreeSet<String>,
    scans: &[NewCheckIn],
) -> Result<HashMap<String, Vec<CheckIn>>> {
    let Some(earliest) = scans.iter().map(|scan| scan.scanned_at).min() else { return Ok(HashMap::new()) };
    let since = earliest.checked_sub(REPEAT_WITHIN).unwrap_or(earliest);
    let sql = concat!(
        "SELECT subject, ",
        CONTENT!(),
        " FROM check_ins WHERE event_number = $1 AND subject @any($2) AND (counts = 1 OR scanned_at >= $3) \
         ORDER BY sequence"
    );
    let subjects = SqlValue::texts(subjects.iter().map(String::as_str));
    let mut past: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.fetch_all(sql, &[door.event.into(), subjects, since.into()]).await? {
        past.entry(need("subject", row.text("subject")?)?).or_default().push(check_in_from(&row)?);
    }
    Ok(past)
}

/// The check-ins that have the scans' nonces.
async fn nonces(
    db: &mut impl Db,
    scans: &[NewCheckIn],
) -> Result<HashMap<(String, String), ([u8; 32], CheckIn)>> {
    let asked: BTreeSet<_> =
        scans.iter().filter_map(|scan| Some((scan.by.to_string(), scan.nonce.as_deref()?))).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let asked: Vec<_> =
        asked.iter().map(|(client, nonce)| json!({ "client": client, "nonce": nonce })).collect();
    let sql = concat!(
        "SELECT c.client, c.nonce, c.request, ",
        CONTENT!(),
        " FROM @records(client text, nonce text) JOIN check_ins c ON c.client = n.client AND c.nonce = n.nonce"
    );
    let rows = db.fetch_all(sql, &[Value::from(asked).to_string().into()]).await?;
    let known = rows.iter().map(|row| {
        let key = (need("client", row.text("client")?)?, need("nonce", row.text("nonce")?)?);
        Ok((key, (need("request", row.array("request")?)?, check_in_from(row)?)))
    });
    known.collect()
}

async fn counts(db: &mut impl Db, door: &Door) -> Result<BTreeMap<Place, Moved>> {
    let sql = "SELECT day, gate, area, entries, exits FROM door_counts WHERE event_number = $1";
    let rows = db.fetch_all(sql, &[door.event.into()]).await?;
    rows.iter().map(counted_from).collect()
}
