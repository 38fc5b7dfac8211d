//! Finished files: one ticket's (`ticket`) and an order's (`order`), with what both share (`catalog`, `metadata`,
//! `colour_profile`).

mod catalog;
mod colour_profile;
mod metadata;
mod order;
mod ticket;

pub(crate) use catalog::colour_profile;
pub(crate) use metadata::{CREATOR, Meta};
pub(crate) use order::{OrderWriter, Placement, WriteError};
pub(crate) use ticket::write_ticket;
