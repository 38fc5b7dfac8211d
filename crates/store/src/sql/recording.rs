//! Ingestion of refunds and cancellations: all of a batch are recorded, and then each order is settled once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fulfillment_domain::OrderId;

use super::Batches;
use crate::decide::dead_letter::DeadLetter;
use crate::decide::intake::{Decided, Intake};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::decide::withdrawing::{CANCELLATIONS, Heard, NewWithdrawal, Received, heard_columns};
use crate::{IngestOutcome, Result};

/// The refunds and cancellations of a batch that changed the record.
#[derive(Default)]
pub(crate) struct Recorded {
    /// Each one's index in the batch, its order and its key.
    messages: Vec<(usize, OrderId, String)>,
    /// Their orders, which are to be settled.
    pub(crate) orders: BTreeSet<OrderId>,
}

/// The orders that the batch's refunds and cancellations name: their rows are created. A message under a known key of
/// another order creates none: it is quarantined. Nothing is locked.
pub(crate) async fn named(db: &mut impl Batches, intake: &Intake<'_>) -> Result<BTreeSet<OrderId>> {
    let mut by_key = BTreeMap::new();
    for (_, message, said) in intake.withdrawals() {
        // Only the first message of a key can be new; another one that names another order is quarantined.
        by_key.entry(NewWithdrawal::new(message, said)?.key).or_insert(said.order_id());
    }
    if by_key.is_empty() {
        return Ok(BTreeSet::new());
    }
    let keys = SqlValue::texts(by_key.keys().map(String::as_str));
    let sql = "SELECT key, order_id FROM withdrawals WHERE key @any($1)";
    let mut elsewhere = BTreeSet::new();
    for row in db.fetch_all(sql, &[keys]).await? {
        let (key, order) = (need("key", row.text("key")?)?, row.order_id()?);
        if by_key.get(&key).is_some_and(|named| *named != order) {
            elsewhere.insert(key);
        }
    }
    Ok(by_key.into_iter().filter(|(key, _)| !elsewhere.contains(key)).map(|(_, order)| order).collect())
}

/// Marks orders that refunds or cancellations name. Their rows are locked.
pub(crate) async fn mark(db: &mut impl Batches, named: &BTreeSet<OrderId>) -> Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE orders SET withdrawn = 1 WHERE order_id @any($1) AND withdrawn = 0";
    db.execute(sql, &[SqlValue::orders(named.iter().copied())]).await?;
    Ok(())
}

/// Removes rows of orders that were created for this batch and have neither payment nor withdrawal: a concurrent
/// message recorded the refund for another order.
pub(crate) async fn drop_phantoms(
    db: &mut impl Batches,
    intake: &Intake<'_>,
    outcomes: &[Option<IngestOutcome>],
    locked: &BTreeSet<OrderId>,
) -> Result<()> {
    let quarantined = intake.withdrawals().filter_map(|(at, _, _)| match outcomes.get(at) {
        Some(Some(IngestOutcome::Quarantined(order))) => Some(*order),
        _ => None,
    });
    let orders: BTreeSet<OrderId> = quarantined.chain(locked.iter().copied()).collect();
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM orders WHERE order_id @any($1) AND payment_key = '' \
               AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.order_id = orders.order_id)";
    db.execute(sql, &[SqlValue::orders(orders)]).await?;
    Ok(())
}

/// Records the refunds and cancellations of a batch. Their orders are locked, and settled afterwards.
pub(crate) async fn record<'a>(
    db: &mut impl Batches,
    intake: &Intake<'a>,
    decided: &mut Decided<'a>,
) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    // Messages under one key are recorded one after the other; the first of all keys together, then the second.
    let mut rounds: Vec<Vec<Received<'a>>> = Vec::new();
    let mut told = HashMap::new();
    for (at, message, said) in intake.withdrawals() {
        let new = NewWithdrawal::new(message, said)?;
        let round = told.entry(new.key.clone()).or_insert(0_usize);
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(Received { at, message, new });
        *round += 1;
    }
    for round in rounds {
        record_round(db, round, decided, &mut recorded).await?;
    }
    if !recorded.messages.is_empty() {
        // A reason can be personal, and would be stored as the tickets' void reason.
        let sql = "UPDATE withdrawals SET reason = NULL WHERE key @any($1) AND reason IS NOT NULL AND EXISTS \
                   (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
        let keys = SqlValue::texts(recorded.messages.iter().map(|(_, _, key)| key.as_str()));
        db.execute(sql, &[keys]).await?;
    }
    Ok(recorded)
}

