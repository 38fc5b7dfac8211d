//! The commands `fulfillment backup` and `fulfillment restore`: a copy of everything that the embedded default keeps.

mod copying;
mod hashing;
mod manifest;
mod restore;

use std::path::{Path, PathBuf};

use clap::Args;
use fulfillment_config::Config;
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring;
use fulfillment_store::{Action, AuditEntry, Store};
use serde::Serialize;

use self::copying::{Folder, bar, check_room, new_folder, sync_folder};
use self::manifest::{FORMAT, Hashed, Manifest};
pub(crate) use self::restore::Restore;
use super::Context;
use crate::error::CliError;

/// The names in a backup.
const STORE: &str = "store.db";
const KEYS: &str = "keys";
const TICKETS: &str = "tickets";
const TICKETS_LIST: &str = "tickets.sha256";
const MANIFEST: &str = "manifest.json";

/// Copy the embedded store, the keys and the ticket files to a new folder, while the service runs
///
/// THE BACKUP HAS THE KEYS: whoever reads it can sign tickets, and read every buyer's data. The folder is for its owner
/// alone (0700); keep it as safe as the keys themselves, and encrypt what leaves the machine.
///
/// The store is copied first, as it is at one moment, then the keys and the files: a file is there before the store names
/// it, so every ticket of the copy has its file. manifest.json, with hashes of everything, is written last: a folder
/// without it is half a backup, which `restore` refuses. Everything is on the disk when the command ends.
///
/// For the embedded default alone. PostgreSQL and object storage are backed up by their own tools: docs/operations.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment backup /backup/fulfillment-2026-11-22
  fulfillment backup /backup/today --json | jq .counts
Exit code: 1 when the folder exists or the disk has too little room, 2 where PostgreSQL or an object storage is used.")]
pub(crate) struct Backup {
    /// The folder to make; it must not exist
    dir: PathBuf,
}

/// Where the embedded default keeps everything.
struct Places {
    store: PathBuf,
    keys: PathBuf,
    tickets: PathBuf,
}

impl Places {
    fn of(config: &Config) -> Result<Self, CliError> {
        let elsewhere = |what: &str| {
            CliError::misuse(format!(
                "{what} is not copied by this command: docs/operations.md, \"Backups\", has the procedure for PostgreSQL \
                 and object storage"
            ))
        };
        let store = config.store_file().ok_or_else(|| elsewhere("the store (store.url is PostgreSQL)"))?;
        let files = config.files_url();
        let tickets =
            files.strip_prefix("file://").ok_or_else(|| elsewhere("the file storage (files.url)"))?;
        Ok(Self { store, keys: config.keys_dir(), tickets: tickets.into() })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made<'a> {
    folder: String,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let places = Places::of(&config)?;
        let store = context.store(&config).await?;
        let files = Folder::list(&places.tickets)?;
        new_folder(&self.dir)?;
        check_room(&self.dir, store.vacuum_needs().await? / 2, &files)?;
        let taken_at = SystemClock.now();

        let spinner = bar(context, None, "copying the store");
        let copy = self.dir.join(STORE);
        store.copy_to(&copy).await?;
        let (epoch, tickets, voided) = look_into(&config, &copy).await?;
        spinner.finish_and_clear();
        let store_file = Hashed::private(&copy, STORE)?;

        let keys = self.dir.join(KEYS);
        new_folder(&keys)?;
        // Keys that the copy knows are in the folder by now; the lock keeps it as it is meanwhile.
        let keys = keyring::locked(&places.keys, || Folder::list_keys(&places.keys)?.copy_private(&keys))?;

        // Listed again: what the copy knows is there by now.
        let files = Folder::list(&places.tickets)?;
        let to = self.dir.join(TICKETS);
        new_folder(&to)?;
        let progress = bar(context, Some(files.len()), "files");
        let list = files.copy(&to, &progress)?;
        progress.finish_and_clear();
        let tickets_list = Hashed::write(&self.dir.join(TICKETS_LIST), TICKETS_LIST, list.text().as_bytes())?;

        let manifest = Manifest {
            format: FORMAT,
            program: env!("FULFILLMENT_VERSION").to_owned(),
            taken_at,
            epoch,
            counts: manifest::Counts { tickets, voided, files: list.len(), bytes: list.bytes() },
            store: store_file,
            keys,
            tickets: tickets_list,
        };
        manifest.write(&self.dir.join(MANIFEST))?;
        sync_folder(&self.dir)?;
        if let Some(parent) = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        let entry = AuditEntry::new(&context.actor(), Action::Backup);
        store.record_audit(&[(SystemClock.now(), entry)]).await?;
        let folder = self.dir.display().to_string();
        context.answer(&Made { folder, manifest: &manifest }, |made| {
            let manifest::Counts { tickets, files, .. } = made.manifest.counts;
            let of_settings = config.credential.secret.is_some() || config.credential.link_secrets.is_some();
            let secret = if of_settings {
                "\nSecrets that are in the settings are not in it: keep the settings too."
            } else {
                ""
            };
            format!(
                "{} has the store as of {taken_at} with {tickets} tickets, {files} files and the keys.\n\
                 Whoever reads it can sign tickets: keep it as safe as the keys.{secret}",
                made.folder
            )
        })
    }
}

/// The epoch of a copy, and how many tickets it has, and void ones. That it can be read shows that it is whole.
async fn look_into(config: &Config, copy: &Path) -> Result<(u64, u64, u64), CliError> {
    let store = open(config, copy).await?;
    let epoch = store.epoch().await?;
    let (mut tickets, mut voided, mut after) = (0, 0, 0);
    loop {
        let events = store.events(after, 500).await?;
        let Some(last) = events.last() else { break };
        after = last.record.number;
        tickets += events.iter().map(|event| event.issued).sum::<u64>();
        voided += events.iter().map(|event| event.voided).sum::<u64>();
    }
    store.close().await;
    Ok((epoch, tickets, voided))
}

/// Opens a store's file that is not the service's.
async fn open(config: &Config, file: &Path) -> Result<std::sync::Arc<dyn Store>, CliError> {
    let settings = fulfillment_store::Settings {
        url: format!("sqlite://{}", file.display()),
        schema: config.store.schema.clone(),
        max_connections: 1,
        connect_timeout: config.store.connect_timeout,
        refunds: fulfillment_store::RefundRules::default(),
    };
    Ok(fulfillment_store::open(&settings, std::sync::Arc::new(SystemClock)).await?)
}
