//! Refunds and cancellations, written and read.

use fulfillment_domain::OrderId;
use sqlx::PgConnection;

use super::values::At;
use crate::shared::cells::clean;
use crate::shared::headers;
use crate::shared::withdrawing::{NewWithdrawal, withdrawal_columns, withdrawal_from};
use crate::{Incoming, Result, WithdrawalRecord};

/// An order's withdrawals, oldest first.
pub(crate) async fn of_order(db: &mut PgConnection, order: OrderId) -> Result<Vec<WithdrawalRecord>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id = $1 ORDER BY w.received_at, w.key"
    );
    let rows = sqlx::query(sql).bind(order.0).fetch_all(db).await?;
    rows.iter().map(withdrawal_from).collect()
}

/// Writes one and its raw message; false when its key is there.
pub(crate) async fn insert(
    db: &mut PgConnection,
    message: &Incoming,
    new: &NewWithdrawal<'_>,
) -> Result<bool> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               SELECT $1, $2, $3, $4, $5::text::numeric, $6, $7, $8, $9, $10, $11, $12, clock_timestamp(), $13, $14 \
               WHERE NOT EXISTS (SELECT 1 FROM withdrawals WHERE key = $1) ON CONFLICT (key) DO NOTHING";
    let done = sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.kind())
        .bind(new.said.order_id().0)
        .bind(&new.payment_key)
        .bind(new.amount.map(|a| a.to_string()))
        .bind(new.currency.map(|c| c.to_string()))
        .bind(clean(&new.names))
        .bind(new.said.reason().map(clean))
        .bind(new.said.said_at().map(At))
        .bind(&new.hash[..])
        .bind(new.state().as_str())
        .bind(At(message.received_at))
        .bind(new.heard())
        .bind(new.note())
        .execute(&mut *db)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    insert_raw(db, message, new).await?;
    Ok(true)
}

pub(crate) async fn insert_raw(
    db: &mut PgConnection,
    message: &Incoming,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.order_id().0)
        .bind(message.source.to_string().replace('\0', ""))
        .bind(message.source.timestamp())
        .bind(message.key.as_deref())
        .bind(&message.raw[..])
        .bind(headers::encode(&message.headers)?)
        .bind(new.said.kind())
        .bind(At(message.received_at))
        .execute(db)
        .await?;
    Ok(())
}
