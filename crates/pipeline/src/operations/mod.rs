//! Operations for operators, each a function or a type that the command line and HTTP both call: the results are typed,
//! and those two only print them.

pub mod destinations;
pub mod drop;
pub mod erase;
pub mod event_cancellation;
pub mod event_record;
pub mod import;
mod import_files;
pub mod installation;
pub mod key_reissue;
pub mod links;
mod listed;
pub mod lists;
pub mod people;
pub mod reconcile;
pub mod reissue;
pub mod replay;
pub mod resend;
pub mod retry;
pub mod status;
pub mod void;
pub mod withdraw;

pub use listed::{Listed, NotListed};
