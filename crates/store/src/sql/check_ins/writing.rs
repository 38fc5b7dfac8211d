//! Writes check-ins, with everything that follows from them.

use fulfillment_door::Direction;
use serde_json::{Value, json};

use crate::decide::checking_in::{Door, Facts, Judged};
use crate::decide::sql_values::{SqlValue, clean, rfc3339};
use crate::sql::Batches;
use crate::sql::rows::audit::audit;
use crate::{Action, AuditEntry, CheckIn, CheckInOutcome, NewCheckIn, Result, StoreError};

pub(super) async fn write(
    db: &mut impl Batches,
    door: &Door,
    facts: &Facts,
    scans: &[NewCheckIn],
    judged: &Judged,
) -> Result<()> {
    let new: Vec<_> = scans
        .iter()
        .zip(&judged.outcomes)
        .filter_map(|(scan, outcome)| match outcome {
            CheckInOutcome::New(check_in) => Some((scan, check_in.as_ref())),
            CheckInOutcome::Known(_) | CheckInOutcome::NonceConflict => None,
        })
        .collect();
    rows(db, door, &new).await?;
    counts(db, door, facts).await?;
    history(db, &new).await?;
    overrides(db, &new).await?;
    let sequence = SqlValue::Int(i64::try_from(door.sequence).unwrap_or(i64::MAX));
    let sql = "UPDATE doors SET sequence = $2 WHERE event_number = $1";
    db.execute(sql, &[door.event.into(), sequence]).await?;
    db.insert_events(&judged.events).await
}

async fn rows(db: &mut impl Batches, door: &Door, new: &[(&NewCheckIn, &CheckIn)]) -> Result<()> {
    let row = |(scan, check_in): &(&NewCheckIn, &CheckIn)| {
        // What people type is in a column of its own, from which it can be erased.
        let stored = CheckIn { override_reason: None, ..(*check_in).clone() };
        let content = serde_json::to_string(&stored).map_err(|error| StoreError::Refused(error.into()))?;
        let subject = check_in.subject();
        Ok(json!({
            "sequence": check_in.sequence,
            "subject": subject,
            "ticket_id": check_in.ticket_id,
            "direction": check_in.direction,
            "verdict": check_in.result.verdict,
            "counts": u8::from(check_in.result.recorded),
            "gate": check_in.gate.as_deref().map(clean),
            "device": check_in.device.as_deref().map(clean),
            "scanned_at": rfc3339(check_in.scanned_at),
            "received_at": rfc3339(check_in.received_at),
            "client": check_in.by,
            "nonce": scan.nonce.as_deref().map(clean),
            "request": hex::encode(scan.request),
            "conflict": check_in.result.conflict,
            "on_record": u8::from(!check_in.not_on_record),
            "repeat_of": check_in.result.repeat_of,
            "override_reason": check_in.override_reason.as_deref().map(clean),
            "content": clean(&content),
        }))
    };
    let rows = new.iter().map(row).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO check_ins (event_number, sequence, subject, ticket_id, direction, verdict, counts, gate, \
               device, scanned_at, received_at, client, nonce, request, conflict, on_record, \
               repeat_of, override_reason, content) \
               SELECT $2, sequence, subject, ticket_id, direction, verdict, counts, gate, device, scanned_at, \
               received_at, client, nonce, @unhex(request), conflict, on_record, repeat_of, override_reason, content \
               FROM @records(sequence bigint, subject text, ticket_id uuid, direction text, verdict text, \
               counts bigint, gate text, device text, scanned_at timestamptz, received_at timestamptz, client text, \
               nonce text, request text, conflict text, on_record bigint, repeat_of bigint, override_reason text, content text)";
    db.execute(sql, &[Value::from(rows).to_string().into(), door.event.into()]).await?;
    Ok(())
}

async fn counts(db: &mut impl Batches, door: &Door, facts: &Facts) -> Result<()> {
    if facts.added.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = facts
        .added
        .iter()
        .map(|(place, moved)| {
            let (day, gate, area) = (&place.day, clean(&place.gate), clean(&place.area));
            json!({ "day": day, "gate": gate, "area": area, "entries": moved.entries, "exits": moved.exits })
        })
        .collect();
    let sql = "INSERT INTO door_counts (event_number, day, gate, area, entries, exits) \
               SELECT $2, day, gate, area, entries, exits \
               FROM @records(day text, gate text, area text, entries bigint, exits bigint) WHERE TRUE \
               ON CONFLICT (event_number, day, gate, area) DO UPDATE SET \
               entries = door_counts.entries + excluded.entries, exits = door_counts.exits + excluded.exits";
    db.execute(sql, &[Value::from(rows).to_string().into(), door.event.into()]).await?;
    Ok(())
}

/// Entries and exits stand in the history of their tickets.
async fn history(db: &mut impl Batches, new: &[(&NewCheckIn, &CheckIn)]) -> Result<()> {
    let moved = new.iter().filter(|(_, check_in)| check_in.result.recorded);
    let rows: Vec<_> = moved
        .filter_map(|(scan, check_in)| {
            let what = if check_in.direction == Direction::Exit { "left" } else { "admitted" };
            let place = match (&check_in.gate, &check_in.device) {
                (Some(gate), _) => format!(" by gate {gate}"),
                (None, Some(device)) => format!(" by device {device}"),
                (None, None) => String::new(),
            };
            let offline = if check_in.shown.is_some() { ", offline" } else { "" };
            let why = format!("{what}{place}{offline}");
            Some(json!({ "id": check_in.ticket_id?, "who": clean(scan.by.name()), "why": clean(&why) }))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT t.id, @now, t.status, t.status, n.who, n.why \
               FROM @records(id uuid, who text, why text) JOIN tickets t ON t.id = n.id";
    db.execute(sql, &[Value::from(rows).to_string().into()]).await?;
    Ok(())
}

/// A supervisor's decision is audited once, and whoever is named in its reason is found by it.
async fn overrides(db: &mut impl Batches, new: &[(&NewCheckIn, &CheckIn)]) -> Result<()> {
    for (scan, check_in) in new.iter().filter(|(_, check_in)| check_in.result.lifted.is_some()) {
        let mut entry = AuditEntry::new(&scan.by, Action::OverrideRefusal);
        if let (Some(ticket), Some(order)) = (check_in.ticket_id, check_in.order_id) {
            entry = entry.ticket(ticket).order(order);
            let sql = "INSERT INTO index_unread (order_id, letter_id) VALUES ($1, 0)";
            db.execute(sql, &[order.into()]).await?;
        }
        if check_in.result.repeat_of.is_none() {
            audit(db, entry).await?;
        }
    }
    Ok(())
}
