//! The keyring: the secret and the signing keys, as files that only their owner can read.
//!
//! ```text
//! {keys}/secret                              64 hexadecimal digits
//! {keys}/links                               the secrets that sign links, newest first
//! {keys}/20261122T183000Z-1a2b3c4d.pem       a signing key: from when it signs, its kid; PKCS#8
//! {keys}/20251122T183000Z-5e6f7a8b.pub.pem   a retired key: it verifies and can never sign again; SPKI
//! {keys}/20241122T183000Z-9c0d1e2f.revoked   a revoked key: its codes are refused; SPKI
//! ```
//!
//! The newest key whose time has come signs; all keys verify that were not revoked. The first start creates them, once, for an empty store. A
//! store that knows a key or a secret which is not here is never given another one: codes in circulation would stop
//! working.

mod change;
mod files;
mod links;
mod live;
mod revoke;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use fulfillment_credential::{KeySet, PublicKey, SigningKey};
use fulfillment_domain::Secret;
use fulfillment_domain::links::LinkSecrets;
use fulfillment_store::{KeyRecord, Registration};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use change::{new_key, public_keys, replace_lost_secret, retire};
pub use files::locked;
use files::{at, check_private, lock, read_keys, secret_from, write_key, write_private, write_secret};
pub use links::{end_link_overlap, new_link_secret};
pub use live::Keys;
pub use revoke::{bury, succeed};

use fulfillment_config::{Config, Sensitive};

/// The secret and every key.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// The secret that ids are derived from.
    pub secret: Secret,
    /// The secrets that sign links.
    pub links: LinkSecrets,
    keys: Vec<StoredKey>,
    public: KeySet,
    revoked: KeySet,
}

/// A key and its file.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The public key.
    pub public: PublicKey,
    /// The private key; a retired or revoked key has none.
    pub signing: Option<SigningKey>,
    /// Its codes are refused.
    pub revoked: bool,
    /// The file.
    pub file: PathBuf,
    /// The time from which it signs.
    pub signs_from: Timestamp,
}

/// The result of reading the folder.
enum Found {
    Whole(Keyring),
    /// Only the secret or only keys were found, and what to do about the other.
    Half(String),
    Nothing,
}

/// A marker file in the folder while a first start creates the secret and the key.
const UNFINISHED: &str = ".unfinished";

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}

