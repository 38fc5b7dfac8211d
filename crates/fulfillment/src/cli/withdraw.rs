//! Shared by the commands that refund, cancel or void: they record what a message of the topic would.

use fulfillment_domain::{OrderId, Subject};
use fulfillment_pipeline::operations::withdraw::NotWithdrawn;
use fulfillment_store::WithdrawalState;
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::erase::ERASED;
use crate::error::CliError;
use crate::wiring;

/// The result.
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

/// Records it, and prints the result.
pub(super) async fn withdraw(
    context: &Context,
    command: &str,
    subject: Subject,
    said: &serde_json::Value,
    before_payment: bool,
) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let inbox = wiring::inbox_of_command(&config, store);
    let withdrawn =
        inbox.withdraw(command, &context.actor(), subject, said, before_payment).await.map_err(|why| {
            match why {
                NotWithdrawn::Store(error) => error.into(),
                why @ NotWithdrawn::Unreadable(_) => CliError::misuse(why),
                why => CliError::failed(why.to_string()),
            }
        })?;
    let done = Done {
        order_id: withdrawn.order_id,
        outcome: withdrawn.state.map_or("duplicate", WithdrawalState::as_str),
        note: withdrawn.note,
        erased_at: withdrawn.erased_at,
    };
    context.answer(&done, |done| {
        let told = match withdrawn.state {
            None => "already known; nothing changed",
            Some(WithdrawalState::Applied) => "done",
            Some(WithdrawalState::Waiting) => "recorded; it waits",
            Some(WithdrawalState::Pending) => "recorded; it voids nothing until it is final",
            Some(WithdrawalState::Parked | WithdrawalState::Lifted | WithdrawalState::Failed) => {
                "recorded and parked; it voids nothing"
            }
        };
        let note = done.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let erased = done.erased_at.map(|at| format!("\nThe order was erased at {at}: {ERASED}."));
        format!("{told}{note}{}", erased.unwrap_or_default())
    })
}
