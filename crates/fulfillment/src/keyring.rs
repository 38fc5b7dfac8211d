//! The secret and the signing keys, as files that only their owner reads.
//!
//! ```text
//! {keys}/secret                          64 hexadecimal digits
//! {keys}/20261122T183000Z-1a2b3c4d.pem   a signing key: when it was made, its kid; PKCS#8
//! ```
//!
//! The newest key signs; all of them verify. They are made once, for an empty store. A store that knows a
//! key or a secret which is not here is never given another one: codes in circulation would stop working.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use fulfillment_credential::{KeySet, SigningKey};
use fulfillment_domain::Secret;
use fulfillment_store::{KeyRecord, Registration};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::config::Sensitive;

/// The secret and every key there is.
#[derive(Debug)]
pub(crate) struct Keyring {
    pub(crate) secret: Secret,
    keys: Vec<StoredKey>,
}

/// A signing key and its file.
#[derive(Debug)]
pub(crate) struct StoredKey {
    pub(crate) key: SigningKey,
    pub(crate) file: PathBuf,
    pub(crate) created_at: Timestamp,
}

/// What a look into the folder found.
enum Found {
    Whole(Keyring),
    /// One of the two, and what to do about the other.
    Half(String),
    Nothing,
}

/// Stands in the folder while a first start makes the secret and the key.
const UNFINISHED: &str = ".unfinished";

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}

impl Keyring {
    /// Reads what is there; `None` when there is nothing at all, or what a first start has left unfinished.
    pub(crate) fn read(dir: &Path, secret: Option<&Sensitive>) -> anyhow::Result<Option<Self>> {
        match Self::look(dir, secret)? {
            Found::Whole(keyring) => Ok(Some(keyring)),
            Found::Nothing => Ok(None),
            // Another process may be making them at this moment: once it is done, they are whole. A folder
            // that cannot be locked is mounted read-only, so nobody is.
            Found::Half(half) => match lock(dir) {
                Ok(_lock) => match Self::look(dir, secret)? {
                    Found::Whole(keyring) => Ok(Some(keyring)),
                    Found::Half(_) if dir.join(UNFINISHED).exists() => Ok(None),
                    Found::Half(half) => bail!(half),
                    Found::Nothing => Ok(None),
                },
                Err(_) => bail!(half),
            },
        }
    }

    fn look(dir: &Path, secret: Option<&Sensitive>) -> anyhow::Result<Found> {
        let keys = read_keys(dir)?;
        let secret_file = dir.join("secret");
        let text = match secret {
            Some(secret) => Some(Zeroizing::new(secret.expose().to_owned())),
            None if secret_file.exists() => {
                Some(Zeroizing::new(fs::read_to_string(&secret_file).with_context(|| at(&secret_file))?))
            }
            None => None,
        };
        Ok(match (text, keys.is_empty()) {
            (None, true) => Found::Nothing,
            (Some(_), true) if secret.is_some() => Found::Nothing,
            (Some(_), true) => Found::Half(format!(
                "{} has a secret but no signing key: restore the *.pem files from your backup, or run `fulfillment keys new`",
                dir.display()
            )),
            (None, false) => Found::Half(format!(
                "{} has signing keys but no secret: restore the file `secret` from your backup, \
                 or set FULFILLMENT_CREDENTIAL_SECRET",
                dir.display()
            )),
            (Some(text), false) => Found::Whole(Self { secret: secret_from(&text, &secret_file)?, keys }),
        })
    }

    /// Makes a secret and a first key where there are none. Several processes may do so at once on one
    /// folder: one makes them, the others read them. One that dies at it leaves the next to finish.
    pub(crate) fn create(dir: &Path, secret: Option<&Sensitive>, now: Timestamp) -> anyhow::Result<Self> {
        let lock = lock(dir)?;
        if let Found::Whole(there) = Self::look(dir, secret)? {
            return Ok(there);
        }
        let unfinished = dir.join(UNFINISHED);
        if !unfinished.exists() {
            write_private(&unfinished, b"")?;
        }
        let secret_file = dir.join("secret");
        if secret.is_none() && !secret_file.exists() {
            write_secret(&secret_file)?;
        }
        write_key(dir, now)?;
        fs::remove_file(&unfinished).with_context(|| at(&unfinished))?;
        let Found::Whole(made) = Self::look(dir, secret)? else { bail!("the keys just made cannot be read") };
        drop(lock);
        Ok(made)
    }

    /// The key that signs: the newest.
    pub(crate) fn signing_key(&self) -> anyhow::Result<&SigningKey> {
        self.keys.last().map(|k| &k.key).context("there is no signing key")
    }

