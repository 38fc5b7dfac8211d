//! What an order's refunds and cancellations amount to, decided apart from the database.

mod case;
mod record;
mod refund;
mod ruling;

pub(crate) use case::{Case, Paid, case_from, paid_from};
pub(crate) use record::{NewWithdrawal, withdrawal_columns, withdrawal_from};
pub(crate) use ruling::{End, Ruling, decide, end_after, voided_event};
