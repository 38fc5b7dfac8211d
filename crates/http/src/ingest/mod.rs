//! Payments in, and what takes them back.

pub(crate) mod messages;
pub(crate) mod payments;
pub(crate) mod withdrawals;
