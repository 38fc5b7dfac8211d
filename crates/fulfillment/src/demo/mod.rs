//! A sample platform around the service: paid orders of realistic make, and an Ordering that knows them.

mod names;
mod ordering;
mod orders;
mod run;

pub(crate) use ordering::serve_ordering;
pub(crate) use orders::{SampleOrders, sample};
pub(crate) use run::{Outcome, run};
