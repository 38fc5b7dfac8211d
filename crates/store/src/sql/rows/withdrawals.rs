//! Reading refunds and cancellations.

use std::collections::HashMap;

use fulfillment_domain::OrderId;

use crate::decide::sql_values::SqlValue;
use crate::decide::withdrawing::{withdrawal_columns, withdrawal_from};
use crate::sql::Db;
use crate::{Result, WithdrawalRecord};

/// An order's withdrawals, oldest first.
pub(crate) async fn of_order(db: &mut impl Db, order: OrderId) -> Result<Vec<WithdrawalRecord>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id = $1 ORDER BY w.received_at, w.key"
    );
    db.fetch_all(sql, &[order.into()]).await?.iter().map(withdrawal_from).collect()
}

/// The withdrawals of several orders, each order's oldest first; `which` is the list of orders.
pub(crate) async fn of_orders(
    db: &mut impl Db,
    which: &[SqlValue<'_>],
) -> Result<HashMap<OrderId, Vec<WithdrawalRecord>>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id @any($1) ORDER BY w.received_at, w.key"
    );
    let mut withdrawals: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.fetch_all(sql, which).await? {
        let withdrawal = withdrawal_from(&row)?;
        withdrawals.entry(withdrawal.order_id).or_default().push(withdrawal);
    }
    Ok(withdrawals)
}