    /// Every key, oldest first.
    pub(crate) fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// Every public key, to verify with.
    pub(crate) fn public(&self) -> anyhow::Result<KeySet> {
        KeySet::from_keys(self.keys.iter().map(|k| k.key.public()))
            .context("two signing keys have the same kid")
    }

    /// What the store is to know of this keyring.
    pub(crate) fn registration(&self) -> Registration {
        Registration {
            secret_fingerprint: Some(self.secret.fingerprint()),
            storage_marker: None,
            keys: self
                .keys
                .iter()
                .map(|k| KeyRecord {
                    kid: k.key.kid().to_string(),
                    public_key: k.key.public().to_bytes(),
                    created_at: k.created_at,
                })
                .collect(),
        }
    }

    /// What is missing here of what the store knows: each a sentence.
    pub(crate) fn missing(&self, known: &Registration) -> Vec<String> {
        let mut missing = Vec::new();
        if let Some(fingerprint) = &known.secret_fingerprint
            && *fingerprint != self.secret.fingerprint()
        {
            missing.push(format!(
                "the store was begun with the secret {fingerprint}, the one here is {}",
                self.secret.fingerprint()
            ));
        }
        for key in &known.keys {
            if !self.keys.iter().any(|k| k.key.public().to_bytes() == key.public_key) {
                missing.push(format!("the signing key {} is not here", key.kid));
            }
        }
        missing
    }
}

/// Makes one more key, which signs from the next start on; `None` where nothing is yet, since the first key is
/// made with its secret by a first start.
pub(crate) fn new_key(
    dir: &Path,
    secret: Option<&Sensitive>,
    now: Timestamp,
) -> anyhow::Result<Option<StoredKey>> {
    let _lock = lock(dir)?;
    if let Found::Nothing = Keyring::look(dir, secret)? {
        return Ok(None);
    }
    write_key(dir, now).map(Some)
}

/// The keys with the secret that is here, or with a new one where the old one is gone.
pub(crate) fn replace_lost_secret(dir: &Path, secret: Option<&Sensitive>) -> anyhow::Result<Keyring> {
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

/// Reads a secret's text.
pub(crate) fn secret_from(text: &str, origin: &Path) -> anyhow::Result<Secret> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| anyhow::anyhow!("{}: a secret is 64 hexadecimal digits", origin.display()))?;
    Ok(Secret::new(*bytes))
}

fn write_secret(file: &Path) -> anyhow::Result<()> {
    let text = Zeroizing::new(hex::encode(*Zeroizing::new(random::<32>())));
    write_private(file, text.as_bytes())
}

/// The newest key signs, so a new one is younger than all others even if the clock was set back.
fn write_key(dir: &Path, now: Timestamp) -> anyhow::Result<StoredKey> {
    let key = SigningKey::from_seed(&Zeroizing::new(random()));
    let now = now.round(jiff::Unit::Second).unwrap_or(now);
    let newest =
        read_keys(dir)?.last().map(|k| k.created_at.saturating_add(jiff::SignedDuration::from_secs(1)));
    let created_at = match newest.transpose()? {
        Some(newest) => now.max(newest),
        None => now,
    };
    let file = dir.join(format!("{}-{}.pem", created_at.strftime(NAME_TIME), key.kid()));
    write_private(&file, key.to_pem()?.as_bytes())?;
    Ok(StoredKey { key, file, created_at })
}

const NAME_TIME: &str = "%Y%m%dT%H%M%SZ";

fn read_keys(dir: &Path) -> anyhow::Result<Vec<StoredKey>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| at(dir))? {
        let file = entry.with_context(|| at(dir))?.path();
        if file.extension().is_some_and(|e| e == "pem") {
            keys.push(read_key(file)?);
        }
    }
    keys.sort_by(|a, b| (a.created_at, &a.file).cmp(&(b.created_at, &b.file)));
    Ok(keys)
}

fn read_key(file: PathBuf) -> anyhow::Result<StoredKey> {
    let pem = Zeroizing::new(fs::read_to_string(&file).with_context(|| at(&file))?);
    let key = SigningKey::from_pem(&pem).with_context(|| at(&file))?;
    let made = file
        .file_stem()
        .and_then(|s| s.to_str())
        .and_then(|s| s.split_once('-'))
        .and_then(|(t, _)| jiff::civil::DateTime::strptime(NAME_TIME, t).ok());
    let created_at = made.and_then(|t| jiff::tz::TimeZone::UTC.to_timestamp(t).ok()).with_context(|| {
        format!("{}: a key's file is named like 20261122T183000Z-1a2b3c4d.pem", file.display())
    })?;
    Ok(StoredKey { key, file, created_at })
}

/// Makes the folder, open to its owner alone, and keeps other processes from making keys meanwhile.
fn lock(dir: &Path) -> anyhow::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| at(dir))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join(".lock"))
        .with_context(|| at(dir))?;
    file.lock().with_context(|| at(dir))?;
    Ok(file)
}

