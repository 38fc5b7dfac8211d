//! Copies folders of files, with the hash of each.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::Context;
use super::super::store::free_bytes;
use super::hashing::Hash;
use super::manifest::Hashed;
use crate::error::CliError;

/// What must stay free beside a backup.
const ROOM: u64 = 64 * 1024 * 1024;

/// The marker of a storage of ticket files.
pub(super) const MARKER: &str = ".fulfillment-storage";

/// Makes a folder for its owner alone; one that exists is refused.
pub(super) fn new_folder(folder: &Path) -> Result<(), CliError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CliError::failed(format!(
            "{} exists: name a folder that does not, nothing is overwritten",
            folder.display()
        ))),
        made => Ok(made.with_context(|| format!("cannot make {}", folder.display()))?),
    }
}

/// Makes what was renamed or made in a folder last.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync {}", folder.display()))
}

/// Refuses a disk that has too little room for the copy of the store and these files.
pub(super) fn check_room(folder: &Path, store: u64, files: &Folder) -> Result<(), CliError> {
    let needed = store.saturating_add(files.bytes).saturating_add(ROOM);
    let free = free_bytes(folder)?;
    if free >= needed {
        return Ok(());
    }
    // The folder is new and empty.
    let _ = fs::remove_dir(folder);
    Err(CliError::failed(format!(
        "a backup needs {needed} bytes of free disk at {}, and {free} are free",
        folder.display()
    )))
}

/// A bar for a terminal; of unknown length without a total.
pub(super) fn bar(context: &Context, total: Option<u64>, what: &str) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {pos} of {len} {msg}, {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style).with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The plain files of a folder, by name.
pub(super) struct Folder {
    path: PathBuf,
    names: Vec<String>,
    bytes: u64,
}

impl Folder {
    /// Ticket files and the storage's marker; no temporary files.
    pub(super) fn list(folder: &Path) -> anyhow::Result<Self> {
        Self::listed(folder, |name| !name.starts_with('.') || name == MARKER)
    }

    /// Everything in the keys folder but its lock.
    pub(super) fn list_keys(folder: &Path) -> anyhow::Result<Self> {
        Self::listed(folder, |name| !name.starts_with('.') && name != "lock")
    }

    fn listed(folder: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Self> {
        let at = || format!("cannot list {}", folder.display());
        let (mut names, mut bytes) = (Vec::new(), 0);
        for entry in fs::read_dir(folder).with_context(at)? {
            let entry = entry.with_context(at)?;
            // A file may be gone by now.
            let Ok(metadata) = entry.metadata() else { continue };
            if let Some(name) = entry.file_name().to_str().filter(|name| metadata.is_file() && wanted(name)) {
                names.push(name.to_owned());
                bytes += metadata.len();
            }
        }
        names.sort();
        Ok(Self { path: folder.to_owned(), names, bytes })
    }

    pub(super) fn len(&self) -> u64 {
        self.names.len() as u64
    }

    /// Copies files that only their owner may read, each synced.
    pub(super) fn copy_private(&self, to: &Path) -> anyhow::Result<Vec<Hashed>> {
        let copied = self.names.iter().map(|name| {
            let from = self.path.join(name);
            let content =
                zeroize_on_drop(fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?);
            Hashed::write(&to.join(name), name, &content)
        });
        let copied = copied.collect::<anyhow::Result<_>>()?;
        sync_folder(to)?;
        Ok(copied)
    }

    /// Copies files, and syncs them together. What is gone meanwhile is left out: its ticket was erased.
    pub(super) fn copy(&self, to: &Path, progress: &ProgressBar) -> anyhow::Result<HashList> {
        let mut list = HashList::default();
        for name in &self.names {
            progress.inc(1);
            let from = self.path.join(name);
            let content = match fs::read(&from) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read.with_context(|| format!("cannot read {}", from.display()))?,
            };
            write(&to.join(name), &content)?;
            list.files.push((Hash::of(&content), name.clone()));
            list.bytes += content.len() as u64;
        }
        sync_all(to)?;
        Ok(list)
    }
}

fn zeroize_on_drop(content: Vec<u8>) -> impl std::ops::Deref<Target = Vec<u8>> {
    zeroize::Zeroizing::new(content)
}

/// Writes a file for its owner alone, without syncing it.
pub(super) fn write(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file);
    new.and_then(|mut new| new.write_all(content)).with_context(|| format!("cannot write {}", file.display()))
}

/// Syncs everything that was written to the folder's file system: one call, however many files.
pub(super) fn sync_all(folder: &Path) -> anyhow::Result<()> {
    let at = || format!("cannot sync {}", folder.display());
    rustix::fs::syncfs(File::open(folder).with_context(at)?).with_context(at)?;
    sync_folder(folder)
}

/// Files with their hashes, as `sha256sum` lists them.
#[derive(Debug, Default)]
pub(super) struct HashList {
    pub(super) files: Vec<(Hash, String)>,
    bytes: u64,
}

impl HashList {
    pub(super) fn len(&self) -> u64 {
        self.files.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn text(&self) -> String {
        let lines = self.files.iter().map(|(hash, name)| format!("{hash}  {name}\n"));
        lines.collect::<Vec<_>>().concat()
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let files = text.lines().map(|line| {
            let (hash, name) =
                line.split_once("  ").context("the list of files has a line without a name")?;
            anyhow::ensure!(
                !name.contains('/') && name != ".." && name != ".",
                "the list of files names {name:?}, which is not in its folder"
            );
            Ok((hash.parse().context("the list of files has a line without a hash")?, name.to_owned()))
        });
        Ok(Self { files: files.collect::<anyhow::Result<_>>()?, bytes: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_are_written_and_lead_nowhere_else() {
        let list = HashList { files: vec![(Hash::of(b"a"), "a.pdf".into())], bytes: 1 };
        assert_eq!(HashList::parse(&list.text()).unwrap().files, list.files);
        let hash = Hash::of(b"a");
        for bad in
            [format!("{hash}  ../a"), format!("{hash} a"), "x  a.pdf".to_owned(), format!("{hash}  ..")]
        {
            assert!(HashList::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_made_once() {
        let dir = std::env::temp_dir().join(format!("backup-{}", std::process::id()));
        new_folder(&dir).unwrap();
        assert!(new_folder(&dir).is_err());
        fs::remove_dir(&dir).unwrap();
    }
}