impl Keyring {
    /// Reads what is there; `None` when there is nothing, or only what a first start left unfinished.
    pub fn read(dir: &Path, secret: Option<&Sensitive>) -> anyhow::Result<Option<Self>> {
        match Self::look(dir, secret)? {
            Found::Whole(keyring) => Ok(Some(keyring)),
            Found::Nothing => Ok(None),
            // Another process may be creating them at this moment: once it has finished, they are complete. A folder
            // that cannot be locked is mounted read-only, so no process is creating them.
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

    /// Reads the keyring of this configuration; `None` where there is none.
    ///
    /// # Errors
    /// The folder cannot be read, or everybody can read its private files, which a setting can allow.
    pub fn configured(config: &Config) -> anyhow::Result<Option<Self>> {
        let dir = config.keys_dir();
        if !config.credential.allow_readable_keys {
            check_private(&dir)?;
        }
        let keyring = Self::read(&dir, config.credential.secret.as_ref())?;
        keyring.map(|keyring| keyring.with_links(config.credential.link_secrets.as_ref())).transpose()
    }

    /// With the link secrets that a setting names, if it does.
    fn with_links(self, setting: Option<&Sensitive>) -> anyhow::Result<Self> {
        let Some(setting) = setting else { return Ok(self) };
        let links = links::of_setting(setting, &self.secret)?;
        Ok(Self { links, ..self })
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
        let can_sign = keys.iter().any(|k| k.signing.is_some());
        Ok(match (text, !can_sign) {
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
            (Some(text), false) => {
                let secret = secret_from(&text, &secret_file)?;
                KeySet::from_keys(keys.iter().map(|k| k.public))
                    .context("two keys have the same id: make another in place of one of them")?;
                let (public, revoked) = public_halves(&keys)?;
                let links = links::read(dir, &secret)?;
                Found::Whole(Self { secret, links, keys, public, revoked })
            }
        })
    }

    /// Creates a secret and a first key where there are none. Several processes may do so at the same time in one
    /// folder: one creates them, the others read them. If one dies in between, the next finishes.
    pub fn create(dir: &Path, secret: Option<&Sensitive>, now: Timestamp) -> anyhow::Result<Self> {
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
        // Earlier versions signed links with the installation's secret; a new one has a secret for them.
        let links = dir.join(links::FILE);
        if !links.exists() {
            write_secret(&links)?;
        }
        write_key(dir, now)?;
        fs::remove_file(&unfinished).with_context(|| at(&unfinished))?;
        let Found::Whole(made) = Self::look(dir, secret)? else { bail!("the keys just made cannot be read") };
        drop(lock);
        Ok(made)
    }

    /// The key that signs now: the newest whose time has come, or else the one whose time comes first.
    pub fn signing_key(&self, now: Timestamp) -> anyhow::Result<&SigningKey> {
        let mut signing = self.keys.iter().filter_map(|k| k.signing.as_ref().map(|key| (k.signs_from, key)));
        let first = signing.clone().next();
        let current = signing.rfind(|(from, _)| *from <= now);
        current
            .or(first)
            .map(|(_, key)| key)
            .context("no key can sign: make one by `fulfillment keys new --at-once`")
    }

    /// Every key, by the time from which it signs.
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// Every public key that is good, for verification.
    pub fn public(&self) -> &KeySet {
        &self.public
    }

    /// The public keys that were revoked.
    pub fn revoked(&self) -> &KeySet {
        &self.revoked
    }

    /// What the store records of this keyring.
    pub fn registration(&self) -> Registration {
        Registration {
            secret_fingerprint: Some(self.secret.fingerprint()),
            storage_marker: None,
            revoked: Vec::new(),
            keys: self
                .keys
                .iter()
                .map(|k| KeyRecord {
                    kid: k.public.kid().to_string(),
                    public_key: k.public.to_bytes(),
                    created_at: k.signs_from,
                })
                .collect(),
        }
    }

    /// What the store knows and this keyring lacks: each a sentence.
    pub fn missing(&self, known: &Registration) -> Vec<String> {
        let mut missing = Vec::new();
        if let Some(fingerprint) = &known.secret_fingerprint
            && *fingerprint != self.secret.fingerprint()
        {
            missing.push(format!(
                "the store was begun with the secret {fingerprint}, the one here is {}",
                self.secret.fingerprint()
            ));
        }
        // A revoked key may be gone from the folder.
        for key in known.keys.iter().filter(|key| !known.revokes(&key.public_key)) {
            if !self.keys.iter().any(|k| k.public.to_bytes() == key.public_key) {
                missing.push(format!("the key {} is not here", key.kid));
            }
        }
        missing
    }
}

/// The public keys that are good, and those that were revoked.
fn public_halves(keys: &[StoredKey]) -> anyhow::Result<(KeySet, KeySet)> {
    let of = |revoked: bool| {
        let keys = keys.iter().filter(move |key| key.revoked == revoked);
        KeySet::from_keys(keys.map(|key| key.public)).context("two keys have the same id")
    };
    Ok((of(false)?, of(true)?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use fulfillment_store::RevokedKey;
    use jiff::SignedDuration;

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
    fn keys_that_everybody_can_read_are_refused_unless_a_setting_accepts_them() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keyring::create(dir.path(), None, now()).unwrap();
        let read = |more: &[(&str, &str)]| {
            let folder = ("FULFILLMENT_CREDENTIAL_KEYS_DIR", dir.path().to_str().unwrap());
            let settings = more.iter().chain([&folder]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            Keyring::configured(&Config::defaults(settings).unwrap()).map(|found| found.is_some())
        };
        assert!(read(&[]).unwrap());
        for file in [dir.path().join("secret"), made.keys[0].file.clone()] {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            let said = read(&[]).unwrap_err().to_string();
            assert!(said.contains("chmod 600") && said.contains("0644"), "{said}");
            assert!(read(&[("FULFILLMENT_CREDENTIAL_ALLOW_READABLE_KEYS", "true")]).unwrap());
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(read(&[]).unwrap(), "a group may be given them on purpose");
        }
    }

    #[test]
    fn files_of_an_interrupted_write_are_removed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        Keyring::create(dir.path(), None, now()).unwrap();
        let partial = dir.path().join("20261122T183000Z-00000000.partial");
        fs::write(&partial, "half of a key").unwrap();
        new_key(dir.path(), None, now()).unwrap().unwrap();
        assert!(!partial.exists());
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
        for earlier in [0, 5] {
            let time = now() - SignedDuration::from_secs(earlier);
            let new = new_key(dir.path(), None, time).unwrap().unwrap();
            let all = Keyring::read(dir.path(), None).unwrap().unwrap();
            let soon = now() + SignedDuration::from_secs(5);
            assert_eq!(all.signing_key(soon).unwrap().kid(), new.public.kid());
        }
    }

    #[test]
    fn a_key_that_must_sign_at_once_does_whatever_waits() {
        let dir = tempfile::tempdir().unwrap();
        Keyring::create(dir.path(), None, now()).unwrap();
        let minute = |minutes| now() + SignedDuration::from_mins(minutes);
        let far = new_key(dir.path(), None, minute(1_000_000)).unwrap().unwrap();
        let waits = new_key(dir.path(), None, minute(10)).unwrap().unwrap();
        let at_once = new_key(dir.path(), None, now()).unwrap().unwrap();
        assert!(at_once.signs_from <= now() + SignedDuration::from_secs(1));
        let all = Keyring::read(dir.path(), None).unwrap().unwrap();
        for (time, key) in [(1, &at_once), (9, &at_once), (10, &waits), (1_000_000, &far)] {
            assert_eq!(all.signing_key(minute(time)).unwrap().kid(), key.public.kid(), "{time}");
        }
    }

    #[test]
    fn keys_that_only_the_store_knows_to_be_revoked_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keyring::create(dir.path(), None, now()).unwrap().keys[0].public;
        let later = now() + SignedDuration::from_mins(1);
        let second = new_key(dir.path(), None, later).unwrap().unwrap().public;
        let tombstones = [RevokedKey {
            kid: second.kid().to_string(),
            public_key: second.to_bytes(),
            reason: "leaked".to_owned(),
            who: "ada".to_owned(),
            revoked_at: later,
        }];
        let said = retire(dir.path(), first.kid(), later, &tombstones).unwrap_err().to_string();
        assert!(said.contains("keys new"), "it is the only one that signs: {said}");
        assert!(retire(dir.path(), second.kid(), later, &tombstones).unwrap().is_none(), "it is revoked");
        assert!(succeed(dir.path(), None, first.kid(), later, &[]).unwrap().is_none());
        let new = succeed(dir.path(), None, first.kid(), later, &tombstones).unwrap().unwrap();
        assert!(succeed(dir.path(), None, first.kid(), later, &tombstones).unwrap().is_none());
        assert!(retire(dir.path(), first.kid(), new.signs_from, &tombstones).unwrap().is_some());
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
        let later = now() + SignedDuration::from_hours(1);
        let new = new_key(dir.path(), None, later).unwrap().unwrap();
        let both = Keyring::read(dir.path(), None).unwrap().unwrap();
        assert_eq!(
            both.signing_key(now()).unwrap().kid(),
            first.keys[0].public.kid(),
            "its time has not come"
        );
        assert_eq!(both.signing_key(later).unwrap().kid(), new.public.kid());
        assert_eq!(both.public().len(), 2);
        assert!(both.missing(&first.registration()).is_empty());
        assert_eq!(first.missing(&both.registration()).len(), 1);
        let other = tempfile::tempdir().unwrap();
        let stranger = Keyring::create(other.path(), None, now()).unwrap();
        assert_eq!(stranger.missing(&first.registration()).len(), 2);
    }

    #[test]
    fn a_retired_key_verifies_and_never_signs_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keyring::create(dir.path(), None, now()).unwrap();
        let kid = first.keys[0].public.kid();
        let said = retire(dir.path(), kid, now(), &[]).unwrap_err().to_string();
        assert!(said.contains("keys new"), "the only one: {said}");
        let later = now() + SignedDuration::from_hours(1);
        let new = new_key(dir.path(), None, later).unwrap().unwrap();
        assert!(retire(dir.path(), kid, now(), &[]).is_err(), "it still signs");
        let retired = retire(dir.path(), kid, later, &[]).unwrap().unwrap();
        assert!(!first.keys[0].file.exists() && retired.file.exists());
        assert!(retire(dir.path(), kid, later, &[]).unwrap().is_none(), "it is retired");
        let after = Keyring::read(dir.path(), None).unwrap().unwrap();
        assert_eq!(after.signing_key(now()).unwrap().kid(), new.public.kid(), "whatever the clock says");
        assert!(after.public().get(kid).is_some());
        assert!(after.missing(&first.registration()).is_empty());
        // As after a crash between the two files.
        write_private(
            &first.keys[0].file,
            first.keys[0].signing.as_ref().unwrap().to_pem().unwrap().as_bytes(),
        )
        .unwrap();
        let after = Keyring::read(dir.path(), None).unwrap().unwrap();
        assert_eq!((after.keys.len(), after.keys[0].signing.is_some()), (2, false));
    }

    #[test]
    fn half_a_keyring_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keyring::create(dir.path(), None, now()).unwrap();
        fs::remove_file(dir.path().join("secret")).unwrap();
        assert!(Keyring::read(dir.path(), None).unwrap_err().to_string().contains("no secret"));
        assert_eq!(public_keys(dir.path()).unwrap().unwrap().0.len(), 1, "a door needs no more");
        assert!(public_keys(&dir.path().join("elsewhere")).unwrap().is_none());
    }
}
