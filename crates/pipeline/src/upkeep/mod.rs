//! Background tasks: lost files drawn again, old rows swept, pruned and erased, and gauges of what waits.

pub mod counts;
pub mod erased_files;
pub mod gauges;
pub mod heal;
pub mod maintenance;
pub mod people;
pub mod retention;