/// Records messages of different keys.
async fn record_round<'a>(
    db: &mut impl Batches,
    mut round: Vec<Received<'a>>,
    decided: &mut Decided<'a>,
    recorded: &mut Recorded,
) -> Result<()> {
    for received in round.iter_mut().filter(|received| received.new.is_untimed()) {
        let order = received.new.said.order_id();
        received.new.place(&db.fetch_all(CANCELLATIONS, &[order.into()]).await?)?;
    }
    let mut sorted: Vec<_> = round.iter().collect();
    sorted.sort_by(|a, b| a.new.key.cmp(&b.new.key));
    let new = db.insert_withdrawals(&sorted).await?;
    let known = round.iter().map(|r| r.new.key.as_str()).filter(|key| !new.contains(*key));
    let known = known_rows(db, known.collect()).await?;
    let (mut kept, mut repeats) = (Vec::new(), Vec::new());
    for received in &round {
        let Received { at, message, new } = received;
        let order = new.said.order_id();
        let Some(row) = known.get(&new.key) else {
            kept.push(received);
            continue;
        };
        match new.hear(row)? {
            Heard::Contradiction(field) => {
                decided.dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                decided.outcomes[*at] = Some(IngestOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                repeats.push(new.key.as_str());
                decided.outcomes[*at] = Some(IngestOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = $2, heard = $3, note = NULL, reason = coalesce($4, reason), \
                           said_at = coalesce($5, said_at), updated_at = @now, hash = $6, payment_key = $7, \
                           amount = @amount($8), currency = $9, names = $10 WHERE key = $1";
                let cells = [
                    (&new.key).into(),
                    moved.state.as_str().into(),
                    moved.heard.into(),
                    new.said.reason().into(),
                    new.said.said_at().into(),
                    (&moved.hash).into(),
                    moved.payment_key.into(),
                    moved.amount.map(|a| a.to_string()).into(),
                    moved.currency.map(|c| c.to_string()).into(),
                    (&moved.names).into(),
                ];
                db.execute(sql, &cells).await?;
                kept.push(received);
            }
        }
    }
    if !repeats.is_empty() {
        let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key @any($1)";
        db.execute(sql, &[SqlValue::texts(repeats)]).await?;
    }
    if !kept.is_empty() {
        db.keep_messages(&kept).await?;
    }
    for Received { at, new, .. } in kept {
        recorded.orders.insert(new.said.order_id());
        recorded.messages.push((*at, new.said.order_id(), new.key.clone()));
    }
    Ok(())
}

/// What is recorded under these keys. The rows are locked.
async fn known_rows<D: Batches>(db: &mut D, mut keys: Vec<&str>) -> Result<HashMap<String, D::Row>> {
    let mut known = HashMap::new();
    if keys.is_empty() {
        return Ok(known);
    }
    keys.sort_unstable();
    let sql =
        concat!("SELECT key, ", heard_columns!(), " FROM withdrawals WHERE key @any($1) ORDER BY key @lock");
    for row in db.fetch_all(sql, &[SqlValue::texts(keys)]).await? {
        known.insert(need("key", row.text("key")?)?, row);
    }
    Ok(known)
}

impl Recorded {
    /// Writes the outcomes: the states after the orders were settled.
    pub(crate) async fn tell(
        self,
        db: &mut impl Batches,
        outcomes: &mut [Option<IngestOutcome>],
    ) -> Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let keys = SqlValue::texts(self.messages.iter().map(|(_, _, key)| key.as_str()));
        let sql = "SELECT key, state FROM withdrawals WHERE key @any($1)";
        let mut states = HashMap::new();
        for row in db.fetch_all(sql, &[keys]).await? {
            states.insert(need("key", row.text("key")?)?, row.word("state")?);
        }
        for (at, order, key) in &self.messages {
            let state = need("state", states.get(key).copied())?;
            outcomes[*at] = Some(IngestOutcome::Recorded(*order, state));
        }
        Ok(())
    }
}
