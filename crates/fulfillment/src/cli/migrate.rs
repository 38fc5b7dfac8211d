//! The command `fulfillment migrate`: updates the store's schema.

use std::sync::Arc;

use clap::Args;
use fulfillment_config::{Config, Problem};
use fulfillment_pipeline::clock::SystemClock;
use serde::Serialize;

use super::Context;
use crate::error::CliError;
use crate::wiring::exposures;

/// Bring the store's schema up to date
///
/// `serve` does so too when it starts. Run it by itself where the service's own database user may not
/// change the schema.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment migrate                     applies what is missing
  fulfillment migrate --check             says what is missing and makes nothing; exit code 1 if anything is
With --check, settings that `serve` refuses are named too, and tokens that had more rights in earlier versions; they
do not change the exit code.")]
pub(crate) struct Migrate {
    /// Change nothing; print what is missing
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Checked {
    pending: Vec<String>,
    /// Settings that `serve` refuses.
    refused: Vec<Problem>,
    /// Tokens that had more rights in earlier versions.
    narrowed: Vec<Problem>,
}

fn describe(found: &Checked) -> String {
    let schema = match found.pending.len() {
        0 => "the schema is up to date".to_owned(),
        _ => format!("to apply: {}", found.pending.join(", ")),
    };
    let refused = found.refused.iter().map(|problem| format!("`serve` will refuse {problem}"));
    let narrowed = found.narrowed.iter().map(|problem| format!("warning: {problem}"));
    std::iter::once(schema).chain(refused).chain(narrowed).collect::<Vec<_>>().join("\n")
}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        if self.check {
            let pending = pending(&config).await?;
            let missing = !pending.is_empty();
            let refused = exposures(&config, true, &context.environment).await;
            context.answer(&Checked { pending, refused, narrowed: config.narrowed_tokens() }, describe)?;
            return if missing { Err(CliError::failed("")) } else { Ok(()) };
        }
        let report = crate::wiring::open_store(&config).await?.migrate().await?;
        context.answer(&report, |r| match r.applied.len() {
            0 => format!("the schema is up to date, at version {}", r.version),
            _ => format!("applied {}; the schema is at version {}", r.applied.join(", "), r.version),
        })
    }
}

/// The missing migrations. For a file that does not exist these are all of them: an empty in-memory database lists
/// them, and no file is created.
async fn pending(config: &Config) -> Result<Vec<String>, CliError> {
    let store = if config.store_file().is_some_and(|file| !file.exists()) {
        let nothing = fulfillment_store::Settings {
            url: "sqlite://:memory:".into(),
            schema: config.store.schema.clone(),
            max_connections: 1,
            connect_timeout: config.store.connect_timeout,
            refunds: fulfillment_store::RefundRules::default(),
        };
        fulfillment_store::open(&nothing, Arc::new(SystemClock)).await?
    } else {
        crate::wiring::open_store(config).await?
    };
    Ok(store.pending_migrations().await?)
}
