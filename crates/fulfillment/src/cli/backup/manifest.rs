//! What a backup has, with hashes. It is written last.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hashing::{Hash, hash_of, place};

/// The version of the manifest's form.
pub(super) const FORMAT: u32 = 1;

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The version of the program that wrote it.
    pub(super) program: String,
    /// The store's copy is not older than this.
    pub(super) taken_at: Timestamp,
    /// The store's epoch.
    pub(super) epoch: u64,
    pub(super) counts: Counts,
    pub(super) store: Hashed,
    pub(super) keys: Vec<Hashed>,
    /// The list of ticket files with their hashes, as `sha256sum` writes and checks it.
    pub(super) tickets: Hashed,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    /// Tickets in the store's copy.
    pub(super) tickets: u64,
    /// Those of them that are void.
    pub(super) voided: u64,
    /// Ticket files.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// A file of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashed {
    /// Its name in its folder.
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: Hash,
}

impl Manifest {
    /// The manifest of a whole backup.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = match fs::read(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => anyhow::bail!(
                "{} is not there: the folder is no backup, or half of one (the manifest is written last)",
                file.display()
            ),
            other => other.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let manifest: Self =
            serde_json::from_slice(&text).with_context(|| format!("cannot read {}", file.display()))?;
        anyhow::ensure!(
            manifest.format == FORMAT,
            "{} is of the form {}, which this version cannot read",
            file.display(),
            manifest.format
        );
        for Hashed { name, .. } in manifest.keys.iter().chain([&manifest.store, &manifest.tickets]) {
            anyhow::ensure!(
                !name.contains('/') && !matches!(name.as_str(), "" | "." | ".."),
                "{} names {name:?}, which is not in its folder",
                file.display()
            );
        }
        Ok(manifest)
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        place(file, &text)
    }
}

impl Hashed {
    /// A file that is there: made private, and synced.
    pub(super) fn private(file: &Path, name: &str) -> anyhow::Result<Self> {
        let at = || format!("cannot sync {}", file.display());
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).with_context(at)?;
        fs::File::open(file).and_then(|file| file.sync_all()).with_context(at)?;
        let (sha256, size) = hash_of(file)?;
        Ok(Self { name: name.to_owned(), size, sha256 })
    }

    /// A file of this content, private and synced.
    pub(super) fn write(file: &Path, name: &str, content: &[u8]) -> anyhow::Result<Self> {
        let at = || format!("cannot write {}", file.display());
        let mut new =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(file).with_context(at)?;
        new.write_all(content).and_then(|()| new.sync_all()).with_context(at)?;
        Ok(Self { name: name.to_owned(), size: content.len() as u64, sha256: Hash::of(content) })
    }

    /// Refuses a file that has another content.
    pub(super) fn check(&self, folder: &Path) -> anyhow::Result<()> {
        let file = folder.join(&self.name);
        anyhow::ensure!(
            hash_of(&file)? == (self.sha256, self.size),
            "{} is not what the backup was made with: its hash differs",
            file.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_else() {
        let file = |name: &str| Hashed { name: name.to_owned(), size: 0, sha256: Hash::of(b"") };
        let with = |key: &str| Manifest {
            format: FORMAT,
            program: String::new(),
            taken_at: Timestamp::UNIX_EPOCH,
            epoch: 1,
            counts: Counts { tickets: 0, voided: 0, files: 0, bytes: 0 },
            store: file("store.db"),
            keys: vec![file(key)],
            tickets: file("tickets.sha256"),
        };
        let dir = tempfile::tempdir().unwrap();
        for (key, good) in [("secret", true), ("../secret", false), ("/etc/secret", false), ("..", false)] {
            let written = dir.path().join(hex::encode(key));
            with(key).write(&written).unwrap();
            assert_eq!(Manifest::read(&written).is_ok(), good, "{key}");
        }
    }
}
