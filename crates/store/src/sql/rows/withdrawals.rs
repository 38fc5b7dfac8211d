//! Reading refunds and cancellations.

use fulfillment_domain::OrderId;

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
