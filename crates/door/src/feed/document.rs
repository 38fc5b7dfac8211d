//! The documents of a feed, as they are in memory.

use fulfillment_credential::{Cti, KeySet, Kid, Standing};

/// One signed document of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// All of an event's feed.
    Snapshot(Snapshot),
    /// What changed since a version.
    Delta(Delta),
    /// A part: the codes of a revoked key that stay valid.
    StillGood(StillGood),
    /// A part: ticket numbers.
    Numbers(Numbers),
    /// A part: holders and seats.
    Names(Names),
    /// A part: who was admitted.
    Admitted(Admitted),
}

/// What every document says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The event's number, as in its codes.
    pub event: u32,
    /// The epoch of the store that it was made from. A restored store has a higher one.
    pub epoch: u64,
    /// The version of the event's feed, which grows with every change of its head, its keys or its deviations. In
    /// [`Admitted`] it is the number of the newest check-in instead.
    pub version: u64,
    /// When it was made, in Unix seconds.
    pub made_at: i64,
}

/// The complete feed of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Event, epoch, version and time.
    pub origin: Origin,
    /// The event's id as text.
    pub event_id: String,
    /// From this second on the feed is stale.
    pub fresh_until: i64,
    /// The event.
    pub head: Head,
    /// The installation's keys.
    pub keys: Keys,
    /// The credentials that are not valid in every generation, sorted by id.
    pub deviations: Vec<(Cti, Standing)>,
}

/// What changed in the feed of an event. A delta of nothing renews its freshness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Event, epoch, version and time.
    pub origin: Origin,
    /// The version since which it has every change.
    pub from: u64,
    /// From this second on the feed is stale.
    pub fresh_until: i64,
    /// The event, if its record changed.
    pub head: Option<Head>,
    /// The installation's keys, if they changed.
    pub keys: Option<Keys>,
    /// The changed deviations, sorted by id.
    pub deviations: Vec<(Cti, Standing)>,
    /// Count and hash of the complete deviations of `version`.
    pub digest: super::Digest,
}

/// The event's record and rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The event's name.
    pub name: Option<String>,
    /// When it begins, in Unix seconds.
    pub starts_at: Option<i64>,
    /// When it ends.
    pub ends_at: Option<i64>,
    /// When its doors open.
    pub doors_at: Option<i64>,
    /// Its IANA time zone.
    pub time_zone: Option<String>,
    /// The name of its venue.
    pub venue_name: Option<String>,
    /// The address of its venue.
    pub venue_address: Option<String>,
    /// Whether it takes place.
    pub status: Status,
    /// The names of ticket categories by their number in codes, sorted by number.
    pub categories: Vec<(u16, String)>,
    /// The names of areas by number, sorted by number.
    pub areas: Vec<(u16, String)>,
    /// The names of gates, sorted.
    pub gates: Vec<String>,
    /// The rules of admission, as the text of their JSON document.
    pub rules: Option<String>,
}

/// Whether an event takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// At its time.
    #[default]
    Scheduled,
    /// At another time than was announced.
    Postponed,
    /// Not at all.
    Cancelled,
}

/// The keys of an installation. A key that is in both sets is revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys whose codes are accepted.
    pub accepted: KeySet,
    /// Keys whose codes are refused, unless they are still good.
    pub revoked: KeySet,
}

/// The codes of a revoked key that stay valid. With the event of the origin each entry has all five claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillGood {
    /// Event, epoch, version and time.
    pub origin: Origin,
    /// The revoked key.
    pub kid: Kid,
    /// Its codes, sorted by id and generation.
    pub codes: Vec<StillGoodCode>,
}

/// The claims of one code that stays valid, except its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StillGoodCode {
    /// The credential's id.
    pub cti: Cti,
    /// The code's generation.
    pub generation: u8,
    /// The number of its category.
    pub category: u16,
    /// Its expiry, in Unix seconds.
    pub expires_at: i64,
}

/// The first bytes of a keyed hash of a ticket's number: see [`number_tag`](super::number_tag).
pub type NumberTag = [u8; 8];

/// The ticket numbers of an event, readable only by whoever has the installation's key for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Event, epoch, version and time.
    pub origin: Origin,
    /// Tag and credential, sorted by both.
    pub tickets: Vec<(NumberTag, Cti)>,
}

/// The holders and seats of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Event, epoch, version and time.
    pub origin: Origin,
    /// The tickets, sorted by credential.
    pub tickets: Vec<Name>,
}

/// Who holds a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The credential's id.
    pub cti: Cti,
    /// The holder's name; empty if there is none.
    pub holder: String,
    /// The seat; empty if there is none.
    pub seat: String,
}

/// The first bytes of a credential's id. Two tickets of a large event may have the same.
pub type Prefix = [u8; 5];

/// Where the holder of a ticket went last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// In.
    In,
    /// Out.
    Out,
    /// Several tickets of the event begin with these bytes, so nothing is known of any of them.
    Unknown,
}

/// The newest recorded admission or exit of tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Event, epoch, number of the newest check-in, and time.
    pub origin: Origin,
    /// The number of the check-in after which it has all; 0 for everything.
    pub from: u64,
    /// The tickets by the first bytes of their id, sorted, each once, with the time of the scan in Unix seconds.
    pub tickets: Vec<(Prefix, Direction, i64)>,
}

impl Document {
    /// Event, epoch, version and time.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Snapshot(Snapshot { origin, .. })
            | Self::Delta(Delta { origin, .. })
            | Self::StillGood(StillGood { origin, .. })
            | Self::Numbers(Numbers { origin, .. })
            | Self::Names(Names { origin, .. })
            | Self::Admitted(Admitted { origin, .. }) => origin,
        }
    }
}
