//! Hashes of files, and files that are there whole or not at all.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for Hash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The hash and size of a file.
pub(super) fn hash_of(file: &Path) -> anyhow::Result<(Hash, u64)> {
    let at = || format!("cannot read {}", file.display());
    let (mut input, mut hash, mut size) = (File::open(file).with_context(at)?, Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = input.read(&mut piece).with_context(at)?;
        if read == 0 {
            return Ok((Hash(hash.finalize().into()), size));
        }
        hash.update(&piece[..read]);
        size += read as u64;
    }
}

/// Writes a file under another name, and renames it once it is on the disk: it is there whole, or not at all.
pub(super) fn place(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let at = || format!("cannot write {}", file.display());
    let mut partial = file.to_owned().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut new =
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(&partial).with_context(at)?;
    new.write_all(content).and_then(|()| new.sync_all()).with_context(at)?;
    fs::rename(&partial, file).with_context(at)
}
