//! The rules of doors that the configuration declares: read from their files, and set at each start.

use std::io::Read as _;
use std::path::Path;

use fulfillment_config::{Config, Problem};
use fulfillment_door::{MAX_JSON_BYTES, Rules};
use fulfillment_store::{Actor, Store};
use tracing::{info, warn};

use crate::error::CliError;

/// The rules in a file.
pub(crate) fn rules_in(path: &Path) -> Result<Rules, String> {
    read_rules(std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?)
}

/// Rules, of which no more is read than they may have.
pub(crate) fn read_rules(file: impl std::io::Read) -> Result<Rules, String> {
    let most = u64::try_from(MAX_JSON_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    file.take(most).read_to_string(&mut text).map_err(|error| format!("cannot be read: {error}"))?;
    Rules::read(&text).map_err(|error| error.to_string())
}

/// The rules that the `[[door]]` tables name, by event; or what is wrong with the files.
pub(crate) fn declared(config: &Config) -> Result<Vec<(&str, Rules)>, Vec<Problem>> {
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for door in &config.doors {
        // A pipe would keep the start waiting for whoever writes into it.
        let is_plain = std::fs::metadata(&door.rules).map_or(true, |found| found.is_file());
        let read = if is_plain { rules_in(&door.rules) } else { Err("is no plain file".to_owned()) };
        match read {
            Ok(read) => rules.push((door.event.as_str(), read)),
            Err(message) => problems.push(Problem {
                key: format!("[[door]] {}", door.event),
                message: format!("{}: {message}", door.rules.display()),
            }),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// Sets declared rules where others are in force; an event of which nothing is known yet is made.
pub(crate) async fn declare(store: &dyn Store, rules: &[(&str, Rules)]) -> Result<(), CliError> {
    for (event, rules) in rules {
        if store.door_version(event).await?.is_none() {
            warn!(%event, "a [[door]] table names an event that nothing is known of; it is made: check its id");
        }
        if store.set_door_rules(event, rules, &Actor::service("configuration")).await? {
            info!(%event, "the door has the rules of the configuration now");
        }
    }
    Ok(())
}
