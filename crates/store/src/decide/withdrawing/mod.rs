//! Decides the effects of an order's refunds and cancellations, without a database.

mod attention;
mod effects;
mod facts;
mod hearing;
mod names;
mod record;
mod refund;
pub(crate) mod sql;
mod sums;
#[cfg(test)]
mod tests;
mod ticket;
mod untimed;
mod verdict;

pub(crate) use effects::{Effects, End, decide, voided_event};
pub(crate) use facts::{Arrival, OrderFacts, Paid, facts_from, paid_from};
pub(crate) use hearing::{Heard, heard_columns};
pub(crate) use record::{NewWithdrawal, Received, withdrawal_columns, withdrawal_from};
pub(crate) use ticket::{TicketFacts, ticket_facts_columns, ticket_facts_from};
pub(crate) use untimed::CANCELLATIONS;
