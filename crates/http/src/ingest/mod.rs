//! Routes that take payments, refunds and cancellations.

pub(crate) mod messages;
pub(crate) mod payments;
pub(crate) mod withdrawals;
