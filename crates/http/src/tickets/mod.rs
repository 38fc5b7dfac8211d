//! Routes of tickets and orders: records, files, reissue, void, delivery.

mod admission;
pub(crate) mod codes;
pub(crate) mod delivered;
pub(crate) mod file;
pub(crate) mod lists;
pub(crate) mod order_file;
pub(crate) mod orders;
pub(crate) mod reissues;
pub(crate) mod resend;
pub(crate) mod state;
pub(crate) mod ticket;
pub(crate) mod void;
