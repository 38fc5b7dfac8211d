//! Decides the effects of an order's refunds and cancellations, without a database.

mod attention;
mod case;
mod hearing;
mod names;
mod record;
mod refund;
mod ruling;
pub(crate) mod sql;
mod sums;
#[cfg(all(test, feature = "conformance"))]
mod tests;
mod untimed;

pub(crate) use case::{Arrival, Case, case_from, paid_from};
pub(crate) use hearing::{Heard, heard_columns};
pub(crate) use record::{NewWithdrawal, withdrawal_columns, withdrawal_from};
pub(crate) use ruling::{End, Ruling, decide, voided_event};
pub(crate) use untimed::CANCELLATIONS;
