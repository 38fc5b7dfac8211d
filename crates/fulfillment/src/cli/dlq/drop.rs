//! `dlq drop`: marks an item as handled, so that it is no longer listed.

use fulfillment_pipeline::operations::Listed;
use fulfillment_pipeline::operations::drop::{Dropped, ToDrop, drop, would_drop};
use fulfillment_store::Store;
use serde_json::json;

use super::super::Context;
use super::super::confirm::{Consent, Plan};
use crate::error::CliError;

pub(super) async fn put_aside(
    context: &Context,
    store: &dyn Store,
    what: &Listed,
    reason: &str,
    consent: Consent,
) -> Result<(), CliError> {
    let id = what.to_string();
    let (outcome, found) = would_drop(store, what).await?;
    check(outcome, &id)?;
    if !consent.given(context, &plan(&id, found))? {
        return Ok(());
    }
    check(drop(store, what, reason, &context.actor()).await?, &id)?;
    context.answer(&json!({ "id": id, "outcome": "dropped", "reason": reason }), |_| format!("{id}  dropped"))
}

fn check(outcome: Dropped, id: &str) -> Result<(), CliError> {
    match outcome {
        Dropped::Done => Ok(()),
        Dropped::NotListed => Err(CliError::failed(format!("nothing named {id} is listed"))),
        Dropped::WaitsForTickets => Err(CliError::misuse(format!(
            "order {id} is paid and waits for its tickets: use `fulfillment retry --order`, or \
             `fulfillment order cancel` to void it with a reason"
        ))),
    }
}

fn plan(id: &str, found: ToDrop) -> Plan {
    let ToDrop { letters, refunds, late_orders, attention } = found;
    let parts = [
        (letters, "dead letter"),
        (refunds, "refund or cancellation"),
        (late_orders, "order that was paid after its void"),
        (attention, "entry of the attention list"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts = parts.map(|(number, one)| format!("{number} {one}")).collect::<Vec<_>>().join(", ");
    let text = format!(
        "This marks as handled what is listed as {id}: {parts}. It is kept with the reason, and `dlq list` shows it no longer."
    );
    Plan {
        text: crate::terminal::lines([text]),
        json: json!({ "id": id, "toDrop": found }),
        question: "Drop it?",
        touches: true,
    }
}
