//! The tokens of the store and those of devices, in memory: each server reads them every second, so that a token that is
//! revoked anywhere is refused everywhere within five. The contacts of devices are written here, every few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{DoorDevices, StoreError, TokenRecord, Tokens};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::device::Contacts;
use crate::token::{self, Token};

/// The time between two reads, at least, however many unknown tokens come.
const LEAST: Duration = Duration::from_millis(250);
/// The time after that until the next read if no unknown token comes.
const IDLE: Duration = Duration::from_millis(750);
/// How long a read may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long what was read counts: after that, a token may have been revoked.
const FRESH: Duration = Duration::from_secs(5);
/// The time between two writes of contacts, at least.
const CONTACTS: Duration = Duration::from_secs(5);

/// The tokens of the store, as last read.
pub struct StoredTokens {
    snapshot: watch::Sender<Arc<Snapshot>>,
    /// Asks for a read at once.
    wanted: Notify,
    /// The contacts of devices.
    pub(crate) contacts: Contacts,
}

/// The tokens of the store at one moment.
pub(crate) struct Snapshot {
    /// Those that were not revoked, by their hashes.
    pub(crate) tokens: HashMap<[u8; 32], Arc<Token>>,
    /// Those of devices, by their hashes. One that has ended may still upload.
    pub(crate) devices: HashMap<[u8; 32], Arc<Token>>,
    /// Whether there has ever been one.
    pub(crate) any: bool,
    /// When the read began.
    read_at: Instant,
}

impl Snapshot {
    /// Whether it was read lately enough to be believed.
    pub(crate) fn is_fresh(&self) -> bool {
        self.read_at.elapsed() < FRESH
    }
}

impl StoredTokens {
    /// Reads them for the first time: nobody is let in before.
    ///
    /// # Errors
    /// As the store's.
    pub async fn read(store: &dyn Tokens, devices: &dyn DoorDevices) -> Result<Self, StoreError> {
        let (snapshot, _) = watch::channel(Arc::new(look(store, devices).await?));
        Ok(Self { snapshot, wanted: Notify::new(), contacts: Contacts::default() })
    }

    /// Reads them again and again until `stop`. While the store cannot be read, what was read last stays.
    pub async fn follow(
        self: Arc<Self>,
        store: Arc<dyn Tokens>,
        devices: Arc<dyn DoorDevices>,
        stop: CancellationToken,
    ) {
        let (mut readable, mut written) = (true, Instant::now());
        loop {
            let soon = async {
                tokio::time::sleep(LEAST).await;
                tokio::select! {
                    () = self.wanted.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            };
            tokio::select! {
                () = stop.cancelled() => return self.write_contacts(devices.as_ref()).await,
                () = soon => {}
            }
            if written.elapsed() >= CONTACTS {
                self.write_contacts(devices.as_ref()).await;
                written = Instant::now();
            }
            match timeout(PATIENCE, look(store.as_ref(), devices.as_ref())).await {
                Ok(Ok(now)) => {
                    if !readable {
                        info!("the store's tokens can be read again");
                    }
                    readable = true;
                    self.snapshot.send_replace(Arc::new(now));
                }
                failed if readable => {
                    readable = false;
                    let why = failed.map_or_else(
                        |_| "no answer in time".to_owned(),
                        |read| read.map_or_else(|error| error.to_string(), |_| String::new()),
                    );
                    warn!(why, "the store's tokens cannot be read; after five seconds they are answered 503");
                }
                _ => {}
            }
        }
    }

    /// Writes the contacts of devices. One that cannot be written is forgotten: the next comes soon.
    async fn write_contacts(&self, devices: &dyn DoorDevices) {
        let contacts = self.contacts.take();
        if contacts.is_empty() {
            return;
        }
        match timeout(PATIENCE, devices.note_contacts(&contacts)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "contacts of devices are not noted"),
            Err(_) => debug!("contacts of devices are not noted: no answer in time"),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Has them read now, and waits until a condition holds. False if it does not within `limit`.
    pub(crate) async fn until(&self, limit: Duration, mut holds: impl FnMut(&Snapshot) -> bool) -> bool {
        let mut following = self.snapshot.subscribe();
        self.wanted.notify_one();
        timeout(limit, following.wait_for(|snapshot| holds(snapshot))).await.is_ok_and(|found| found.is_ok())
    }
}

async fn look(store: &dyn Tokens, devices: &dyn DoorDevices) -> Result<Snapshot, StoreError> {
    let read_at = Instant::now();
    let used = store.tokens_in_use().await?;
    let token = |record: TokenRecord| {
        let TokenRecord { sha256, name, scopes, expires_at, .. } = record;
        // A word of a later version means nothing to this one.
        let scopes = scopes.iter().filter_map(|word| word.parse().ok()).collect();
        (sha256, Arc::new(Token { name, scopes, expires_at, stored: Some(sha256), device: None }))
    };
    let devices = devices.devices_in_use().await?.into_iter().filter_map(token::of_device);
    Ok(Snapshot {
        tokens: used.tokens.into_iter().map(token).collect(),
        devices: devices.map(|(sha256, token)| (sha256, Arc::new(token))).collect(),
        any: used.any,
        read_at,
    })
}
