//! `fulfillment restore`: puts a backup where the settings say.
//!
//! The order of writing makes a restore that was interrupted harmless: the store comes first, and no service starts on it
//! before its keys and the marker of its files are there, which come last.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use fulfillment_config::Config;
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_store::{Action, Actor, AuditEntry};
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Serialize;

use super::copying::{HashList, MARKER, bar, sync_all, sync_folder, write};
use super::hashing::hash_of;
use super::manifest::{Hashed, Manifest};
use super::{Context, KEYS, MANIFEST, Places, STORE, TICKETS, TICKETS_LIST, open};
use crate::error::CliError;

/// Put a backup back where the settings say: store, keys and ticket files
///
/// Nothing is overwritten or deleted: where a store, keys or ticket files are already, it is refused; move them away first.
/// Every file's hash is checked before anything is written. The restored store gets a new epoch, so that readers and
/// scanners do not mix its counts with those they know (as `store new-epoch` does).
///
/// What happened after the backup is not in it: the command says what brings it back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment restore /backup/fulfillment-2026-11-22
  fulfillment restore /backup/today --json | jq .epoch
Exit code: 1 when something is there already, 2 when the folder is no whole backup, or is damaged.")]
pub(crate) struct Restore {
    /// A folder that `backup` made
    dir: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    /// The restored store is as of this time.
    taken_at: Timestamp,
    /// Its new epoch.
    epoch: u64,
    tickets: u64,
    files: u64,
    /// What to do next.
    next: Vec<String>,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let places = Places::of(&config)?;
        let manifest = Manifest::read(&self.dir.join(MANIFEST))?;
        places.check_free()?;
        let list = self.check(context, &manifest)?;

        let epoch = self.store(&config, &places, &context.actor()).await?;
        self.keys(&places, &manifest)?;
        let progress = bar(context, Some(list.len()), "files");
        self.tickets(&places, &list, &progress)?;
        progress.finish_and_clear();
        let (taken_at, tickets) = (manifest.taken_at, manifest.counts.tickets);
        let restored = Restored { taken_at, epoch, tickets, files: list.len(), next: next(taken_at) };
        context.answer(&restored, |restored| {
            let next = restored.next.iter().map(|step| format!("- {step}")).collect::<Vec<_>>().join("\n");
            format!(
                "restored the store as of {taken_at} with {tickets} tickets and {} files; its epoch is {epoch} now.\nWhat \
                 happened since is not in it. Next:\n{next}",
                restored.files
            )
        })
    }

    /// Compares every file with its hash.
    fn check(&self, context: &Context, manifest: &Manifest) -> Result<HashList, CliError> {
        manifest.store.check(&self.dir)?;
        for key in &manifest.keys {
            key.check(&self.dir.join(KEYS))?;
        }
        manifest.tickets.check(&self.dir)?;
        let text =
            fs::read_to_string(self.dir.join(TICKETS_LIST)).context("cannot read the list of files")?;
        let list = HashList::parse(&text)?;
        let progress = bar(context, Some(list.len()), "files checked");
        for (hash, name) in &list.files {
            let file = self.dir.join(TICKETS).join(name);
            if hash_of(&file)?.0 != *hash {
                return Err(CliError::misuse(format!(
                    "{} is not what the backup was made with: its hash differs",
                    file.display()
                )));
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(list)
    }

    /// The store under another name, with its new epoch, and then in its place.
    async fn store(&self, config: &Config, places: &Places, by: &Actor) -> Result<u64, CliError> {
        let mut partial = places.store.clone().into_os_string();
        partial.push(".restoring");
        let partial = PathBuf::from(partial);
        let at = || format!("cannot write {}", partial.display());
        if let Some(folder) = places.store.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o750).create(folder).with_context(at)?;
        }
        fs::copy(self.dir.join(STORE), &partial).with_context(at)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o640)).with_context(at)?;
        let store = open(config, &partial).await?;
        // It refuses a store that a later version wrote.
        store.pending_migrations().await?;
        let epoch = store.new_epoch(by).await?;
        let entry = AuditEntry::new(by, Action::Restore).subject(epoch.to_string());
        store.record_audit(&[(SystemClock.now(), entry)]).await?;
        store.close().await;
        drop(store);
        fs::File::open(&partial).and_then(|file| file.sync_all()).with_context(at)?;
        fs::rename(&partial, &places.store).with_context(at)?;
        sync_folder(places.store.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(epoch)
    }

    fn keys(&self, places: &Places, manifest: &Manifest) -> Result<(), CliError> {
        make(&places.keys, 0o700)?;
        for key in &manifest.keys {
            let from = self.dir.join(KEYS).join(&key.name);
            let content = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            let content = zeroize::Zeroizing::new(content);
            Hashed::write(&places.keys.join(&key.name), &key.name, &content)?;
        }
        Ok(sync_folder(&places.keys)?)
    }

    /// The files, and the storage's marker when they are on the disk.
    fn tickets(&self, places: &Places, list: &HashList, progress: &ProgressBar) -> Result<(), CliError> {
        make(&places.tickets, 0o750)?;
        let copy = |name: &str| {
            let from = self.dir.join(TICKETS).join(name);
            let content = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            write(&places.tickets.join(name), &content)
        };
        for (_, name) in list.files.iter().filter(|(_, name)| name != MARKER) {
            copy(name)?;
            progress.inc(1);
        }
        sync_all(&places.tickets)?;
        if list.files.iter().any(|(_, name)| name == MARKER) {
            copy(MARKER)?;
        }
        Ok(sync_all(&places.tickets)?)
    }
}

impl Places {
    /// Refuses places that have something: nothing is overwritten.
    fn check_free(&self) -> Result<(), CliError> {
        let beside = |suffix: &str| {
            let mut name = self.store.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let store = ["", "-wal", "-journal", ".restoring"].map(beside);
        let taken = store.iter().find(|file| file.exists());
        let filled = [&self.keys, &self.tickets].into_iter().find(|folder| !is_empty(folder));
        match taken.or(filled) {
            None => Ok(()),
            Some(there) => Err(CliError::failed(format!(
                "{} is there already: stop the service and move it away first; nothing is overwritten or deleted",
                there.display()
            ))),
        }
    }
}

/// Whether a folder is not there, or has nothing.
fn is_empty(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

fn make(folder: &Path, mode: u32) -> anyhow::Result<()> {
    let created = DirBuilder::new().recursive(true).mode(mode).create(folder);
    created.with_context(|| format!("cannot make {}", folder.display()))
}

/// What brings back what happened since.
fn next(taken_at: Timestamp) -> Vec<String> {
    vec![
        "`fulfillment serve` starts; with Kafka it reads again what the store does not have".to_owned(),
        format!("`fulfillment reconcile --since {taken_at} --repair` asks Ordering for orders that were paid since"),
        "run `erase` again for each receipt that is newer than the backup: personal data is back".to_owned(),
        "repeat what operators did since: voids, reissues, keys, tokens, devices, details of events (docs/operations.md, \
         \"What only a backup brings back\")"
            .to_owned(),
    ]
}
