//! Revoked keys: they never sign and are not published, whatever the folder holds.
//!
//! The store's tombstone decides. The folder is changed too, so that a scanner's desk without a store knows it: in place
//! of the key's files there is one with its public half, `{time}-{kid}.revoked`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use fulfillment_config::Sensitive;
use fulfillment_credential::{Kid, PublicKey};
use fulfillment_store::RevokedKey;
use jiff::Timestamp;

use super::files::{REVOKED, at, lock, read_key, read_keys, write_key, write_private};
use super::{Found, Keyring, StoredKey};

impl Keyring {
    /// Takes the store's tombstones over: their keys neither sign nor verify from now on.
    pub fn bar(&mut self, tombstones: &[RevokedKey]) {
        bar(&mut self.keys, tombstones);
        for public in buried(tombstones) {
            if self.public.get(public.kid()) == Some(&public) {
                self.public.remove(public.kid());
            }
            // Two keys with one id are refused when they are read.
            let _ = self.revoked.insert(public);
        }
    }

    /// Whether the key with this id was revoked.
    pub fn is_revoked(&self, kid: &str) -> bool {
        kid.parse::<Kid>().is_ok_and(|kid| self.revoked.get(kid).is_some())
    }
}

/// The keys of the tombstones. The store has only keys that were usable.
fn buried(tombstones: &[RevokedKey]) -> impl Iterator<Item = PublicKey> {
    tombstones.iter().filter_map(|tombstone| PublicKey::from_bytes(&tombstone.public_key).ok())
}

/// Keys with a tombstone cannot sign.
pub(super) fn bar(keys: &mut [StoredKey], tombstones: &[RevokedKey]) {
    for public in buried(tombstones) {
        for key in keys.iter_mut().filter(|key| key.public == public) {
            (key.signing, key.revoked) = (None, true);
        }
    }
}

/// Makes sure that another key can sign once this one is revoked: a new one that signs at once, where there is none but
/// those with a tombstone.
pub fn succeed(
    dir: &Path,
    secret: Option<&Sensitive>,
    kid: Kid,
    now: Timestamp,
    tombstones: &[RevokedKey],
) -> anyhow::Result<Option<StoredKey>> {
    let _lock = lock(dir)?;
    if let Found::Nothing = Keyring::look(dir, secret)? {
        return Ok(None);
    }
    let mut keys = read_keys(dir)?;
    bar(&mut keys, tombstones);
    if keys.iter().any(|key| key.signing.is_some() && key.public.kid() != kid) {
        return Ok(None);
    }
    write_key(dir, now).map(Some)
}

/// Leaves of a key in the folder only that it was revoked. `None` where the folder does not have it.
pub fn bury(dir: &Path, public: &PublicKey) -> anyhow::Result<Option<StoredKey>> {
    let _lock = lock(dir)?;
    let mut buried = None;
    for entry in fs::read_dir(dir).with_context(|| at(dir))? {
        let file = entry.with_context(|| at(dir))?.path();
        if file.extension().is_none_or(|extension| extension != "pem" && extension != REVOKED) {
            continue;
        }
        let key = read_key(file)?;
        if key.public != *public {
            continue;
        }
        let name = key.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let grave = dir.join(format!("{stem}.{REVOKED}"));
        if !grave.exists() {
            write_private(&grave, public.to_pem()?.as_bytes())?;
        }
        if key.file != grave {
            fs::remove_file(&key.file).with_context(|| at(&key.file))?;
        }
        buried = Some(StoredKey { signing: None, revoked: true, file: grave, ..key });
    }
    Ok(buried)
}
