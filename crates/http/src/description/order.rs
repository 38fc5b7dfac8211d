//! The record of an order, as it is served.

use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ticket::{Ticket, TicketState};
use super::words::{AttentionReason, OrderState, PaymentOutcome, WithdrawalState};

/// An order as recorded.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Order {
    /// The signed link to the file of all its tickets, without a token. None while it opens nothing: before the issue, of a
    /// void or erased order, once links to the event have expired.
    tickets_pdf_url: Option<String>,
    /// The order's id.
    order_id: Uuid,
    /// State of the order.
    state: OrderState,
    /// Why it is in this state; the last error while it is retried.
    reason: Option<String>,
    /// Attempts since it was last queued for retry.
    attempts: u32,
    /// When it is tried next, if it will be.
    next_attempt_at: Option<Timestamp>,
    /// When its first payment arrived.
    received_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// Its payments, oldest first.
    payments: Vec<PaymentRecord>,
    /// Its refunds and cancellations, oldest first.
    withdrawals: Vec<WithdrawalRecord>,
    /// Its tickets, by index.
    tickets: Vec<Ticket>,
    /// How parts of Ordering's answer were read, or why they were left out; without personal data.
    notes: Vec<String>,
    /// What about the order needs an operator, now or later.
    attention: Vec<Attention>,
    /// Since when it is void: cancelled, refunded in full, or without a valid ticket. A payment that arrives later parks
    /// it.
    voided_at: Option<Timestamp>,
    /// When its personal data was erased: nothing is issued, reissued or drawn for it after that.
    erased_at: Option<Timestamp>,
}

/// The state of an order, without personal data, codes, links and texts.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OrderProgress {
    /// The order's id.
    order_id: Uuid,
    /// State of the order.
    state: OrderState,
    /// Attempts since it was last queued for retry.
    attempts: u32,
    /// When it is tried next, if it will be.
    next_attempt_at: Option<Timestamp>,
    /// When its first payment arrived.
    received_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// Since when it is void.
    voided_at: Option<Timestamp>,
    /// When its personal data was erased.
    erased_at: Option<Timestamp>,
    /// Its tickets, by index.
    tickets: Vec<TicketState>,
}

/// Why an order needs an operator, although it continues or has ended.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Attention {
    /// The order's id.
    order_id: Uuid,
    /// Why it is listed.
    reason: AttentionReason,
    /// What was found, and what would settle it.
    detail: String,
    /// Since when this has been so.
    since: Timestamp,
    /// From when `dlq list` shows it.
    shows_at: Timestamp,
}

/// A payment as kept permanently.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PaymentRecord {
    /// Idempotency key: the payment's id, or `order:<id>`.
    key: String,
    /// The order that was paid.
    order_id: Uuid,
    /// The amount, with its exact digits.
    #[schema(format = "decimal")]
    amount: Option<f64>,
    /// ISO 4217.
    currency: Option<String>,
    /// `accepted`: the order was queued for it. `already_paid`: another payment of the order. `folded`: the same
    /// payment as `foldedInto`, received under its other key, without an id.
    outcome: PaymentOutcome,
    /// How often the same message arrived again.
    duplicates: u64,
    /// When it first arrived.
    received_at: Timestamp,
    /// The key of the same payment, where it arrived under two keys: with an id and without one.
    folded_into: Option<String>,
}

/// A refund or cancellation as kept permanently.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct WithdrawalRecord {
    /// Idempotency key: `refund:<id>`, or `cancellation:<order>` with its time.
    key: String,
    /// What it is.
    kind: WithdrawalKind,
    /// The order.
    order_id: Uuid,
    /// The payment that the refund names.
    payment_key: Option<String>,
    /// The amount, with its exact digits.
    #[schema(format = "decimal")]
    amount: Option<f64>,
    /// ISO 4217.
    currency: Option<String>,
    /// The items and tickets that it names.
    names: Names,
    /// The reason given by its producer.
    reason: Option<String>,
    /// When it happened, by its producer's clock.
    said_at: Option<Timestamp>,
    /// `waiting`: what it refers to has not arrived; `applied`: done; `parked`: it voids nothing by itself; `lifted`: an
    /// operator dismissed it; `pending` and `failed`: as its status says, and it voids nothing.
    state: WithdrawalState,
    /// Why it is in this state.
    note: Option<String>,
    /// How often it arrived again.
    duplicates: u64,
    /// When it first arrived.
    received_at: Timestamp,
    /// The key of the payment that it refunds, once that is known.
    bound_to: Option<String>,
    /// Tickets that were reinstated after it: it does not apply to them.
    dismissed_for: Vec<Uuid>,
}

/// A refund or a cancellation.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum WithdrawalKind {
    Refund,
    Cancellation,
}

/// The items and tickets that a refund names. What it does not name is absent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Names {
    #[schema(required = false)]
    item_ids: Vec<String>,
    #[schema(required = false)]
    ticket_ids: Vec<Uuid>,
    #[schema(required = false)]
    items: Vec<ItemQuantity>,
}

/// A number of tickets of one item.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ItemQuantity {
    item_id: String,
    #[schema(minimum = 1)]
    quantity: u32,
}
