//! Bytes to documents, strictly: a document has one encoding, and no other is accepted.

use fulfillment_credential::{KeySet, Kid, PublicKey, Standing, open_message};

use super::cbor::Reader;
use super::document::{
    Admitted, Delta, Direction, Document, Head, Keys, Name, Names, Numbers, Snapshot, Status, StillGood,
    StillGoodCode,
};
use super::keys::{self, MapReader, TYPE};
use super::limits::{MAX_BYTES, MAX_GATES, MAX_KEYS, MAX_NUMBERED, MAX_RULES, MAX_TEXT, MAX_TICKETS};
use super::{Digest, Origin, ReadError, write};

/// A document and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The key that signed it.
    pub signer: Kid,
    /// What it says.
    pub document: Document,
}

/// Reads a document that one of these keys signed. Nothing of its content is looked at before the signature is
/// verified. Never panics, whatever the bytes are.
pub fn read(bytes: &[u8], keys: &KeySet) -> Result<Received, ReadError> {
    if bytes.len() > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let (signer, content) = open_message(bytes, TYPE, keys)?;
    Ok(Received { signer, document: payload(content)? })
}

/// Reads the signed content of a document.
pub(super) fn payload(bytes: &[u8]) -> Result<Document, ReadError> {
    let mut reader = Reader::new(bytes);
    let document = document(&mut reader)?;
    reader.end()?;
    // The reader takes one spelling of everything; that it forgot nothing is shown by writing the document again.
    if write::payload(&document) == bytes { Ok(document) } else { Err(NOT_CANONICAL) }
}

const NOT_CANONICAL: ReadError = ReadError::Content("it is not in deterministic encoding");

const OTHER_KIND: ReadError = ReadError::Content("it is of another kind");

fn document(reader: &mut Reader<'_>) -> Result<Document, ReadError> {
    let mut map = MapReader::begin(reader)?;
    let kind: u8 = map.required(keys::KIND, Reader::small)?;
    if kind > keys::ADMITTED {
        return Err(OTHER_KIND);
    }
    let event = map.required(keys::EVENT, Reader::small)?;
    let event_id = match kind {
        keys::SNAPSHOT => map.required(keys::EVENT_ID, text)?,
        _ => String::new(),
    };
    let epoch = map.required(keys::EPOCH, Reader::unsigned)?;
    let version = map.required(keys::VERSION, Reader::unsigned)?;
    let from = match kind {
        keys::DELTA | keys::ADMITTED => map.required(keys::FROM, Reader::unsigned)?,
        _ => 0,
    };
    if from > version {
        return Err(ReadError::Content("it begins after its end"));
    }
    let made_at = map.required(keys::MADE_AT, Reader::integer)?;
    let origin = Origin { event, epoch, version, made_at };
    let document = match kind {
        keys::SNAPSHOT => snapshot(&mut map, origin, event_id).map(Document::Snapshot),
        keys::DELTA => delta(&mut map, origin, from).map(Document::Delta),
        keys::STILL_GOOD => still_good(&mut map, origin).map(Document::StillGood),
        keys::NUMBERS => numbers(&mut map, origin).map(Document::Numbers),
        keys::NAMES => names(&mut map, origin).map(Document::Names),
        keys::ADMITTED => admitted(&mut map, origin, from).map(Document::Admitted),
        _ => Err(OTHER_KIND),
    }?;
    map.end()?;
    Ok(document)
}

fn snapshot(map: &mut MapReader<'_, '_>, origin: Origin, event_id: String) -> Result<Snapshot, ReadError> {
    let fresh_until = map.required(keys::FRESH_UNTIL, Reader::integer)?;
    let head = map.required(keys::HEAD, head)?;
    let keys = Keys {
        accepted: map.required(keys::ACCEPTED, key_set)?,
        revoked: map.required(keys::REVOKED, key_set)?,
    };
    let deviations = map.required(keys::DEVIATIONS, deviations)?;
    if digest(map)? != Digest::of_list(&deviations) {
        return Err(ReadError::Content("its deviations have another count or hash"));
    }
    Ok(Snapshot { origin, event_id, fresh_until, head, keys, deviations })
}

fn delta(map: &mut MapReader<'_, '_>, origin: Origin, from: u64) -> Result<Delta, ReadError> {
    let fresh_until = map.required(keys::FRESH_UNTIL, Reader::integer)?;
    let head = map.optional(keys::HEAD, head)?;
    let accepted = map.optional(keys::ACCEPTED, key_set)?;
    let revoked = map.optional(keys::REVOKED, key_set)?;
    let keys = match (accepted, revoked) {
        (Some(accepted), Some(revoked)) => Some(Keys { accepted, revoked }),
        (None, None) => None,
        _ => return Err(ReadError::Content("it has one set of keys alone")),
    };
    let deviations = map.required(keys::DEVIATIONS, deviations)?;
    Ok(Delta { origin, from, fresh_until, head, keys, deviations, digest: digest(map)? })
}

fn digest(map: &mut MapReader<'_, '_>) -> Result<Digest, ReadError> {
    Ok(Digest {
        count: map.required(keys::COUNT, Reader::unsigned)?,
        hash: map.required(keys::HASH, Reader::bytes)?,
    })
}

