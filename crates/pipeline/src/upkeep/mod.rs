//! What goes on in the background: lost files drawn again, old rows swept and pruned, and how much waits, as gauges.

pub mod gauges;
pub mod heal;
pub mod maintenance;
