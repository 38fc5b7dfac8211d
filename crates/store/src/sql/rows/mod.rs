//! Rows that several parts of the store write or read, one file for each table. Nothing here imports a part.

pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod deviations;
pub(crate) mod event_records;
pub(crate) mod history;
pub(crate) mod locks;
pub(crate) mod orders;
pub(crate) mod personal;
pub(crate) mod search;
pub(crate) mod seats;
pub(crate) mod tickets;
pub(crate) mod withdrawals;
