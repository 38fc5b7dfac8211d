//! The built binary, driven through Kafka and HTTP as its neighbours drive it. One program for all of it:
//! linking takes longer than most tests.

mod access;
mod commands;
mod downloads;
mod duplicates;
mod embedded;
mod installation;
mod issued;
mod ordering;
mod outage;
mod poison;
mod restart;
mod rotation;
mod seats;
