//! Signs in an answer that more was sold than its items state.

use serde_json::value::RawValue;

use super::reader::Reader;
use crate::fields::Fields;
use crate::ticket::Flag;

/// Where platforms list what was sold when they do not call it `items`.
const LISTS: [&str; 5] = ["lines", "lineItems", "seats", "tickets", "positions"];

/// Lists of people, one entry each. As many entries as tickets mean nothing; more entries may mean more tickets.
const PEOPLE: [&str; 3] = ["attendees", "guests", "participants"];

/// Lists that an item may have beside [`LISTS`] and [`PEOPLE`].
const IN_ITEMS: [&str; 3] = ["items", "seatLabels", "seatNumbers"];

/// Numbers that may count tickets, but are less reliable than `ticketCount`.
const NUMBERS: [&str; 3] = ["numberOfTickets", "ticketsCount", "numTickets"];

/// How deep such lists are looked for: `"basket": {"groups": [{"items": [...]}]}`.
const DEEP: usize = 5;

/// Fields that an entry of a list of sold things has.
const SOLD: [&str; 6] = ["price", "quantity", "seat", "seatid", "seatnumber", "row"];

/// What was understood of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Understood {
    /// Lines under `items`.
    pub(super) items: usize,
    /// Tickets to be issued.
    pub(super) tickets: i64,
    /// Tickets, and the units counted in lines that admit nobody.
    pub(super) units: i64,
}

/// Refuses an answer by which more was sold than was understood: issued, it would leave a buyer without a ticket. Signs
/// that are only possible ones are flagged.
pub(super) fn compare(answer: &mut Reader<'_, '_>, understood: Understood) {
    for name in LISTS {
        let Some(list) = answer.optional(name, Fields::list) else { continue };
        let objects = list.iter().filter(|entry| entry.get().starts_with('{')).count();
        let entries = i64::try_from(list.len()).unwrap_or(i64::MAX);
        // Items that admit nobody are not tickets: what was sold is in the other list.
        if (understood.items == 0 || understood.tickets == 0) && objects >= 2 {
            answer.fault(
                name,
                format!("is a list of {objects} and no item is a ticket: more was sold than is understood"),
            );
        } else if entries > understood.tickets.max(i64::try_from(understood.items).unwrap_or(i64::MAX))
            || (understood.items == 0 && objects > 0)
        {
            answer.flag(Flag::MoreWasSold, format!("{name} is a list of {entries} that is not read"));
        }
    }
    if understood.items == 0 {
        let lists = answer
            .fields()
            .entries()
            .filter(|(name, value)| !is_known(name) && sold(value, DEEP) >= 2)
            .count();
        if lists > 0 {
            answer.flag(
                Flag::MoreWasSold,
                format!("{lists} unknown lists of things with a price or a seat are not read"),
            );
        }
    }
    for name in PEOPLE {
        let people = listed(answer.fields(), name);
        if people >= 2 && people > understood.tickets {
            answer.flag(Flag::MoreWasSold, format!("{name} is a list of {people} that is not read"));
        }
    }
    remark(answer, understood.tickets);
    count(answer, "quantity", understood.units);
    count(answer, "seatCount", understood.tickets);
    count(answer, "ticketCount", understood.tickets);
}

/// Flags an item whose own list has more entries than the item has tickets, and one with add-ons: each entry may be a
/// ticket of its own.
pub(super) fn nested(item: &mut Reader<'_, '_>, quantity: i64) {
    for name in LISTS {
        // Under these names, a text or an object is a detail.
        let listed = item.fields().raw(name).ok().flatten().is_some_and(|raw| raw.get().starts_with('['));
        let Some(list) = listed.then(|| item.optional(name, Fields::list)).flatten() else { continue };
        if i64::try_from(list.len()).unwrap_or(i64::MAX) > quantity {
            let note = format!("{}.{name} is a list of {} that is not read", item.path(), list.len());
            item.flag(Flag::MoreWasSold, note);
        }
    }
    let most = PEOPLE.iter().chain(&IN_ITEMS).map(|name| (*name, quantity)).chain([("addons", 0)]);
    for (name, most) in most {
        let entries = listed(item.fields(), name);
        if entries > most {
            let note = format!("{}.{name} is a list of {entries} that is not read", item.path());
            item.flag(Flag::MoreWasSold, note);
        }
    }
    remark(item, quantity);
}

/// The number of entries in a list that are not empty.
fn listed(fields: &Fields<'_>, name: &str) -> i64 {
    let list = fields.list(name).ok().flatten().unwrap_or_default();
    let entries = list.iter().filter(|entry| entry.get() != "null").count();
    i64::try_from(entries).unwrap_or(i64::MAX)
}

/// Flags a number that may count more tickets than were understood.
fn remark(object: &mut Reader<'_, '_>, understood: i64) {
    for name in NUMBERS {
        if let Some(said) = object.fields().integer(name).ok().flatten().filter(|said| *said > understood) {
            let path = if object.path().is_empty() { String::new() } else { format!("{}.", object.path()) };
            let note = format!("{path}{name} is {said}, and {understood} are understood");
            object.flag(Flag::MoreWasSold, note);
        }
    }
}

/// Refuses an answer with a number that counts more than was understood.
pub(super) fn count(object: &mut Reader<'_, '_>, name: &str, understood: i64) {
    if let Some(said) = object.optional(name, Fields::integer)
        && said > understood
    {
        object.fault(
            name,
            format!("is {said}, and {understood} are understood: more was sold than is understood"),
        );
    }
}

fn is_known(canonical: &str) -> bool {
    canonical == "items" || LISTS.iter().chain(&PEOPLE).any(|name| name.eq_ignore_ascii_case(canonical))
}

/// How many entries of a list, or of lists in an object, look like something that was sold.
fn sold(value: &RawValue, depth: usize) -> usize {
    let Some(depth) = depth.checked_sub(1) else { return 0 };
    let json = value.get();
    if json.starts_with('{') {
        let fields = Fields::parse(json.as_bytes());
        return fields.map_or(0, |fields| fields.entries().map(|(_, value)| sold(value, depth)).sum());
    }
    let entries: Vec<&RawValue> =
        if json.starts_with('[') { serde_json::from_str(json).unwrap_or_default() } else { Vec::new() };
    let is_sold = |entry: &RawValue| {
        Fields::parse(entry.get().as_bytes())
            .is_ok_and(|fields| fields.names().any(|name| SOLD.contains(&name)))
    };
    entries.iter().map(|entry| if is_sold(entry) { 1 } else { sold(entry, depth) }).sum()
}
