//! Refunds and cancellations, and their raw messages.

use crate::Result;
use crate::decide::headers;
use crate::decide::withdrawing::Received;
use crate::sql::Db;

/// Writes a row; false when its key exists.
pub(crate) async fn insert(db: &mut impl Db, received: &Received<'_>) -> Result<bool> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               VALUES ($1, $2, $3, $4, @amount($5), $6, $7, $8, $9, $10, $11, $12, @now, $13, $14) \
               ON CONFLICT (key) DO NOTHING";
    let Received { message, new, .. } = received;
    let cells = [
        (&new.key).into(),
        new.said.subject().as_str().into(),
        new.said.order_id().into(),
        new.payment_key.as_ref().into(),
        new.amount.map(|a| a.to_string()).into(),
        new.currency.map(|c| c.to_string()).into(),
        (&new.names).into(),
        new.said.reason().into(),
        new.said.said_at().into(),
        (&new.hash).into(),
        new.state().as_str().into(),
        message.received_at.into(),
        new.heard().into(),
        new.note().into(),
    ];
    Ok(db.execute(sql, &cells).await? == 1)
}

/// Keeps the raw message.
pub(crate) async fn keep_message(db: &mut impl Db, received: &Received<'_>) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let Received { message, new, .. } = received;
    let headers = headers::encode(&message.headers)?;
    let cells = [
        (&new.key).into(),
        new.said.order_id().into(),
        message.source.to_string().into(),
        message.source.timestamp().into(),
        message.key.as_deref().into(),
        (&message.raw).into(),
        (&headers).into(),
        new.said.subject().as_str().into(),
        message.received_at.into(),
    ];
    db.execute(sql, &cells).await?;
    Ok(())
}
