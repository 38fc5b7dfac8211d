//! Statements for dead letters and parked orders.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fulfillment_domain::OrderId;

use super::rows::audit::audit;
use super::settling::see_to;
use super::{Db as _, Sql, Transaction as _};
use crate::decide::dead_letters::{
    closed_as, letter_columns, letter_from, message_from, parked_from, whole_letter_from,
};
use crate::decide::sql_values::SqlValue;
use crate::{
    Action, Actor, AuditEntry, ClosedAs, Closing, DeadLetterRecord, DeadLetters, KeptMessage, ParkedOrder,
    Result, WholeDeadLetter,
};

#[async_trait]
impl<S: Sql> DeadLetters for S {
    async fn dead_letters(&self, after: i64, closed: bool, limit: usize) -> Result<Vec<DeadLetterRecord>> {
        let sql = concat!(
            "SELECT ",
            letter_columns!(),
            " FROM dead_letters WHERE id > $1 AND ($2 = 1 OR closed_at IS NULL) ORDER BY id LIMIT $3"
        );
        let cells = [after.into(), closed.into(), SqlValue::limit(limit)];
        self.read().await?.fetch_all(sql, &cells).await?.iter().map(letter_from).collect()
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<WholeDeadLetter>> {
        let sql =
            concat!("SELECT ", letter_columns!(), ", key, raw, headers FROM dead_letters WHERE id = $1");
        let row = self.read().await?.fetch_optional(sql, &[id.into()]).await?;
        row.as_ref().map(whole_letter_from).transpose()
    }

    async fn close_dead_letter(&self, id: i64, closing: &Closing, by: &Actor) -> Result<bool> {
        let (word, note) = closed_as(closing);
        let sql = "UPDATE dead_letters SET closed_as = $2, note = $3, \
                   attempts = attempts + CASE WHEN CAST($2 AS TEXT) IS NULL THEN 1 ELSE 0 END, \
                   closed_at = CASE WHEN CAST($2 AS TEXT) IS NULL THEN NULL ELSE @now END \
                   WHERE id = $1 AND closed_at IS NULL";
        let mut tx = self.begin().await?;
        let closed =
            tx.execute(sql, &[id.into(), word.map(ClosedAs::as_str).into(), note.into()]).await? == 1;
        if closed {
            let action = match closing {
                Closing::Dropped(_) => Action::DropLetter,
                Closing::Replayed(_) | Closing::InVain(_) => Action::ReplayLetter,
            };
            audit(&mut tx, AuditEntry::new(by, action).subject(id.to_string())).await?;
        }
        tx.commit().await?;
        Ok(closed)
    }

    async fn parked_orders(&self, limit: usize) -> Result<Vec<ParkedOrder>> {
        let sql = "SELECT order_id, reason, attempts, coalesce(parked_at, received_at) AS parked_at, due_at \
                   FROM orders WHERE state = 'parked' \
                   ORDER BY coalesce(parked_at, received_at), order_id LIMIT $1";
        let rows = self.read().await?.fetch_all(sql, &[SqlValue::limit(limit)]).await?;
        rows.iter().map(parked_from).collect()
    }

    async fn messages_of(&self, order: OrderId) -> Result<Vec<KeptMessage>> {
        let sql = "SELECT source, key, raw, headers, outcome, received_at FROM inbox WHERE order_id = $1 ORDER BY id";
        self.read().await?.fetch_all(sql, &[order.into()]).await?.iter().map(message_from).collect()
    }

    async fn acknowledge_late(&self, order: OrderId, by: &Actor) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql =
            "SELECT 1 FROM orders WHERE order_id = $1 AND state = 'parked' AND voided_at IS NOT NULL @lock";
        if !tx.exists(sql, &[order.into()]).await? {
            return Ok(false);
        }
        see_to(&mut tx, &BTreeSet::from([order]), self.refunds()).await?;
        audit(&mut tx, AuditEntry::new(by, Action::Acknowledge).order(order)).await?;
        tx.commit().await?;
        Ok(true)
    }
}
