//! `dlq replay`: puts messages into the inbox again, and queues parked orders.

use std::sync::Arc;

use fulfillment_config::Config;
use fulfillment_pipeline::operations::Listed;
use fulfillment_pipeline::operations::replay::{NotReplayed, Replayed};
use fulfillment_store::Store;
use serde::Serialize;

use super::super::Context;
use crate::error::CliError;
use crate::wiring;

#[derive(Serialize)]
struct Done {
    id: String,
    outcome: String,
    #[serde(skip)]
    replayed: Replayed,
}

pub(super) async fn replay(
    context: &Context,
    config: &Config,
    store: Arc<dyn Store>,
    all: Vec<Listed>,
) -> Result<(), CliError> {
    let inbox = wiring::inbox_of_command(config, store);
    let mut done = Vec::with_capacity(all.len());
    for what in all {
        let replayed =
            inbox.replay(&what, config.pipeline.max_message.0, &context.actor()).await.map_err(|why| {
                match why {
                    NotReplayed::Store(error) => error.into(),
                    why @ NotReplayed::NoSuchMessage(_) => CliError::failed(why.to_string()),
                    why @ NotReplayed::Refund => CliError::misuse(why),
                }
            })?;
        done.push(Done { id: what.to_string(), outcome: replayed.to_string(), replayed });
    }
    let in_vain = done.iter().any(|done| done.replayed.is_in_vain());
    context.answer(&done, |done| {
        let lines: Vec<_> = done.iter().map(|d| format!("{}  {}", d.id, for_people(d))).collect();
        if lines.is_empty() { "there is nothing to replay".to_owned() } else { lines.join("\n") }
    })?;
    if in_vain { Err(CliError::failed("")) } else { Ok(()) }
}

/// The names in the JSON are older, and are kept.
fn for_people(done: &Done) -> &str {
    match done.replayed {
        Replayed::Queued => "queued for retry",
        Replayed::NotQueued => "cannot be retried: see `order show`",
        _ => &done.outcome,
    }
}
