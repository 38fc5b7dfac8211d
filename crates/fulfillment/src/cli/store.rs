//! The command `fulfillment store`: maintains the store.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::people::PeopleIndex;
use fulfillment_store::Vacuumed;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::confirm::{Consent, Plan};
use crate::error::CliError;

/// What must stay free beside what a vacuum writes.
const ROOM: u64 = 64 * 1024 * 1024;

/// Maintain the store
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment store vacuum
  fulfillment store reindex
  fulfillment store new-epoch")]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read all orders anew for the lists: `order list`, `ticket list` and their search by words
    ///
    /// The service does by itself what this does, for every order that is written and once after an update. It may run
    /// meanwhile. Interrupted, a running service goes on with it.
    #[command(after_help = "Examples:
  fulfillment store reindex
  fulfillment store reindex --json | jq .orders
Exit code: 3 when the store cannot be reached: what was read until then is kept.")]
    Reindex,
    /// Write the file anew, without what was deleted from it
    ///
    /// Versions before this one did not overwrite the pages that they freed, so personal data that they deleted may
    /// still be in the file; `erase` says so until this has run once. The service must be stopped meanwhile, and the
    /// disk needs twice the file's size: it is checked before anything is written.
    #[command(after_help = "Examples:
  fulfillment store vacuum
  fulfillment store vacuum --json | jq .now
Exit code: 1 when the disk has too little room, 2 while a service runs or when the store is PostgreSQL.")]
    Vacuum,
    /// Begin a new epoch after a restore, so that readers do not mix the restored store's counts with those they know
    ///
    /// A store that was restored from a backup counts versions of events and positions again that readers know with
    /// another content. A new epoch distinguishes them: a higher epoch is always newer. Run it after each restore,
    /// before the service starts. Nothing is lost by running it without need: readers load what they need once more.
    #[command(after_help = "Examples:
  fulfillment store new-epoch
  fulfillment store new-epoch --yes --json | jq .epoch
Exit code: 2 when it is not confirmed.")]
    NewEpoch {
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Serialize)]
struct Epoch {
    /// The new one.
    epoch: u64,
    /// The one before.
    before: u64,
}

impl StoreCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self.action {
            Action::Reindex => reindex(context).await,
            Action::Vacuum => vacuum(context).await,
            Action::NewEpoch { consent } => new_epoch(context, consent).await,
        }
    }
}

async fn reindex(context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let dir = config.keys_dir();
    let mut keyring = Keyring::configured(&config)?
        .ok_or_else(|| CliError::misuse(format!("{} has no keys of this installation", dir.display())))?;
    installation::check_keys(&mut keyring, &store.registration().await?, &dir)?;
    let people = PeopleIndex { store: Arc::clone(&store) as _, secret: keyring.secret.clone() };
    store.reindex(&context.actor()).await?;
    let (bar, mut orders) = (bar(context), 0);
    // Ids are evenly distributed: the last one's beginning is about the share that has been read.
    while let Some(last) = store.reindexed_to().await? {
        bar.set_position(u64::from(last.0.as_bytes()[0]));
        orders += people.read_some().await?;
    }
    bar.finish_and_clear();
    context.answer(&Reindexed { orders }, |done| format!("{} orders were read anew", done.orders))
}

#[derive(Serialize)]
struct Reindexed {
    /// Those that this command has read; a running service may have read others.
    orders: usize,
}

fn bar(context: &Context) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {percent} %, {eta}");
    let bar = ProgressBar::new(256).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

async fn new_epoch(context: &Context, consent: Consent) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let before = store.epoch().await?;
    let plan = Plan {
        text: format!(
            "This ends the store's epoch {before}: readers load again what they hold of it. Do it after the store was \
             restored from a backup."
        ),
        json: json!({ "before": before }),
        question: "Begin a new one?",
        touches: true,
    };
    if !consent.given(context, &plan)? {
        return Ok(());
    }
    let epoch = store.new_epoch(&context.actor()).await?;
    context.answer(&Epoch { epoch, before }, |e: &Epoch| {
        format!(
            "the store's epoch is {} now; it was {}. Versions and positions of earlier epochs count as older, whatever \
             their numbers",
            e.epoch, e.before
        )
    })
}

async fn vacuum(context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let needed = store.vacuum_needs().await?.saturating_add(ROOM);
    if let Some(file) = config.store_file() {
        let free = free_bytes(&file)?;
        if free < needed {
            return Err(CliError::failed(format!(
                "a vacuum needs {needed} bytes of free disk beside {}, and {free} are free",
                file.display()
            )));
        }
    }
    let vacuumed = store.vacuum().await?;
    context.answer(&vacuumed, |v: &Vacuumed| format!("the file has {} bytes now; it had {}", v.now, v.before))
}

/// The bytes that this user may still write beside a file.
pub(super) fn free_bytes(file: &Path) -> Result<u64, CliError> {
    let disk = rustix::fs::statvfs(file).map_err(|e| {
        CliError::misuse(format!("cannot ask for the free disk beside {}: {e}", file.display()))
    })?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
