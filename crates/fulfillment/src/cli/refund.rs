//! `fulfillment refund`, and what the commands that take tickets back have in common.

use std::sync::Arc;

use clap::Args;
use fulfillment_domain::{Amount, Currency, OrderId, TicketId, Unreadable, Withdrawal};
use fulfillment_store::{Incoming, Source, Subject, WithdrawalOutcome, WithdrawalState};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::order::ERASED;
use crate::ports::Accept as _;
use crate::stop::Stop;

/// Record that money went back, as the topic payment-refunded does
///
/// Tickets that are named are voided, and items if the amount covers their price. Without names the order is voided
/// once every payment of it is refunded in full; a part without names is parked and voids nothing. Saying it again
/// changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment refund --id R-17 --order 7d444840-9dc0-11d1-b245-5ffdce74fad2 --payment aa444840-9dc0-41d1-8245-5ffdce74fad2
  fulfillment refund --id R-18 --order ID --payment ID --item A-1 --amount 59.50 --currency EUR --reason 'fell ill'
  fulfillment refund --id R-19 --order ID --item A-1 --quantity 2
Exit code: 1 when it contradicts an earlier refund with its id, or nobody has paid for the order.")]
pub(crate) struct Refund {
    /// The refund's own id: the same one again is the same refund
    #[arg(long, value_name = "ID")]
    id: String,
    /// The order
    #[arg(long, value_name = "ID")]
    order: OrderId,
    /// The payment; left out, the order's only one
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
    /// How much; left out, all of the payment
    #[arg(long)]
    amount: Option<Amount>,
    /// In what
    #[arg(long)]
    currency: Option<Currency>,
    /// An item that it is for, with all tickets of it; can be given again
    #[arg(long = "item", value_name = "ID")]
    items: Vec<String>,
    /// So many tickets of the one item, its last ones, whatever the amount
    #[arg(long, value_name = "N", requires = "items", value_parser = clap::value_parser!(u32).range(1..))]
    quantity: Option<u32>,
    /// A ticket that it is for; can be given again
    #[arg(long = "ticket", value_name = "ID")]
    tickets: Vec<TicketId>,
    /// Why, for people
    #[arg(long)]
    reason: Option<String>,
    /// Record it although nobody has paid for the order yet: it waits for the payment
    #[arg(long)]
    before_payment: bool,
}

impl Refund {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let mut said = json!({
            "refundId": self.id, "orderId": self.order, "paymentId": self.payment, "amount": self.amount,
            "currency": self.currency, "itemIds": self.items, "ticketIds": self.tickets, "reason": self.reason,
        });
        if let Some(quantity) = self.quantity {
            let [item] = &self.items[..] else {
                return Err(Stop::misuse("--quantity is of one --item"));
            };
            said["items"] = json!([{ "itemId": item, "quantity": quantity }]);
            said["itemIds"] = json!([]);
        }
        let parse = |raw: &[u8]| fulfillment_domain::Refund::parse(raw).map(Withdrawal::Refund);
        withdraw(context, "refund", Subject::Refund, &said, parse, self.before_payment).await
    }
}

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
            "no payment of an order {} has come; --before-payment records it all the same",
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
            return Err(Stop::no("a refund with this id said something else before; it is set apart"));
        }
        Some(WithdrawalOutcome::DeadLettered(why)) => return Err(Stop::no(why.to_string())),
        None => return Err(Stop::no("nothing became of it")),
    };
    let record = store.order(order_id).await?;
    let erased_at = record.as_ref().and_then(|order| order.erased_at);
    let note = record.and_then(|o| o.withdrawals.into_iter().find(|w| w.key == key)?.note);
    let done = Done { order_id, outcome: word, note, erased_at };
    context.answer(&done, |done| {
        let told = match word {
            "duplicate" => "known already; nothing changed",
            word if word == WithdrawalState::Applied.as_str() => "done",
            word if word == WithdrawalState::Waiting.as_str() => "kept; it waits",
            word if word == WithdrawalState::Pending.as_str() => "kept; it voids nothing until it is final",
            _ => "kept and parked; it voids nothing",
        };
        let note = done.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let erased = done.erased_at.map(|at| format!("\nThe order was erased at {at}: {ERASED}."));
        format!("{told}{note}{}", erased.unwrap_or_default())
    })
}
