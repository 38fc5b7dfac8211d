//! The keyring in use, reloaded when its folder changes: a new key signs, and a retired one stops, without a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use fulfillment_config::Sensitive;
use fulfillment_store::Installation;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Keyring;
use crate::runtime::Runtime;

/// Interval between two reads of the folder.
const EVERY: Duration = Duration::from_secs(5);

/// The keyring as it was last read, for signing and for publishing the public keys.
pub struct Keys {
    dir: PathBuf,
    secret: Option<Sensitive>,
    current: RwLock<Arc<Keyring>>,
}

impl Keys {
    /// Starts with these keys, from this folder.
    pub fn new(keyring: Keyring, dir: PathBuf, secret: Option<Sensitive>) -> Self {
        Self { dir, secret, current: RwLock::new(Arc::new(keyring)) }
    }

    /// The keys as they are now.
    pub fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Polls the folder until `stop`, and reloads it when it has changed.
    pub async fn follow(
        self: Arc<Self>,
        store: Arc<dyn Installation>,
        runtime: Arc<dyn Runtime>,
        stop: CancellationToken,
    ) {
        let mut seen = names(&self.dir);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = runtime.sleep(EVERY) => {}
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

    /// The store has to know a key before a code names it.
    async fn take_over(&self, store: &dyn Installation) -> anyhow::Result<()> {
        let Some(keyring) = Keyring::read(&self.dir, self.secret.as_ref())? else {
            anyhow::bail!("{} is empty", self.dir.display())
        };
        let before = self.current();
        anyhow::ensure!(keyring.secret.fingerprint() == before.secret.fingerprint(), "it has another secret");
        let missing = keyring.missing(&store.register(&keyring.registration()).await?);
        anyhow::ensure!(missing.is_empty(), "{}", missing.join("; "));
        for key in keyring.keys().iter().filter(|k| before.public().get(k.public.kid()).is_none()) {
            info!(kid = %key.public.kid(), signs_from = %key.signs_from, "a new key");
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
        Ok(())
    }
}

/// The folder's files with their modification times, to detect changes.
fn names(dir: &Path) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "pem"))
        .map(|entry| (entry.path(), entry.metadata().and_then(|m| m.modified()).ok()))
        .collect()
}
