//! What the rules say of an entry: where, when, how often, and whether there is room.

use super::history::History;
use super::message::{Detail, Limit};
use super::verdict::Verdict;
use super::{Counts, Scan};
use crate::rules::{CategoryRules, ReEntry, Rules};

/// The first rule that refuses an entry.
pub(super) fn refusal(
    rules: &Rules,
    scan: &Scan<'_>,
    history: &History,
    counts: &Counts,
) -> Option<(Verdict, Detail)> {
    let category = scan.category.map(str::trim).and_then(|name| rules.categories.get_key_value(name));
    category
        .and_then(|(name, category)| place(rules, scan, name, category))
        .or_else(|| time(rules, scan, category.map(|(_, category)| category)))
        .or_else(|| admitted_before(rules.re_entry, history))
        .or_else(|| room(rules, scan, counts))
}

fn place(rules: &Rules, scan: &Scan<'_>, name: &str, category: &CategoryRules) -> Option<(Verdict, Detail)> {
    let gate = scan.gate?;
    let (category_name, gate_name) = (name.to_owned(), gate.to_owned());
    let area = rules.area_of(gate);
    if !category.areas.is_empty() && !area.is_some_and(|area| category.areas.contains(area)) {
        let (area, areas) = (area.map(str::to_owned), category.areas.iter().cloned().collect());
        let detail = Detail::Areas { category: category_name, gate: gate_name, area, areas };
        return Some((Verdict::WrongCategory, detail));
    }
    if !category.gates.is_empty() && !category.gates.contains(gate) {
        let gates = category.gates.iter().cloned().collect();
        return Some((Verdict::WrongGate, Detail::Gates { category: category_name, gates }));
    }
    None
}

fn time(rules: &Rules, scan: &Scan<'_>, category: Option<&CategoryRules>) -> Option<(Verdict, Detail)> {
    // A category's times lie within the event's.
    let from = category.and_then(|category| category.from).or(rules.from);
    let until = category.and_then(|category| category.until).or(rules.until);
    let early = from.filter(|from| scan.at < *from);
    let late = until.filter(|until| scan.at >= *until);
    early
        .map(|from| (Verdict::TooEarly, Detail::Opens(from)))
        .or_else(|| late.map(|until| (Verdict::TooLate, Detail::Closed(until))))
}

fn admitted_before(re_entry: ReEntry, history: &History) -> Option<(Verdict, Detail)> {
    let detail = match re_entry {
        ReEntry::Never if history.entries > 0 => history.first.clone().map(Detail::First),
        ReEntry::AfterExit if history.inside => history.last_entry_at.map(Detail::Inside),
        _ => return None,
    };
    Some((Verdict::AlreadyAdmitted, detail.unwrap_or(Detail::None)))
}

fn room(rules: &Rules, scan: &Scan<'_>, counts: &Counts) -> Option<(Verdict, Detail)> {
    let reached = |count: u64, limit: Option<u32>| limit.filter(|limit| count >= u64::from(*limit));
    if let Some(limit) = reached(counts.day, rules.limits.day) {
        return Some((Verdict::Full, Detail::Reached(Limit::Day, limit)));
    }
    let (name, gate) = rules.gates.get_key_value(scan.gate?)?;
    if let Some(limit) = reached(counts.gate, gate.limit) {
        return Some((Verdict::Full, Detail::Reached(Limit::Gate(name.clone()), limit)));
    }
    let (name, area) = rules.areas.get_key_value(gate.area.as_deref()?)?;
    let limit = reached(counts.area, area.limit)?;
    Some((Verdict::Full, Detail::Reached(Limit::Area(name.clone()), limit)))
}
