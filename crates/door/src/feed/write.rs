//! Documents to bytes.

use fulfillment_credential::KeySet;

use super::cbor::Writer;
use super::digest::write_deviation;
use super::document::{
    Admitted, Delta, Direction, Document, Head, Keys, Names, Numbers, Snapshot, StillGood,
};
use super::keys::{self, MapWriter};
use super::{Digest, Origin};

/// The signed content of a document.
pub(super) fn payload(document: &Document) -> Vec<u8> {
    let mut map = MapWriter::default();
    match document {
        Document::Snapshot(snapshot) => write_snapshot(&mut map, snapshot),
        Document::Delta(delta) => write_delta(&mut map, delta),
        Document::StillGood(part) => write_still_good(&mut map, part),
        Document::Numbers(part) => write_numbers(&mut map, part),
        Document::Names(part) => write_names(&mut map, part),
        Document::Admitted(part) => write_admitted(&mut map, part),
    }
    let mut out = Writer::default();
    map.finish(&mut out);
    out.into_bytes()
}

/// What all documents begin with.
fn begin(map: &mut MapWriter, kind: u8, origin: &Origin, event_id: Option<&str>, from: Option<u64>) {
    map.key(keys::KIND).unsigned(kind.into());
    map.key(keys::EVENT).unsigned(origin.event.into());
    if let Some(id) = event_id {
        map.key(keys::EVENT_ID).text(id);
    }
    map.key(keys::EPOCH).unsigned(origin.epoch);
    map.key(keys::VERSION).unsigned(origin.version);
    if let Some(from) = from {
        map.key(keys::FROM).unsigned(from);
    }
    map.key(keys::MADE_AT).integer(origin.made_at);
}

fn write_snapshot(map: &mut MapWriter, snapshot: &Snapshot) {
    begin(map, keys::SNAPSHOT, &snapshot.origin, Some(&snapshot.event_id), None);
    map.key(keys::FRESH_UNTIL).integer(snapshot.fresh_until);
    write_head(map.key(keys::HEAD), &snapshot.head);
    write_keys(map, &snapshot.keys);
    let sorted = &snapshot.deviations;
    write_list(map.key(keys::DEVIATIONS), sorted, write_deviation);
    write_digest(map, &Digest::of_list(sorted));
}

fn write_delta(map: &mut MapWriter, delta: &Delta) {
    begin(map, keys::DELTA, &delta.origin, None, Some(delta.from));
    map.key(keys::FRESH_UNTIL).integer(delta.fresh_until);
    if let Some(head) = &delta.head {
        write_head(map.key(keys::HEAD), head);
    }
    if let Some(keys) = &delta.keys {
        write_keys(map, keys);
    }
    write_list(map.key(keys::DEVIATIONS), &delta.deviations, write_deviation);
    write_digest(map, &delta.digest);
}

fn write_digest(map: &mut MapWriter, digest: &Digest) {
    map.key(keys::COUNT).unsigned(digest.count);
    map.key(keys::HASH).bytes(&digest.hash);
}

fn write_head(out: &mut Writer, head: &Head) {
    use super::keys::head as at;
    let mut map = MapWriter::default();
    let text = |map: &mut MapWriter, key, value: &Option<String>| {
        if let Some(value) = value {
            map.key(key).text(value);
        }
    };
    let time = |map: &mut MapWriter, key, value: Option<i64>| {
        if let Some(value) = value {
            map.key(key).integer(value);
        }
    };
    text(&mut map, at::NAME, &head.name);
    time(&mut map, at::STARTS_AT, head.starts_at);
    time(&mut map, at::ENDS_AT, head.ends_at);
    time(&mut map, at::DOORS_AT, head.doors_at);
    text(&mut map, at::TIME_ZONE, &head.time_zone);
    text(&mut map, at::VENUE_NAME, &head.venue_name);
    text(&mut map, at::VENUE_ADDRESS, &head.venue_address);
    map.key(at::STATUS).unsigned(head.status as u64);
    for (key, list) in [(at::CATEGORIES, &head.categories), (at::AREAS, &head.areas)] {
        write_list(map.key(key), list, |out, (number, name)| {
            out.array(2);
            out.unsigned((*number).into());
            out.text(name);
        });
    }
    write_list(map.key(at::GATES), &head.gates, |out, gate| out.text(gate));
    text(&mut map, at::RULES, &head.rules);
    map.finish(out);
}

fn write_keys(map: &mut MapWriter, held: &Keys) {
    write_key_set(map.key(keys::ACCEPTED), &held.accepted);
    write_key_set(map.key(keys::REVOKED), &held.revoked);
}

fn write_key_set(out: &mut Writer, set: &KeySet) {
    let mut sorted: Vec<[u8; 32]> = set.iter().map(|(_, key)| key.to_bytes()).collect();
    sorted.sort_unstable();
    write_list(out, &sorted, |out, key| out.bytes(key));
}

fn write_still_good(map: &mut MapWriter, part: &StillGood) {
    begin(map, keys::STILL_GOOD, &part.origin, None, None);
    map.key(keys::KID).bytes(&part.kid.0);
    write_list(map.key(keys::ENTRIES), &part.codes, |out, code| {
        out.array(4);
        out.bytes(&code.cti);
        out.unsigned(code.generation.into());
        out.unsigned(code.category.into());
        out.integer(code.expires_at);
    });
}

fn write_numbers(map: &mut MapWriter, part: &Numbers) {
    begin(map, keys::NUMBERS, &part.origin, None, None);
    write_list(map.key(keys::ENTRIES), &part.tickets, |out, (tag, cti)| {
        out.array(2);
        out.bytes(tag);
        out.bytes(cti);
    });
}

fn write_names(map: &mut MapWriter, part: &Names) {
    begin(map, keys::NAMES, &part.origin, None, None);
    write_list(map.key(keys::ENTRIES), &part.tickets, |out, name| {
        out.array(3);
        out.bytes(&name.cti);
        out.text(&name.holder);
        out.text(&name.seat);
    });
}

fn write_admitted(map: &mut MapWriter, part: &Admitted) {
    begin(map, keys::ADMITTED, &part.origin, None, Some(part.from));
    write_list(map.key(keys::ENTRIES), &part.tickets, |out, (prefix, direction, at)| {
        out.array(3);
        out.bytes(prefix);
        out.unsigned(match direction {
            Direction::In => 0,
            Direction::Out => 1,
            Direction::Unknown => 2,
        });
        out.integer(*at);
    });
}

fn write_list<T>(out: &mut Writer, list: &[T], entry: impl Fn(&mut Writer, &T)) {
    out.array(list.len());
    for item in list {
        entry(out, item);
    }
}
