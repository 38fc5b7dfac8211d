//! A sample platform around the service: realistic paid orders, and an Ordering that knows them.

mod names;
mod ordering;
mod orders;
mod run;

pub(crate) use ordering::serve_ordering;
pub(crate) use orders::{SampleOrders, sample};
pub(crate) use run::{Outcome, run};
