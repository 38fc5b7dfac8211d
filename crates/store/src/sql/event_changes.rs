//! Changes of events by messages: the events are numbered, their records locked, and each is written once.

use std::collections::{BTreeMap, HashSet};

use super::rows::audit::audit;
use super::rows::event_records::{locked, write};
use super::{Batches, Db as _, Sql};
use crate::decide::dead_letter::DeadLetter;
use crate::decide::event_changes::make;
use crate::decide::event_records::unknown_event;
use crate::decide::intake::{Decided, Intake};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::{Action, Actor, Announcing, AuditEntry, EventChanged, IngestOutcome, Installation, Result};

/// Who changes events by messages, in the audit.
const BY: &str = "event-changed";

/// Numbers the unknown events that a batch changes, before its transaction. An event all of whose changes are refused, or
/// change nothing, is not created.
pub(crate) async fn number_events(store: &(impl Sql + Installation), intake: &Intake<'_>) -> Result<()> {
    let changes = intake.event_changes();
    if changes.is_empty() {
        return Ok(());
    }
    let sql = "SELECT event_id FROM events WHERE event_id @any($1)";
    let rows = store.read().await?.fetch_all(sql, &[SqlValue::texts(changes.keys().copied())]).await?;
    let known: HashSet<_> =
        rows.iter().map(|row| need("event_id", row.text("event_id")?)).collect::<Result<_>>()?;
    for (id, changes) in changes.into_iter().filter(|(id, _)| !known.contains(*id)) {
        let mut record = unknown_event(id);
        for (_, message, change) in changes {
            // What is refused is refused again when it is written.
            let _ = make(&mut record, message, change);
        }
        if record != unknown_event(id) {
            store.event_number(id).await?;
        }
    }
    Ok(())
}

/// The events that a batch changes: their records are locked together with those of its voids.
pub(crate) fn changed_events<'a>(intake: &Intake<'a>) -> Vec<&'a str> {
    intake.event_changes().into_keys().collect()
}

/// Makes the changes of a batch.
pub(crate) async fn change_events<'a>(
    db: &mut impl Batches,
    intake: &Intake<'a>,
    decided: &mut Decided<'a>,
    announcing: &Announcing,
) -> Result<()> {
    let changes = intake.event_changes();
    if changes.is_empty() {
        return Ok(());
    }
    let records = locked(db, changes.keys().copied()).await?;
    let mut records: BTreeMap<_, _> = records.into_iter().map(|record| (record.id.clone(), record)).collect();
    for (id, changes) in changes {
        // One that is not there stays unknown: nothing that is said about it counts.
        let before = records.remove(id).unwrap_or_else(|| unknown_event(id));
        let mut record = before.clone();
        let mut times = 0;
        for (at, message, change) in changes {
            decided.outcomes[at] = Some(match make(&mut record, message, change) {
                Ok(outcome) => {
                    times += u64::from(outcome == EventChanged::Changed);
                    IngestOutcome::Event(outcome)
                }
                Err(why) => {
                    decided.dead.push(DeadLetter::unreadable(message, &why));
                    IngestOutcome::DeadLettered(why)
                }
            });
        }
        if record == before {
            continue;
        }
        write(db, &mut record, &before.in_force(), announcing).await?;
        if record.overrides != before.overrides {
            let by = Actor::service(BY);
            audit(db, AuditEntry::new(&by, Action::SetEvent).subject(id).times(times)).await?;
        }
    }
    Ok(())
}
