//! Documents of the feed, made from the record and signed.

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use fulfillment_credential::{KeySet, Kid, PublicKey, SigningKey};
use fulfillment_domain::EventStatus;
use fulfillment_door::Rules;
use fulfillment_door::feed::{self, Document, Head, Keys, MAX_TEXT, Status};
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_store::{DoorFeed, RevokedKey};
use jiff::Timestamp;
use tracing::{error, warn};

use crate::api::Api;
use crate::gzip;
use crate::problem::{Kind, Problem};
use crate::tickets::file::known;

/// A feed's documents that say the same have the same bytes as long as this, in seconds.
const SLOT: i64 = 600;

/// The type of a document.
const COSE: &str = "application/cose; cose-type=\"cose-sign1\"";

/// How long a feed is fresh, from the beginning of the slot.
const FRESH: i64 = 1_200;

/// The key that signs now, and the times that documents made now have.
pub(super) struct Signer {
    keyring: Arc<Keyring>,
    now: Timestamp,
}

impl Signer {
    pub(super) fn now(api: &Api) -> Self {
        Self { keyring: api.keys.current(), now: api.clock.now() }
    }

    pub(super) fn made_at(&self) -> i64 {
        self.now.as_second().div_euclid(SLOT) * SLOT
    }

    pub(super) fn fresh_until(&self) -> i64 {
        self.made_at() + FRESH
    }

    pub(super) fn kid(&self) -> Result<Kid, Problem> {
        Ok(self.key()?.kid())
    }

    fn key(&self) -> Result<&SigningKey, Problem> {
        self.keyring.signing_key(self.now).map_err(|error| {
            error!(%error, "the door's feed cannot be signed");
            Problem::new(Kind::Internal, "No key can sign the feed.")
        })
    }

    /// A key that was revoked is refused by every reader, whatever it signs: this process will know it in a moment.
    pub(super) fn is_not_revoked(&self, revoked: &[RevokedKey]) -> Result<(), Problem> {
        let key = self.key()?.public().to_bytes();
        if revoked.iter().any(|revoked| revoked.public_key == key) {
            let detail = "The key that signs was revoked a moment ago.";
            return Err(Problem::new(Kind::StoreUnavailable, detail).retry_after(1));
        }
        Ok(())
    }

    /// The keys on record, with the one that signs this.
    pub(super) fn keys(&self, feed: &DoorFeed) -> Result<Keys, Problem> {
        self.is_not_revoked(&feed.revoked)?;
        let key = self.key()?.public();
        let mut keys = Keys::default();
        let revoked: Vec<_> = feed.revoked.iter().map(|key| key.public_key).collect();
        let accepted = feed.keys.iter().map(|key| key.public_key).filter(|key| !revoked.contains(key));
        put(&mut keys.accepted, accepted.chain([key.to_bytes()]));
        put(&mut keys.revoked, revoked.iter().copied());
        Ok(keys)
    }

    /// Signs a document, beside the other requests: a large one takes its time.
    pub(super) async fn sign(self, document: Document) -> Result<Vec<u8>, Problem> {
        self.key()?;
        let signed = tokio::task::spawn_blocking(move || {
            let key = self.keyring.signing_key(self.now).map_err(|error| error.to_string())?;
            feed::sign(key, &document).map_err(|error| error.to_string())
        });
        signed.await.map_err(|error| error.to_string()).and_then(|signed| signed).map_err(|error| {
            error!(error, "a document of the door's feed cannot be made");
            Problem::new(Kind::Internal, "The feed cannot be made.")
        })
    }
}

fn put(set: &mut KeySet, keys: impl Iterator<Item = [u8; 32]>) {
    for key in keys {
        let put = PublicKey::from_bytes(&key)
            .map_err(|error| error.to_string())
            .and_then(|key| set.insert(key).map_err(|error| error.to_string()));
        if let Err(error) = put {
            warn!(error, "a key on record is left out of the door's feed");
        }
    }
}

/// A signed document, or 304 where the client has it. The tag is weak: it is that of the content, compressed or not.
pub(super) async fn answer(headers: &HeaderMap, tag: String, document: Option<Vec<u8>>) -> Response {
    let is_known = known(headers, &tag);
    let common = [(ETAG, format!("W/{tag}")), (CACHE_CONTROL, "private, no-cache".to_owned())];
    match document {
        Some(document) if !is_known => (common, content(headers, document).await).into_response(),
        _ => (StatusCode::NOT_MODIFIED, common, [VARIES]).into_response(),
    }
}

/// Another answer where the client accepts another encoding.
const VARIES: (HeaderName, &str) = (VARY, "Accept-Encoding");

/// A document with what describes it, compressed for clients that accept it.
pub(super) async fn content(headers: &HeaderMap, document: Vec<u8>) -> impl IntoResponse + use<> {
    let (encoding, document) = gzip::encode(headers, document.into()).await;
    ([(CONTENT_TYPE, COSE), VARIES], encoding, document)
}

/// The head of an event's feed.
pub(super) fn head(feed: &DoorFeed) -> Head {
    let details = feed.record.in_force();
    let event = &feed.record.id;
    let text = |field, text: Option<String>| text.map(|text| clipped(event, field, text));
    let second = |at: Option<Timestamp>| at.map(Timestamp::as_second);
    let rules = &feed.rules;
    let named = |(number, name): &(u16, String)| (*number, clipped(event, "a category", name.clone()));
    Head {
        name: text("the name", details.name),
        starts_at: second(details.starts_at),
        ends_at: second(details.ends_at),
        doors_at: second(details.doors_at),
        time_zone: text("the time zone", details.time_zone),
        venue_name: text("the venue", details.venue_name),
        venue_address: text("the address", details.venue_address),
        status: match details.status {
            None | Some(EventStatus::Scheduled) => Status::Scheduled,
            Some(EventStatus::Postponed) => Status::Postponed,
            Some(EventStatus::Cancelled) => Status::Cancelled,
        },
        categories: feed.categories.iter().map(named).collect(),
        areas: (1..).zip(rules.areas.keys().cloned()).collect(),
        gates: rules.gates.keys().cloned().collect(),
        rules: (*rules != Rules::default()).then(|| rules.to_json()),
    }
}

/// A text of at most [`MAX_TEXT`] bytes: an event with a longer one has a feed all the same.
pub(super) fn clipped(event: &str, field: &str, mut text: String) -> String {
    if text.len() > MAX_TEXT {
        warn!(
            event,
            field,
            bytes = text.len(),
            "a text is too long for the door's feed and is cut off there"
        );
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(clipped("e", "f", "é".repeat(3_000)).len(), MAX_TEXT);
        assert_eq!(clipped("e", "f", format!("a{}", "é".repeat(3_000))).len(), MAX_TEXT - 1);
        assert_eq!(clipped("e", "f", "short".into()), "short");
    }
}
