//! Checks at startup that store, keys and file storage belong together, before any work begins.
//!
//! A wrong mount must stop the start: new keys in place of known ones would invalidate every ticket in circulation, and
//! drawing files again into an empty folder would hide the loss of the real one.

use std::path::{Path, PathBuf};

use fulfillment_config::Config;
use fulfillment_store::{Installation, Records, Registration, Store, StoreError};
use jiff::Timestamp;
use tracing::{info, warn};
use uuid::Uuid;

use crate::keyring::{self, Keyring, StoredKey};
use crate::ports::{Files, FilesError};

/// Why the service must not start with this combination.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The store knows keys, and the folder has none.
    #[error(
        "the store knows the signing keys {} but {} has none: mount the folder with the keys there, or name it by \
         FULFILLMENT_CREDENTIAL_KEYS_DIR. New keys are not created over known ones, because the tickets in \
         circulation would stop working",
        .known.join(", "),
        .folder.display()
    )]
    KeysMissing {
        /// Their ids.
        known: Vec<String>,
        /// The folder that was searched for keys.
        folder: PathBuf,
    },
    /// The keys are not those that the store knows.
    #[error(
        "the keys in {} do not belong to this store: {}. Mount the folder that belongs to it, or restore it from a \
         backup. If the secret is lost for good: fulfillment keys adopt-secret",
        .folder.display(),
        .missing.join("; ")
    )]
    OtherKeys {
        /// Where the keys are.
        folder: PathBuf,
        /// What the store knows and the folder does not have.
        missing: Vec<String>,
    },
    /// The file storage is not the one that the store's tickets are in.
    #[error(
        "{storage} is not the storage of this store's tickets: it has {}, not {known}. Mount the right one, or name it \
         by FULFILLMENT_FILES_URL",
        .found.map_or_else(|| "no marker".to_owned(), |marker| format!("the marker {marker}"))
    )]
    OtherStorage {
        /// The storage's location, for people.
        storage: String,
        /// The marker of the right one.
        known: Uuid,
        /// The marker that was found.
        found: Option<Uuid>,
    },
    /// The keys cannot be read or written.
    #[error(transparent)]
    Keyring(anyhow::Error),
    /// The storage cannot be reached.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys that belong to `store`: the existing ones, or new ones for a new store.
///
/// # Errors
/// [`Mismatch`]
pub async fn keys_for(
    store: &dyn Installation,
    config: &Config,
    now: Timestamp,
) -> Result<Keyring, Mismatch> {
    let (folder, secret) = (config.keys_dir(), config.credential.secret.as_ref());
    let known = store.registration().await?;
    let mut keyring = match Keyring::configured(config).map_err(Mismatch::Keyring)? {
        Some(keyring) => keyring,
        None if known.secret_fingerprint.is_none() && known.keys.is_empty() => {
            let made = Keyring::create(&folder, secret, now).map_err(Mismatch::Keyring)?;
            info!(folder = %folder.display(), "created a secret and a signing key; back up this folder");
            made
        }
        None => {
            let known = known.keys.iter().map(|key| key.kid.as_str().to_owned()).collect();
            return Err(Mismatch::KeysMissing { known, folder });
        }
    };
    let registered = store.register(&keyring.registration()).await?;
    check_keys(&mut keyring, &registered, &folder)?;
    Ok(keyring)
}

/// Refuses keys that are not the store's, and takes over which of them were revoked.
///
/// # Errors
/// [`Mismatch::OtherKeys`]
pub fn check_keys(keyring: &mut Keyring, registered: &Registration, folder: &Path) -> Result<(), Mismatch> {
    let missing = keyring.missing(registered);
    if missing.is_empty() {
        let comes_back =
            |key: &&StoredKey| key.signing.is_some() && registered.revokes(&key.public.to_bytes());
        for key in keyring.keys().iter().filter(comes_back) {
            warn!(file = %key.file.display(), "this file has a revoked key, which is not used; delete it");
        }
        keyring.bar(&registered.revoked);
        return Ok(());
    }
    Err(Mismatch::OtherKeys { folder: folder.to_owned(), missing })
}

/// Refuses a file storage that does not hold the store's tickets, and marks a new one.
///
/// # Errors
/// [`Mismatch`]
pub async fn check_storage(store: &dyn Store, files: &dyn Files) -> Result<(), Mismatch> {
    let other = |known, found| Mismatch::OtherStorage { storage: files.describe(), known, found };
    let known = store.registration().await?.storage_marker;
    let here = files.marker().await?;
    let marker = match (known, here) {
        (Some(known), Some(here)) if known == here => return Ok(()),
        (Some(known), Some(here)) => return Err(other(known, Some(here))),
        // A process stopped after recording the marker and before writing it: fine as long as no file was stored.
        (Some(known), None) if !Records::any_generated(store).await? => known,
        (Some(known), None) => return Err(other(known, None)),
        (None, here) => here.unwrap_or_else(|| Uuid::new_v8(keyring::random())),
    };
    if known.is_none() && here.is_some() {
        warn!(storage = files.describe(), "a new store was linked to an existing file storage");
    }
    let wanted = Registration { storage_marker: Some(marker), ..Registration::default() };
    let registered = store.register(&wanted).await?.storage_marker.unwrap_or(marker);
    files.mark(registered).await?;
    match files.marker().await? {
        Some(here) if here == registered => Ok(()),
        found => Err(other(registered, found)),
    }
}
