//! Rows that several parts of the store write or read, one file for each table. Nothing here imports a part.

pub(crate) mod dead_letters;
pub(crate) mod events;
mod parts;
pub(crate) mod positions;
pub(crate) mod tickets;
pub(crate) mod values;
pub(crate) mod withdrawals;
