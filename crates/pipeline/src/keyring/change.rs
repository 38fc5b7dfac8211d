//! Changes to the keys folder by `fulfillment keys`. A running service follows them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use fulfillment_config::Sensitive;
use fulfillment_credential::{KeySet, Kid};
use fulfillment_store::RevokedKey;
use jiff::Timestamp;

use super::files::{at, lock, read_keys, write_key, write_private, write_secret};
use super::revoke::bar;
use super::{Found, Keyring, StoredKey, public_halves};

/// Creates another key, which signs from `signs_from` on; `None` for an empty folder, since the first start creates the
/// first key together with the secret.
pub fn new_key(
    dir: &Path,
    secret: Option<&Sensitive>,
    signs_from: Timestamp,
) -> anyhow::Result<Option<StoredKey>> {
    let _lock = lock(dir)?;
    if let Found::Nothing = Keyring::look(dir, secret)? {
        return Ok(None);
    }
    write_key(dir, signs_from).map(Some)
}

/// Removes the private half of a key: from now on it verifies and can never sign again. `None` where there is no such
/// key that can sign. Keys with one of the `tombstones` cannot, whatever the folder holds.
///
/// # Errors
/// It is the last one that can sign, or the one that signs now: another has to replace it first.
pub fn retire(
    dir: &Path,
    kid: Kid,
    now: Timestamp,
    tombstones: &[RevokedKey],
) -> anyhow::Result<Option<StoredKey>> {
    let _lock = lock(dir)?;
    let mut keys = read_keys(dir)?;
    bar(&mut keys, tombstones);
    let Some(key) = keys.iter().find(|k| k.signing.is_some() && k.public.kid() == kid) else {
        return Ok(None);
    };
    let successor =
        keys.iter().any(|k| k.signing.is_some() && k.signs_from > key.signs_from && k.signs_from <= now);
    let current = key.signs_from <= now && !successor;
    let last = keys.iter().filter(|k| k.signing.is_some()).count() == 1;
    if current || last {
        bail!(
            "the key {kid} is the one that signs: make another by `fulfillment keys new`, and retire this one once that one signs"
        );
    }
    let file = key.file.with_extension("pub.pem");
    if !file.exists() {
        write_private(&file, key.public.to_pem()?.as_bytes())?;
    }
    fs::remove_file(&key.file).with_context(|| at(&key.file))?;
    Ok(Some(StoredKey { signing: None, file, ..key.clone() }))
}

/// The public keys in the folder, for verification, which needs no secret: the good ones and the revoked ones. `None`
/// where there is no key.
pub fn public_keys(dir: &Path) -> anyhow::Result<Option<(KeySet, KeySet)>> {
    let keys = read_keys(dir)?;
    public_halves(&keys).map(|sets| (!keys.is_empty()).then_some(sets))
}

/// The keys with the secret that is here, or with a new one where the old one is lost.
pub fn replace_lost_secret(dir: &Path, secret: Option<&Sensitive>) -> anyhow::Result<Keyring> {
    let _lock = lock(dir)?;
    let file = dir.join("secret");
    if secret.is_none() && !file.exists() {
        write_secret(&file)?;
    }
    match Keyring::look(dir, secret)? {
        Found::Whole(keyring) => Ok(keyring),
        Found::Half(half) => bail!(half),
        Found::Nothing => bail!("{} has no signing keys: `fulfillment keys new` makes one", dir.display()),
    }
}
