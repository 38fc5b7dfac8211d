//! Verifies codes at the door.

use std::fmt;

use crate::wire::parse;
use crate::{Credential, DoorFeed, KeySet, Kid, Malformed};

/// What a door checks beyond the keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions<'a> {
    /// The event this door is for; `None` accepts tickets of every event.
    pub event: Option<u32>,
    /// The known reissues and voids; `None` accepts every code that is signed and not expired.
    pub feed: Option<&'a DoorFeed>,
    /// Keys that were revoked: their codes are refused, except those that the feed keeps. A key that is in the key set
    /// too is revoked.
    pub revoked: Option<&'a KeySet>,
}

/// The result of verifying a code. Only [`Verdict::Valid`] admits the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Genuine, current, and for this door's event.
    Valid(Credential),
    /// Well-formed, but its key is not in the set: it belongs to another platform, is revoked, or the set is outdated.
    UnknownKey(Kid),
    /// Its key was revoked, and the feed does not say that this code is still good: whoever has the key can have made
    /// it.
    RevokedKey(Kid),
    /// The key it names has not signed it: it is forged or damaged.
    BadSignature(Kid),
    /// Genuine, but expired.
    Expired(Credential),
    /// Genuine, but for another event than this door's.
    OtherEvent {
        /// What the code says.
        credential: Credential,
        /// The event of the door.
        wanted: u32,
    },
    /// Genuine, but a later code has replaced it.
    Superseded {
        /// What the code says.
        credential: Credential,
        /// The first generation that is still valid.
        lowest_good: u8,
    },
    /// Genuine, but the ticket was voided.
    Voided(Credential),
    /// Not a code of this format.
    Malformed(Malformed),
}

impl Verdict {
    /// Whether the holder is admitted.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid(_))
    }

    /// The verdict's name for programs; these names are stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Valid(_) => "valid",
            Self::UnknownKey(_) => "unknown_key",
            Self::RevokedKey(_) => "revoked_key",
            Self::BadSignature(_) => "bad_signature",
            Self::Expired(_) => "expired",
            Self::OtherEvent { .. } => "other_event",
            Self::Superseded { .. } => "superseded",
            Self::Voided(_) => "voided",
            Self::Malformed(_) => "malformed",
        }
    }

    /// The credential, if its signature was verified.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Valid(credential)
            | Self::Expired(credential)
            | Self::OtherEvent { credential, .. }
            | Self::Superseded { credential, .. }
            | Self::Voided(credential) => Some(credential),
            Self::UnknownKey(_) | Self::RevokedKey(_) | Self::BadSignature(_) | Self::Malformed(_) => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(c) => write!(f, "valid: a ticket for event {}", c.claims.event),
            Self::UnknownKey(kid) => {
                write!(f, "not accepted: signed with key {kid}, which is not known here")
            }
            Self::RevokedKey(kid) => write!(
                f,
                "not accepted: key {kid} was revoked, and this code is not known to be one of its genuine ones"
            ),
            Self::BadSignature(kid) => write!(f, "not genuine: key {kid} has not signed this code"),
            Self::Expired(c) => match jiff::Timestamp::from_second(c.claims.expires_at) {
                Ok(until) => write!(f, "expired: it was good until {until}"),
                // Outside the years -9999 to 9999.
                Err(_) => write!(f, "expired: it was good until second {} of Unix time", c.claims.expires_at),
            },
            Self::OtherEvent { credential, wanted } => {
                write!(f, "for another event: {} instead of {wanted}", credential.claims.event)
            }
            Self::Superseded { credential, lowest_good } => write!(
                f,
                "replaced: this code is generation {}, good ones begin with {lowest_good}; ask for the new ticket",
                credential.claims.generation
            ),
            Self::Voided(_) => write!(f, "voided: this ticket was cancelled"),
            Self::Malformed(why) => write!(f, "not a ticket code: {why}"),
        }
    }
}

/// Verifies a code at the time `now` (Unix seconds). Never panics, whatever the text is.
///
/// The format is checked first, then the key and its signature; only a genuine code gets a verdict about its ticket. A
/// code of a revoked key that is still good is checked as any other.
/// The precedence of these is voided, superseded, wrong event, expired: a void is final, and the holder has to act on
/// the first two.
#[must_use]
pub fn verify(code: &str, keys: &KeySet, now: i64, options: &VerifyOptions<'_>) -> Verdict {
    match open(code, keys, options.revoked) {
        Ok(opened) => opened.judge(now, options.event, options.feed),
        Err(verdict) => verdict,
    }
}

/// A code with its key looked up and its signature checked: what needs no knowledge of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedCode {
    credential: Credential,
    key_revoked: bool,
    is_signed: bool,
}

/// Reads a code and checks its signature. [`OpenedCode::judge`] does the rest, so that a service can read its record in
/// between.
///
/// # Errors
/// [`Verdict::Malformed`] and [`Verdict::UnknownKey`].
pub fn open(code: &str, keys: &KeySet, revoked: Option<&KeySet>) -> Result<OpenedCode, Verdict> {
    let unverified = parse(code).map_err(Verdict::Malformed)?;
    let credential = unverified.credential;
    let of_revoked = revoked.and_then(|revoked| revoked.get(credential.kid));
    let Some(key) = of_revoked.or_else(|| keys.get(credential.kid)) else {
        return Err(Verdict::UnknownKey(credential.kid));
    };
    let is_signed = key.has_signed(&unverified.signed_bytes, &unverified.signature);
    Ok(OpenedCode { credential, key_revoked: of_revoked.is_some(), is_signed })
}

impl OpenedCode {
    /// What the code says. It proves nothing before [`Self::judge`].
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Whether its key was revoked.
    #[must_use]
    pub fn key_revoked(&self) -> bool {
        self.key_revoked
    }

    /// The verdict at the time `now` (Unix seconds), for the door of an event, or of any.
    #[must_use]
    pub fn judge(&self, now: i64, event: Option<u32>, feed: Option<&DoorFeed>) -> Verdict {
        let Self { credential, key_revoked, is_signed } = *self;
        let claims = credential.claims;
        if key_revoked && !feed.is_some_and(|feed| feed.is_still_good(&claims)) {
            return Verdict::RevokedKey(credential.kid);
        }
        if !is_signed {
            return Verdict::BadSignature(credential.kid);
        }
        if let Some(standing) = feed.map(|feed| feed.standing(&claims.cti)) {
            if standing.voided {
                return Verdict::Voided(credential);
            }
            if claims.generation < standing.lowest_good_generation {
                return Verdict::Superseded { credential, lowest_good: standing.lowest_good_generation };
            }
        }
        match event {
            Some(wanted) if wanted != claims.event => Verdict::OtherEvent { credential, wanted },
            _ if now >= claims.expires_at => Verdict::Expired(credential),
            _ => Verdict::Valid(credential),
        }
    }
}
