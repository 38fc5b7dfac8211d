//! Refunds and cancellations, written and read.

use fulfillment_domain::OrderId;
use sqlx::SqliteConnection;

use crate::shared::cells::{clean, rfc3339};
use crate::shared::headers;
use crate::shared::withdrawing::{NewWithdrawal, withdrawal_columns, withdrawal_from};
use crate::{Incoming, Result, WithdrawalRecord};

/// An order's withdrawals, oldest first.
pub(crate) async fn of_order(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<WithdrawalRecord>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id = ?1 ORDER BY w.received_at, w.key"
    );
    let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(db).await?;
    rows.iter().map(withdrawal_from).collect()
}

/// Writes one and its raw message.
pub(crate) async fn insert(
    db: &mut SqliteConnection,
    now: &str,
    message: &Incoming,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.kind())
        .bind(new.said.order_id().to_string())
        .bind(&new.payment_key)
        .bind(new.amount.map(|a| a.to_string()))
        .bind(new.currency.map(|c| c.to_string()))
        .bind(clean(&new.names))
        .bind(new.said.reason().map(clean))
        .bind(new.said.said_at().map(rfc3339))
        .bind(&new.hash[..])
        .bind(new.state().as_str())
        .bind(rfc3339(message.received_at))
        .bind(now)
        .bind(new.heard())
        .bind(new.note())
        .execute(&mut *db)
        .await?;
    insert_raw(db, message, new).await
}

/// Keeps the message that it came by.
pub(crate) async fn insert_raw(
    db: &mut SqliteConnection,
    message: &Incoming,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.order_id().to_string())
        .bind(message.source.to_string())
        .bind(message.source.timestamp())
        .bind(message.key.as_deref())
        .bind(&message.raw[..])
        .bind(headers::encode(&message.headers)?)
        .bind(new.said.kind())
        .bind(rfc3339(message.received_at))
        .execute(db)
        .await?;
    Ok(())
}
