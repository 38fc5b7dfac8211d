//! The keyring in use, reloaded when its folder or the store's tombstones change: a new key signs, and a retired or
//! revoked one stops, without a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use fulfillment_config::Sensitive;
use fulfillment_store::{RevokedKey, Store};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::files::REVOKED;
use super::{Keyring, links};
use crate::runtime::Runtime;

/// Interval between two looks at the folder and the tombstones.
const EVERY: Duration = Duration::from_secs(3);

/// The keyring as it was last read, for signing and for publishing the public keys.
pub struct Keys {
    dir: PathBuf,
    secret: Option<Sensitive>,
    links: Option<Sensitive>,
    current: RwLock<Arc<Keyring>>,
}

impl Keys {
    /// Starts with these keys, from this folder; a secret and link secrets of the settings come before its own.
    pub fn new(keyring: Keyring, dir: PathBuf, secret: Option<Sensitive>, links: Option<Sensitive>) -> Self {
        Self { dir, secret, links, current: RwLock::new(Arc::new(keyring)) }
    }

    /// The keys as they are now.
    pub fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is wrong with the keys, for readiness: without a signing key no ticket is issued.
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        self.current().signing_key(now).err().map(|error| error.to_string())
    }

    /// Polls the folder and the tombstones until `stop`, and reloads the keys when either has changed.
    pub async fn follow(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        runtime: Arc<dyn Runtime>,
        stop: CancellationToken,
    ) {
        let mut seen = names(&self.dir);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = runtime.sleep(EVERY) => {}
            }
            // While the store cannot be reached, nothing is frozen or recorded either.
            if let Ok(tombstones) = store.revoked_keys().await {
                self.bar(&tombstones);
            }
            let now = names(&self.dir);
            if now == seen {
                continue;
            }
            match self.take_over(store.as_ref()).await {
                Ok(()) => seen = now,
                // The previous keys go on signing; the next round tries again.
                Err(error) => {
                    warn!("the keys folder changed but cannot be loaded; the keys in use stay: {error:#}");
                }
            }
        }
    }

    /// Stops using keys that were revoked, whatever the folder holds.
    fn bar(&self, tombstones: &[RevokedKey]) {
        let before = self.current();
        let news = || tombstones.iter().filter(|tombstone| !before.is_revoked(&tombstone.kid));
        if news().next().is_none() {
            return;
        }
        for RevokedKey { kid, reason, .. } in news() {
            warn!(kid, reason, "a signing key was revoked: it signs no more and is not published any more");
        }
        let mut keyring = Keyring::clone(&before);
        keyring.bar(tombstones);
        self.replace(keyring);
    }

    /// The store has to know a key before a code names it.
    async fn take_over(&self, store: &dyn Store) -> anyhow::Result<()> {
        let Some(mut keyring) = Keyring::read(&self.dir, self.secret.as_ref())? else {
            anyhow::bail!("{} is empty", self.dir.display())
        };
        keyring = keyring.with_links(self.links.as_ref())?;
        let before = self.current();
        anyhow::ensure!(keyring.secret.fingerprint() == before.secret.fingerprint(), "it has another secret");
        let registered = store.register(&keyring.registration()).await?;
        let missing = keyring.missing(&registered);
        anyhow::ensure!(missing.is_empty(), "{}", missing.join("; "));
        keyring.bar(&registered.revoked);
        for key in keyring.keys().iter().filter(|k| !before.keys().iter().any(|b| b.public == k.public)) {
            info!(kid = %key.public.kid(), signs_from = %key.signs_from, "a new key");
        }
        let fingerprints = |of: &Keyring| of.links.iter().map(|l| l.secret.fingerprint()).collect::<Vec<_>>();
        if fingerprints(&keyring) != fingerprints(&before) {
            info!("the secrets that sign links have changed");
        }
        self.replace(keyring);
        Ok(())
    }

    fn replace(&self, keyring: Keyring) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }
}

/// The folder's files with their modification times, to detect changes.
fn names(dir: &Path) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| {
            let is_key = entry.path().extension().is_some_and(|e| e == "pem" || e == REVOKED);
            is_key || entry.file_name() == links::FILE
        })
        .map(|entry| (entry.path(), entry.metadata().and_then(|m| m.modified()).ok()))
        .collect()
}
