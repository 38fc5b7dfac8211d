//! Black-box tests: the built binary, driven through Kafka and HTTP as by its neighbours. All are in one program,
//! because linking takes longer than most tests.

mod access;
mod apart;
mod audit;
mod commands;
mod connections;
mod description;
mod downloads;
mod duplicates;
mod embedded;
mod erased_files;
mod erasures;
mod forms;
mod growth;
mod import;
mod installation;
mod issued;
mod leaked_keys;
mod load;
mod meant;
mod ordering;
mod outage;
mod people;
mod poison;
mod positions;
mod reconcile;
mod restart;
mod rotation;
mod scenes;
mod seats;
mod secure;
mod strangers;
mod templates;
mod tokens;
mod traces;
mod voids;
