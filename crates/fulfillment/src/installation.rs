//! Whether store, keys and file storage belong together, found out before any work begins.
//!
//! A wrong mount must stop the start: minting new keys over known ones would kill every ticket in
//! circulation, and healing files into an empty folder would hide the loss of the real one.

use fulfillment_config::Config;
use fulfillment_pipeline::keyring::{self, Keyring};
use fulfillment_pipeline::ports::Files;
use fulfillment_store::{Registration, Store};
use jiff::Timestamp;
use tracing::{info, warn};
use uuid::Uuid;

use crate::stop::Stop;

/// The keys that belong to `store`: those that are there, or new ones for a store that is new too.
pub(crate) async fn keys_for(store: &dyn Store, config: &Config, now: Timestamp) -> Result<Keyring, Stop> {
    let (dir, secret) = (config.keys_dir(), config.credential.secret.as_ref());
    let known = store.registration().await?;
    let keyring = match Keyring::read(&dir, secret)? {
        Some(keyring) => keyring,
        None if known.secret_fingerprint.is_none() && known.keys.is_empty() => {
            let made = Keyring::create(&dir, secret, now)?;
            info!(folder = %dir.display(), "created a secret and a signing key; back up this folder");
            made
        }
        None => {
            return Err(Stop::misuse(format!(
                "the store knows the signing keys {} but {} has none: mount the folder with the keys there, \
             or name it by FULFILLMENT_CREDENTIAL_KEYS_DIR. New keys are not made over known ones, because \
             the tickets in circulation would stop working",
                known.keys.iter().map(|k| k.kid.as_str()).collect::<Vec<_>>().join(", "),
                dir.display(),
            )));
        }
    };
    let stands = store.register(&keyring.registration()).await?;
    refuse_strangers(&keyring, &stands, config)?;
    Ok(keyring)
}

pub(crate) fn refuse_strangers(
    keyring: &Keyring,
    stands: &Registration,
    config: &Config,
) -> Result<(), Stop> {
    let missing = keyring.missing(stands);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Stop::misuse(format!(
        "the keys in {} do not belong to this store: {}. Mount the folder that belongs to it, or restore it \
         from a backup. If the secret is lost for good: fulfillment keys adopt-secret",
        config.keys_dir().display(),
        missing.join("; "),
    )))
}

/// Refuses a file storage that is not the one the store's tickets are in.
pub(crate) async fn check_storage(store: &dyn Store, files: &dyn Files) -> Result<(), Stop> {
    let known = store.registration().await?.storage_marker;
    let here = files.marker().await?;
    let marker = match (known, here) {
        (Some(known), Some(here)) if known == here => return Ok(()),
        (Some(known), Some(here)) => return Err(wrong_storage(files, known, Some(here))),
        // Recorded, then stopped before the storage was marked: fine as long as no file was stored.
        (Some(known), None) if !store.any_generated().await? => known,
        (Some(known), None) => return Err(wrong_storage(files, known, None)),
        (None, here) => here.unwrap_or_else(|| Uuid::new_v8(keyring::random())),
    };
    if known.is_none() && here.is_some() {
        warn!(storage = files.describe(), "a new store was linked to an existing file storage");
    }
    let wanted = Registration { storage_marker: Some(marker), ..Registration::default() };
    let stands = store.register(&wanted).await?.storage_marker.unwrap_or(marker);
    files.mark(stands).await?;
    match files.marker().await? {
        Some(here) if here == stands => Ok(()),
        other => Err(wrong_storage(files, stands, other)),
    }
}

fn wrong_storage(files: &dyn Files, known: Uuid, here: Option<Uuid>) -> Stop {
    let here = here.map_or_else(|| "no marker at all".to_owned(), |m| format!("the marker {m}"));
    Stop::misuse(format!(
        "{} is not the storage that this store's tickets are in: it has {here}, not {known}. Mount the right \
         one, or name it by FULFILLMENT_FILES_URL",
        files.describe(),
    ))
}
