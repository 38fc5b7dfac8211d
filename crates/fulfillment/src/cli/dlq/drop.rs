//! `dlq drop`: somebody has looked at it, and it is shown no more.

use fulfillment_store::{AttentionScope, Closing, Store};
use serde_json::json;

use super::super::Context;
use super::Name;
use crate::stop::Stop;

pub(super) async fn put_aside(
    context: &Context,
    store: &dyn Store,
    name: Name,
    reason: String,
) -> Result<(), Stop> {
    let (id, done) = match name {
        Name::Letter(id) => {
            (id.to_string(), store.close_dead_letter(id, &Closing::Dropped(reason.clone())).await?)
        }
        Name::Order(order) => {
            let record = store.order(order).await?;
            let seen = store.acknowledge(&AttentionScope::Order(order), &reason).await? > 0;
            let unpaid = store.lift_unpaid(order, &reason).await?;
            let late = store.acknowledge_late(order).await? || seen || unpaid;
            if !late && record.is_some_and(|o| o.state.as_str() == "parked") {
                return Err(Stop::misuse(format!(
                    "order {order} is paid and waits for its tickets: use `fulfillment retry --order`, or \
                     `fulfillment order cancel` to void it with a reason"
                )));
            }
            (order.to_string(), late)
        }
        Name::Refund(key) => {
            let done = store.lift_withdrawal(&key, &reason).await?;
            (key, done)
        }
        Name::Event(event) => {
            let done = store.acknowledge(&AttentionScope::Event(event.clone()), &reason).await? > 0;
            (event, done)
        }
    };
    if !done {
        return Err(Stop::no(format!("nothing named {id} is listed")));
    }
    context.answer(&json!({ "id": id, "outcome": "dropped", "reason": reason }), |_| format!("{id}  dropped"))
}
