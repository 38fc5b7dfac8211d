//! What the commands that take tickets back have in common: they record what a topic would have brought.

use std::sync::Arc;

use fulfillment_domain::{OrderId, Unreadable, Withdrawal};
use fulfillment_pipeline::ports::Accept as _;
use fulfillment_store::{Incoming, Source, Subject, WithdrawalOutcome, WithdrawalState};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::erase::ERASED;
use crate::stop::Stop;

/// What became of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    order_id: OrderId,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
}

/// Says it at the door that the topics lead to, and tells what became of it.
pub(super) async fn withdraw(
    context: &Context,
    command: &str,
    subject: Subject,
    said: &serde_json::Value,
    parse: impl Fn(&[u8]) -> Result<Withdrawal, Unreadable>,
    before_payment: bool,
) -> Result<(), Stop> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let door = crate::wiring::door_of_command(&config, Arc::clone(&store));
    let raw = said.to_string().into_bytes();
    let read = parse(&raw).map_err(|why| Stop::misuse(why.to_string()))?;
    let key = read.key();
    // A topic may run ahead of the payments; whoever types an id has it from somewhere, or has mistyped it.
    let order = store.order(read.order_id()).await?;
    if !before_payment && order.is_none_or(|o| o.payments.is_empty() && o.tickets.is_empty()) {
        return Err(Stop::no(format!(
            "no payment for order {} has arrived; use --before-payment to record it anyway",
            read.order_id()
        )));
    }
    let message = Incoming {
        source: Source::Command { name: command.to_owned() },
        key: None,
        raw,
        headers: Vec::new(),
        traceparent: None,
        received_at: door.clock.now(),
        subject,
        content: Ok(read),
    };
    let outcome = door.withdraw(vec![message]).await?.pop();
    let (order_id, word) = match outcome {
        Some(WithdrawalOutcome::Recorded(order, state)) => (order, state.as_str()),
        Some(WithdrawalOutcome::Duplicate(order)) => (order, "duplicate"),
        Some(WithdrawalOutcome::Quarantined(_)) => {
            return Err(Stop::no(
                "an earlier refund with this id has different content; this one was quarantined",
            ));
        }
        Some(WithdrawalOutcome::DeadLettered(why)) => return Err(Stop::no(why.to_string())),
        None => return Err(Stop::no("it had no result")),
    };
    let record = store.order(order_id).await?;
    let erased_at = record.as_ref().and_then(|order| order.erased_at);
    let note = record.and_then(|o| o.withdrawals.into_iter().find(|w| w.key == key)?.note);
    let done = Done { order_id, outcome: word, note, erased_at };
    context.answer(&done, |done| {
        let told = match word {
            "duplicate" => "already known; nothing changed",
            word if word == WithdrawalState::Applied.as_str() => "done",
            word if word == WithdrawalState::Waiting.as_str() => "recorded; it waits",
            word if word == WithdrawalState::Pending.as_str() => {
                "recorded; it voids nothing until it is final"
            }
            _ => "recorded and parked; it voids nothing",
        };
        let note = done.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let erased = done.erased_at.map(|at| format!("\nThe order was erased at {at}: {ERASED}."));
        format!("{told}{note}{}", erased.unwrap_or_default())
    })
}
