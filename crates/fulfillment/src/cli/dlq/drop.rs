//! `dlq drop`: marks an item as handled, so that it is no longer listed.

use fulfillment_pipeline::operations::Listed;
use fulfillment_pipeline::operations::drop::{Dropped, drop};
use fulfillment_store::Store;
use serde_json::json;

use super::super::Context;
use crate::error::CliError;

pub(super) async fn put_aside(
    context: &Context,
    store: &dyn Store,
    what: &Listed,
    reason: &str,
) -> Result<(), CliError> {
    let id = what.to_string();
    match drop(store, what, reason, &context.actor()).await? {
        Dropped::Done => {}
        Dropped::NotListed => return Err(CliError::failed(format!("nothing named {id} is listed"))),
        Dropped::WaitsForTickets => {
            return Err(CliError::misuse(format!(
                "order {id} is paid and waits for its tickets: use `fulfillment retry --order`, or \
                 `fulfillment order cancel` to void it with a reason"
            )));
        }
    }
    context.answer(&json!({ "id": id, "outcome": "dropped", "reason": reason }), |_| format!("{id}  dropped"))
}