/// Writes a file that its owner alone reads, durably, and never over another.
fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
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
    fs::hard_link(&partial, path).with_context(|| at(path))?;
    fs::remove_file(&partial).with_context(|| at(&partial))?;
    if let Some(dir) = path.parent() {
        File::open(dir).and_then(|d| d.sync_all()).with_context(|| at(dir))?;
    }
    Ok(())
}

fn at(path: &Path) -> String {
    format!("cannot use {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T18:30:00Z".parse().unwrap()
    }

    #[test]
    fn made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        assert!(Keyring::read(&keys, None).unwrap().is_none());
        let made = Keyring::create(&keys, None, now()).unwrap();
        let again = Keyring::create(&keys, None, now()).unwrap();
        assert_eq!(made.registration(), again.registration());
        assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
        for file in ["secret".to_owned(), made.keys[0].file.file_name().unwrap().to_str().unwrap().to_owned()]
        {
            assert_eq!(fs::metadata(keys.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn many_at_once_make_one() {
        let dir = tempfile::tempdir().unwrap();
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Keyring::create(dir.path(), None, now()).unwrap().registration()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(made.iter().all(|m| *m == made[0]));
    }

    #[test]
    fn a_start_that_meets_another_at_work_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let at_work = lock(dir.path()).unwrap();
        write_private(&dir.path().join("secret"), "ab".repeat(32).as_bytes()).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| Keyring::read(dir.path(), None));
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!other.is_finished(), "it waits");
            write_key(dir.path(), now()).unwrap();
            drop(at_work);
            assert!(other.join().unwrap().unwrap().is_some());
        });
    }

    #[test]
    fn a_first_start_that_died_is_finished_and_a_lost_half_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        write_private(&secret, "ab".repeat(32).as_bytes()).unwrap();
        let said = Keyring::read(dir.path(), None).unwrap_err().to_string();
        assert!(said.contains("no signing key"), "{said}");
        write_private(&dir.path().join(UNFINISHED), b"").unwrap();
        assert!(Keyring::read(dir.path(), None).unwrap().is_none());
        let made = Keyring::create(dir.path(), None, now()).unwrap();
        assert_eq!(made.keys.len(), 1);
        assert_eq!(fs::read_to_string(&secret).unwrap(), "ab".repeat(32));
        assert!(!dir.path().join(UNFINISHED).exists());
        fs::remove_file(&secret).unwrap();
        assert!(Keyring::read(dir.path(), None).is_err());
    }

    #[test]
    fn a_new_key_signs_even_if_the_clock_was_set_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(new_key(dir.path(), None, now()).unwrap().is_none(), "the first is not its to make");
        Keyring::create(dir.path(), None, now()).unwrap();
        for earlier in [0, 3_600] {
            let time = now() - jiff::SignedDuration::from_secs(earlier);
            let new = new_key(dir.path(), None, time).unwrap().unwrap();
            let all = Keyring::read(dir.path(), None).unwrap().unwrap();
            assert_eq!(all.signing_key().unwrap().kid(), new.key.kid());
        }
    }

    #[test]
    fn a_lost_secret_is_replaced_and_one_that_is_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keyring::create(dir.path(), None, now()).unwrap();
        let kept = replace_lost_secret(dir.path(), None).unwrap();
        assert_eq!(made.secret.fingerprint(), kept.secret.fingerprint());
        fs::remove_file(dir.path().join("secret")).unwrap();
        let new = replace_lost_secret(dir.path(), None).unwrap();
        assert_ne!(made.secret.fingerprint(), new.secret.fingerprint());
        assert_eq!(made.registration().keys, new.registration().keys);
    }

    #[test]
    fn the_newest_signs_and_what_the_store_misses_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keyring::create(dir.path(), None, now()).unwrap();
        let later = now() + jiff::SignedDuration::from_hours(1);
        let new = new_key(dir.path(), None, later).unwrap().unwrap();
        let both = Keyring::read(dir.path(), None).unwrap().unwrap();
        assert_eq!(both.signing_key().unwrap().kid(), new.key.kid());
        assert_eq!(both.public().unwrap().len(), 2);
        assert!(both.missing(&first.registration()).is_empty());
        assert_eq!(first.missing(&both.registration()).len(), 1);
        let other = tempfile::tempdir().unwrap();
        let stranger = Keyring::create(other.path(), None, now()).unwrap();
        assert_eq!(stranger.missing(&first.registration()).len(), 2);
    }

    #[test]
    fn half_a_keyring_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keyring::create(dir.path(), None, now()).unwrap();
        fs::remove_file(dir.path().join("secret")).unwrap();
        assert!(Keyring::read(dir.path(), None).unwrap_err().to_string().contains("no secret"));
    }
}
