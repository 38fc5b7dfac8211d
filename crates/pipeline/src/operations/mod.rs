//! What operators do, each as a function or a type that the command line and HTTP call alike: typed results, which these
//! two only print.

pub mod adopt;
pub mod drop;
pub mod erase;
pub mod installation;
mod listed;
pub mod reconcile;
pub mod reissue;
pub mod replay;
pub mod retry;
pub mod void;
pub mod withdraw;

pub use listed::{Listed, NotListed};