fn deviations(reader: &mut Reader<'_>) -> Result<Vec<(fulfillment_credential::Cti, Standing)>, ReadError> {
    let list = reader.list(MAX_TICKETS, |reader| {
        reader.tuple(3)?;
        let cti = reader.bytes()?;
        let standing = Standing { lowest_good_generation: reader.small()?, voided: reader.boolean()? };
        if standing == Standing::default() {
            return Err(ReadError::Content("a deviation deviates in nothing"));
        }
        Ok((cti, standing))
    })?;
    sorted(list, |(cti, _)| *cti)
}

fn head(reader: &mut Reader<'_>) -> Result<Head, ReadError> {
    use super::keys::head as at;
    let mut map = MapReader::begin(reader)?;
    let head = Head {
        name: map.optional(at::NAME, text)?,
        starts_at: map.optional(at::STARTS_AT, Reader::integer)?,
        ends_at: map.optional(at::ENDS_AT, Reader::integer)?,
        doors_at: map.optional(at::DOORS_AT, Reader::integer)?,
        time_zone: map.optional(at::TIME_ZONE, text)?,
        venue_name: map.optional(at::VENUE_NAME, text)?,
        venue_address: map.optional(at::VENUE_ADDRESS, text)?,
        status: match map.required(at::STATUS, Reader::unsigned)? {
            0 => Status::Scheduled,
            1 => Status::Postponed,
            2 => Status::Cancelled,
            _ => return Err(ReadError::Content("the event's status is none of the known ones")),
        },
        categories: map.required(at::CATEGORIES, numbered)?,
        areas: map.required(at::AREAS, numbered)?,
        gates: map.required(at::GATES, |reader| sorted(reader.list(MAX_GATES, text)?, String::clone))?,
        rules: map.optional(at::RULES, |reader| reader.text(MAX_RULES))?,
    };
    map.end()?;
    Ok(head)
}

/// Names by number.
fn numbered(reader: &mut Reader<'_>) -> Result<Vec<(u16, String)>, ReadError> {
    let list = reader.list(MAX_NUMBERED, |reader| {
        reader.tuple(2)?;
        Ok((reader.small()?, text(reader)?))
    })?;
    sorted(list, |(number, _)| *number)
}

fn key_set(reader: &mut Reader<'_>) -> Result<KeySet, ReadError> {
    let keys = reader.list(MAX_KEYS, Reader::bytes::<32>)?;
    let mut set = KeySet::new();
    for key in sorted(keys, |key| *key)? {
        let key = PublicKey::from_bytes(&key).map_err(|_| ReadError::Content("a key is not usable"))?;
        set.insert(key).map_err(|_| ReadError::Content("two keys have the same id"))?;
    }
    Ok(set)
}

fn still_good(map: &mut MapReader<'_, '_>, origin: Origin) -> Result<StillGood, ReadError> {
    let kid = Kid(map.required(keys::KID, Reader::bytes)?);
    let codes = map.required(keys::ENTRIES, |reader| {
        reader.list(MAX_TICKETS, |reader| {
            reader.tuple(4)?;
            Ok(StillGoodCode {
                cti: reader.bytes()?,
                generation: reader.small()?,
                category: reader.small()?,
                expires_at: reader.integer()?,
            })
        })
    })?;
    Ok(StillGood { origin, kid, codes: sorted(codes, |code| (code.cti, code.generation))? })
}

fn numbers(map: &mut MapReader<'_, '_>, origin: Origin) -> Result<Numbers, ReadError> {
    let tickets = map.required(keys::ENTRIES, |reader| {
        reader.list(MAX_TICKETS, |reader| {
            reader.tuple(2)?;
            Ok((reader.bytes()?, reader.bytes()?))
        })
    })?;
    Ok(Numbers { origin, tickets: sorted(tickets, |entry| *entry)? })
}

fn names(map: &mut MapReader<'_, '_>, origin: Origin) -> Result<Names, ReadError> {
    let tickets = map.required(keys::ENTRIES, |reader| {
        reader.list(MAX_TICKETS, |reader| {
            reader.tuple(3)?;
            Ok(Name { cti: reader.bytes()?, holder: text(reader)?, seat: text(reader)? })
        })
    })?;
    Ok(Names { origin, tickets: sorted(tickets, |name| name.cti)? })
}

fn admitted(map: &mut MapReader<'_, '_>, origin: Origin, from: u64) -> Result<Admitted, ReadError> {
    let tickets = map.required(keys::ENTRIES, |reader| {
        reader.list(MAX_TICKETS, |reader| {
            reader.tuple(3)?;
            let prefix = reader.bytes()?;
            let direction = match reader.unsigned()? {
                0 => Direction::In,
                1 => Direction::Out,
                2 => Direction::Unknown,
                _ => return Err(ReadError::Content("a direction is none of the known ones")),
            };
            Ok((prefix, direction, reader.integer()?))
        })
    })?;
    Ok(Admitted { origin, from, tickets: sorted(tickets, |(prefix, ..)| *prefix)? })
}

fn text(reader: &mut Reader<'_>) -> Result<String, ReadError> {
    reader.text(MAX_TEXT)
}

/// The list, if its entries ascend by `key` and none is there twice.
fn sorted<T, K: Ord>(list: Vec<T>, key: impl Fn(&T) -> K) -> Result<Vec<T>, ReadError> {
    if list.is_sorted_by(|a, b| key(a) < key(b)) {
        Ok(list)
    } else {
        Err(ReadError::Content("a list is not sorted, or has an entry twice"))
    }
}
