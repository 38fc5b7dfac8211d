//! The command `fulfillment store`: maintains the embedded store's file.

use std::path::Path;

use clap::{Args, Subcommand};
use fulfillment_store::Vacuumed;

use super::Context;
use crate::error::CliError;

/// What must stay free beside what a vacuum writes.
const ROOM: u64 = 64 * 1024 * 1024;

/// Maintain the embedded store's file
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fulfillment store vacuum")]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
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
}

impl StoreCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let Action::Vacuum = self.action;
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
        context.answer(&vacuumed, |v: &Vacuumed| {
            format!("the file has {} bytes now; it had {}", v.now, v.before)
        })
    }
}

/// The bytes that this user may still write beside a file.
fn free_bytes(file: &Path) -> Result<u64, CliError> {
    let disk = rustix::fs::statvfs(file).map_err(|e| {
        CliError::misuse(format!("cannot ask for the free disk beside {}: {e}", file.display()))
    })?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
