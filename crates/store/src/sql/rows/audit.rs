//! The audit: one row for each action, or for many that were alike.

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decide::intake::Intake;
use crate::decide::sql_values::{clean, rfc3339};
use crate::sql::Db;
use crate::{Action, Actor, AuditEntry, IngestOutcome, Result, Source};

/// Records what this transaction does.
pub(crate) async fn audit(db: &mut impl Db, entry: AuditEntry) -> Result<()> {
    audit_all(db, [entry]).await
}

/// Records several things that this transaction does.
pub(crate) async fn audit_all(
    db: &mut impl Db,
    entries: impl IntoIterator<Item = AuditEntry> + Send,
) -> Result<()> {
    let now = db.now().await?;
    let rows: Vec<_> = entries.into_iter().map(|entry| row(now, &entry)).collect();
    write(db, rows).await
}

/// Records what an actor did to each of these orders.
pub(crate) async fn audit_orders(
    db: &mut impl Db,
    by: &Actor,
    action: Action,
    orders: impl IntoIterator<Item = OrderId> + Send,
) -> Result<()> {
    let entries: Vec<_> = orders.into_iter().map(|order| AuditEntry::new(by, action).order(order)).collect();
    audit_all(db, entries).await
}

/// Records the messages of a batch that operators entered and that were taken.
pub(crate) async fn audit_entered(
    db: &mut impl Db,
    intake: &Intake<'_>,
    outcomes: &[Option<IngestOutcome>],
) -> Result<()> {
    let entered = intake.messages().iter().zip(outcomes).filter_map(|(message, outcome)| {
        let Source::Command { name, by } = &message.source else { return None };
        let order = outcome.as_ref()?.taken_for()?;
        Some(AuditEntry::new(by, Action::EnterMessage).order(order).subject(name))
    });
    let entered: Vec<_> = entered.collect();
    audit_all(db, entered).await
}

/// A row as [`write`] takes it.
pub(crate) fn row(at: Timestamp, entry: &AuditEntry) -> Value {
    json!({
        "at": rfc3339(at), "via": entry.actor.via().as_str(), "actor": clean(entry.actor.name()),
        "action": entry.action.as_str(), "order_id": entry.order_id.map(|id| id.0),
        "ticket_id": entry.ticket_id.map(|id| id.0), "subject": entry.subject.as_deref().map(clean),
        "times": entry.times, "position_from": entry.positions.map(|(from, _)| from),
        "position_to": entry.positions.map(|(_, to)| to),
    })
}

/// Writes rows, in this order.
pub(crate) async fn write(db: &mut impl Db, rows: Vec<Value>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO audit (at, via, actor, action, order_id, ticket_id, subject, times, position_from, \
               position_to) SELECT at, via, actor, action, order_id, ticket_id, subject, times, position_from, \
               position_to FROM @records(at timestamptz, via text, actor text, action text, order_id uuid, \
               ticket_id uuid, subject text, times bigint, position_from bigint, position_to bigint)";
    db.execute(sql, &[Value::from(rows).to_string().into()]).await?;
    Ok(())
}
