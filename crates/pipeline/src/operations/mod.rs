//! What operators have done, each as a function or a type that the command line and HTTP call alike.

pub mod adopt;
pub mod erase;
pub mod reconcile;
pub mod reissue;
