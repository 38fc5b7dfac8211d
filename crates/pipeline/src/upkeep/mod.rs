//! Background tasks: lost files drawn again, old rows swept and pruned, and gauges of what waits.

pub mod gauges;
pub mod heal;
pub mod maintenance;
pub mod people;
