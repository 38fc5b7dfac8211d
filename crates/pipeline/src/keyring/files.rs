//! The files of the keys folder: parsed names, and durable writes that only the owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fulfillment_credential::{PublicKey, SigningKey};
use fulfillment_domain::Secret;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use zeroize::Zeroizing;

use super::{StoredKey, random};

/// Reads a secret's text.
pub(super) fn secret_from(text: &str, origin: &Path) -> anyhow::Result<Secret> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| anyhow::anyhow!("{}: a secret is 64 hexadecimal digits", origin.display()))?;
    Ok(Secret::new(*bytes))
}

pub(super) fn write_secret(file: &Path) -> anyhow::Result<()> {
    write_private(file, random_secret().as_bytes())
}

/// A new secret's text.
pub(super) fn random_secret() -> Zeroizing<String> {
    Zeroizing::new(hex::encode(*Zeroizing::new(random::<32>())))
}

/// How far ahead the time of a key may be that counts as come: clocks differ, and keys made in one second are that far
/// apart.
const ABOUT_NOW: SignedDuration = SignedDuration::from_secs(10);

/// The newest key whose time has come signs, so a new one comes after those. One that waits for a later time takes over
/// then: it must not hold up a key that replaces one that has leaked.
pub(super) fn write_key(dir: &Path, signs_from: Timestamp) -> anyhow::Result<StoredKey> {
    let key = SigningKey::from_seed(&Zeroizing::new(random()));
    let whole = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    let wanted = signs_from.round(whole).unwrap_or(signs_from);
    let come = wanted.saturating_add(ABOUT_NOW)?;
    let keys = read_keys(dir)?;
    let newest = keys.iter().rfind(|k| k.signing.is_some() && k.signs_from <= come).map(|k| k.signs_from);
    let after = newest.map(|newest| newest.saturating_add(SignedDuration::from_secs(1))).transpose()?;
    let signs_from = after.map_or(wanted, |after| after.max(wanted));
    let file = dir.join(format!("{}-{}.pem", signs_from.strftime(NAME_TIME), key.kid()));
    write_private(&file, key.to_pem()?.as_bytes())?;
    Ok(StoredKey { public: key.public(), signing: Some(key), revoked: false, file, signs_from })
}

/// The permissions of users who are neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// What the name of a revoked key's file ends in.
pub(super) const REVOKED: &str = "revoked";

const NAME_TIME: &str = "%Y%m%dT%H%M%SZ";

pub(super) fn read_keys(dir: &Path) -> anyhow::Result<Vec<StoredKey>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| at(dir))? {
        let file = entry.with_context(|| at(dir))?.path();
        if file.extension().is_some_and(|e| e == "pem" || e == REVOKED) {
            keys.push(read_key(file)?);
        }
    }
    keys.sort_by(|a: &StoredKey, b: &StoredKey| (a.signs_from, &a.file).cmp(&(b.signs_from, &b.file)));
    // A key whose retirement was cut short by a crash has both files: it counts as retired. One that was restored from a
    // backup beside its tombstone stays revoked.
    keys.dedup_by(|later, earlier| {
        later.public == earlier.public && {
            earlier.signing = None;
            earlier.revoked |= later.revoked;
            true
        }
    });
    Ok(keys)
}

pub(super) fn read_key(file: PathBuf) -> anyhow::Result<StoredKey> {
    let pem = Zeroizing::new(fs::read_to_string(&file).with_context(|| at(&file))?);
    let name = file.file_name().and_then(|s| s.to_str()).unwrap_or_default();
    let revoked = file.extension().is_some_and(|extension| extension == REVOKED);
    let (public, signing) = if revoked || name.ends_with(".pub.pem") {
        (PublicKey::from_pem(&pem).with_context(|| at(&file))?, None)
    } else {
        let key = SigningKey::from_pem(&pem).with_context(|| at(&file))?;
        (key.public(), Some(key))
    };
    let time = name.split_once('-').and_then(|(t, _)| DateTime::strptime(NAME_TIME, t).ok());
    let signs_from = time.and_then(|t| TimeZone::UTC.to_timestamp(t).ok()).with_context(|| {
        format!("{}: a key's file is named like 20261122T183000Z-1a2b3c4d.pem", file.display())
    })?;
    Ok(StoredKey { public, signing, revoked, file, signs_from })
}

/// Refuses a secret and signing keys that every user of the machine can read.
///
/// # Errors
/// Names the first such file, and what to do.
pub(super) fn check_private(dir: &Path) -> anyhow::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).with_context(|| at(dir))? {
        let entry = entry.with_context(|| at(dir))?;
        let (file, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let private =
            name == "secret" || name == "links" || (name.ends_with(".pem") && !name.ends_with(".pub.pem"));
        // A file may be gone by now: another process retires keys.
        let Ok(metadata) = fs::metadata(&file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        let for_others = mode & OTHERS;
        anyhow::ensure!(
            !private || for_others == 0,
            "every user of this machine can read {} (mode {mode:04o}): run `chmod 600 {0}`, and \
             `fulfillment keys new` if somebody may have copied it; or accept it with \
             credential.allow_readable_keys = true",
            file.display()
        );
    }
    Ok(())
}

/// Does something while no process changes the keys in the folder.
///
/// # Errors
/// The folder cannot be locked; otherwise those of `work`.
pub fn locked<T>(dir: &Path, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let _lock = lock(dir)?;
    work()
}

/// Creates the folder, accessible to its owner alone, and locks it against other processes that create keys.
pub(super) fn lock(dir: &Path) -> anyhow::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| at(dir))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join(".lock"))
        .with_context(|| at(dir))?;
    file.lock().with_context(|| at(dir))?;
    // Whoever wrote these died meanwhile: only the holder of the lock writes.
    for entry in fs::read_dir(dir).with_context(|| at(dir))? {
        let left = entry.with_context(|| at(dir))?.path();
        if left.extension().is_some_and(|extension| extension == "partial") {
            fs::remove_file(&left).with_context(|| at(&left))?;
        }
    }
    Ok(file)
}

/// Writes a file durably, readable by its owner alone, and never over another.
pub(super) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let partial = write_partial(path, content)?;
    fs::hard_link(&partial, path).with_context(|| at(path))?;
    fs::remove_file(&partial).with_context(|| at(&partial))?;
    sync_folder_of(path)
}

/// Writes a file durably, readable by its owner alone, in place of the one that is there.
pub(super) fn replace_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let partial = write_partial(path, content)?;
    fs::rename(&partial, path).with_context(|| at(path))?;
    sync_folder_of(path)
}

fn write_partial(path: &Path, content: &[u8]) -> anyhow::Result<PathBuf> {
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&partial)
        .with_context(|| at(&partial))?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).with_context(|| at(&partial))?;
    file.write_all(content).and_then(|()| file.sync_all()).with_context(|| at(&partial))?;
    Ok(partial)
}

fn sync_folder_of(path: &Path) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        File::open(dir).and_then(|d| d.sync_all()).with_context(|| at(dir))?;
    }
    Ok(())
}

pub(super) fn at(path: &Path) -> String {
    format!("cannot use {}", path.display())
}
