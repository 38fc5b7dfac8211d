//! Test support for black-box tests: simulated neighbours of the service, and the service itself as a process.
//!
//! A test begins with a [`scene`]. `scripts/test` starts the servers and names them in `RIG_*` variables ([`rig`]); a
//! test creates a database ([`postgres`]), topics ([`kafka`]), an Ordering ([`ordering`]) and a receiver ([`webhook`]),
//! starts the built binary with their addresses ([`service`]), and reads the tickets back with independent programs
//! ([`tools`]). Tests share only the servers, so all of them can run concurrently.

pub mod checker;
mod ending;
pub mod gates;
pub mod kafka;
pub mod ledger;
pub mod ordering;
pub mod payment;
pub mod postgres;
pub mod proxy;
pub mod record;
pub mod rig;
pub mod scans;
pub mod scene;
pub mod service;
pub mod stream;
pub mod tools;
pub mod wait;
pub mod webhook;
