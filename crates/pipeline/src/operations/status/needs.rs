//! What needs a person: kinds of open work, each with its cause and the command that mends it.

use std::collections::BTreeMap;

use fulfillment_store::{AttentionReason, DestinationBacklog, OPEN_LIMIT, OpenGroup, OpenWork};
use jiff::{SignedDuration, Timestamp};

use super::normalise::normalise;
use super::{Failure, Need, PartHealth};

/// The most groups of errors that one kind of need lists.
const FAILURES: usize = 10;
/// How long an event may wait for a destination before that needs a person.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// What is said about a kind.
struct Kind {
    word: &'static str,
    title: &'static str,
    cause: &'static str,
    remedy: &'static str,
}

const fn kind(word: &'static str, title: &'static str, cause: &'static str, remedy: &'static str) -> Kind {
    Kind { word, title, cause, remedy }
}

const FOR_ORDERING: Kind = kind(
    "waiting_for_ordering",
    "waiting for Ordering",
    "Paid orders have no tickets, because Ordering could not be asked. Each is tried again by itself.",
    "fulfillment retry --all",
);
const NOT_STARTED: Kind = kind(
    "not_started",
    "not started",
    "Paid orders have waited for more than a minute. Either more arrive than can be worked on, or no process with the \
     role issue is running.",
    "fulfillment health",
);
const FOR_TICKETS: Kind = kind(
    "waiting_for_tickets",
    "waiting for tickets",
    "Orders are known, and the files of their tickets cannot be made or stored. Each is tried again by itself.",
    "fulfillment retry --all",
);
const PARKED_ORDERS: Kind = kind(
    "parked_orders",
    "parked orders",
    "Paid orders have no tickets: their tries are used up, or Ordering's answer cannot be used.",
    "fulfillment retry --all",
);
const FAILED_TICKETS: Kind = kind(
    "failed_tickets",
    "failed tickets",
    "The files of these tickets could not be made.",
    "fulfillment retry --all",
);
const PARKED_REFUNDS: Kind = kind(
    "parked_refunds",
    "parked refunds",
    "Refunds void nothing until an operator says what they are for.",
    "fulfillment dlq list",
);
const UNREADABLE: Kind = kind(
    "unreadable_messages",
    "unreadable messages",
    "Messages could not be read, among them perhaps payments. Replay them after an update.",
    "fulfillment dlq replay --all",
);
const QUARANTINED: Kind = kind(
    "contradicting_messages",
    "contradicting messages",
    "Messages contradict what is on record under their id.",
    "fulfillment dlq list",
);
const SEAT_CONFLICTS: Kind = kind(
    "seat_conflicts",
    "seat conflicts",
    "Two live tickets of an event to come have the same seat. Give one another seat, or void it.",
    "fulfillment ticket show",
);
const CHECK_IN_CONFLICTS: Kind = kind(
    "check_in_conflicts",
    "check-in conflicts",
    "A ticket was admitted twice by scanners without a network.",
    "fulfillment door status",
);
const REFUSED_DELIVERIES: Kind = kind(
    "refused_deliveries",
    "refused deliveries",
    "A destination refuses events for good.",
    "fulfillment destination list",
);
const LATE_DELIVERIES: Kind = kind(
    "late_deliveries",
    "late deliveries",
    "Events wait for a destination. Each is sent by itself once the destination takes it.",
    "fulfillment destination list",
);
const LATE_RETENTION: Kind = kind(
    "late_retention",
    "late retention",
    "Personal data of past events is not erased in time.",
    "fulfillment health",
);
const IN_TROUBLE: Kind = kind(
    "part_in_trouble",
    "in trouble",
    "A part of the running service does not work.",
    "fulfillment health",
);

/// The kind of an entry of the attention list.
fn of_attention(reason: AttentionReason) -> Kind {
    use AttentionReason as Reason;
    let (title, cause) = match reason {
        Reason::PaidAfterVoid => ("paid after void", "Void orders were paid again."),
        Reason::VoidButPaid => ("void but paid", "Void orders were paid, and the money has not gone back."),
        Reason::RefundFailedAfterVoid => ("refund failed", "Refunds voided tickets and failed later."),
        Reason::RefundedTooMuch => ("refunded too much", "More than was paid was refunded."),
        Reason::Overpaid => ("paid too much", "Payments of orders exceed their totals."),
        Reason::Underpaid => {
            ("paid too little", "What is left of the payments does not cover the valid tickets.")
        }
        Reason::PaymentUnclear => ("payment unclear", "Payments cannot be compared with the orders' totals."),
        Reason::NotAskedAgain => {
            ("not asked again", "Ordering could not be asked what is new after another payment.")
        }
        Reason::CannotTellNew => ("new lines unclear", "Which lines of orders are new cannot be decided."),
        Reason::NewLinesUnpaid => ("new lines unpaid", "Orders have new lines that are not paid."),
        Reason::PaymentOfClosedOrder => ("paid again", "Orders that never grow were paid again."),
    };
    kind(reason.as_str(), title, cause, "fulfillment dlq list")
}

/// Everything that needs a person, the most urgent first.
pub(super) fn needs(
    open: &[OpenGroup],
    deliveries: &[DestinationBacklog],
    parts: &[PartHealth],
    now: Timestamp,
) -> Vec<Need> {
    let of = |work: OpenWork| open.iter().filter(move |group| group.work == work);
    let mut needs = Vec::new();
    let mut add = |kind: &Kind, groups: Vec<&OpenGroup>| needs.extend(need(kind, &groups));

    let waiting: Vec<_> = of(OpenWork::ForOrdering).collect();
    let ordering = parts.iter().find(|part| part.name == "ordering" && part.is_in_trouble());
    // Those that came later are not even asked about while Ordering does not answer.
    let is_ordering = ordering.is_some() || waiting.iter().any(|group| group.text.is_some());
    add(if is_ordering { &FOR_ORDERING } else { &NOT_STARTED }, waiting.clone());
    add(&FOR_TICKETS, of(OpenWork::ForTickets).collect());
    add(&PARKED_ORDERS, of(OpenWork::ParkedOrder).collect());
    add(&FAILED_TICKETS, of(OpenWork::FailedTicket).collect());
    add(&UNREADABLE, of(OpenWork::Unreadable).collect());
    add(&QUARANTINED, of(OpenWork::Quarantined).collect());
    add(&PARKED_REFUNDS, of(OpenWork::ParkedRefund).collect());
    add(&SEAT_CONFLICTS, of(OpenWork::SeatConflict).collect());
    for conflicts in of(OpenWork::CheckInConflict) {
        add(&CHECK_IN_CONFLICTS, vec![conflicts]);
    }
    needs.extend(deliveries.iter().flat_map(|destination| of_destination(destination, now)));
    for listed in of(OpenWork::Attention) {
        let Some(reason) = listed.text.as_deref().and_then(|word| word.parse().ok()) else { continue };
        let untold = OpenGroup { text: None, ..listed.clone() };
        needs.extend(need(&of_attention(reason), &[&untold]));
    }
    let said = |part: &PartHealth| is_ordering && !waiting.is_empty() && part.name == "ordering";
    for part in parts.iter().filter(|part| part.is_in_trouble() && !said(part)) {
        let kind = if part.name == "retention" { &LATE_RETENTION } else { &IN_TROUBLE };
        needs.push(of_part(kind, part));
    }
    if let (Some(part), Some(first)) = (ordering.filter(|part| said(part)), needs.first_mut())
        && first.failures.iter().all(|failure| failure.error == NO_ERROR)
    {
        first.failures.clone_from(&of_part(&IN_TROUBLE, part).failures);
    }
    needs
}

/// What is said where no error was recorded.
const NO_ERROR: &str = "not tried yet";

fn need(kind: &Kind, groups: &[&OpenGroup]) -> Option<Need> {
    let count: u64 = groups.iter().map(|group| group.count).sum();
    if count == 0 {
        return None;
    }
    let since = groups.iter().filter_map(|group| group.since).min();
    let example = groups.iter().find_map(|group| group.example.as_deref());
    // The commands about one thing take its id.
    let remedy = match (kind.word, example) {
        ("seat_conflicts" | "check_in_conflicts", Some(example)) => format!("{} {example}", kind.remedy),
        _ => kind.remedy.to_owned(),
    };
    let has_errors = groups.iter().any(|group| group.text.is_some());
    Some(Need {
        kind: kind.word,
        title: kind.title,
        subject: None,
        count,
        at_least: count >= OPEN_LIMIT,
        since,
        cause: kind.cause,
        remedy,
        failures: if has_errors { failures(groups) } else { Vec::new() },
        example: example.map(str::to_owned),
    })
}

/// The errors, the most frequent first.
fn failures(groups: &[&OpenGroup]) -> Vec<Failure> {
    let mut by_error: BTreeMap<String, Failure> = BTreeMap::new();
    for group in groups {
        let error = group.text.as_deref().map_or_else(|| NO_ERROR.to_owned(), normalise);
        let failure = by_error.entry(error.clone()).or_insert_with(|| Failure {
            error,
            count: 0,
            since: group.since,
            example: group.example.clone(),
        });
        failure.count += group.count;
        failure.since = failure.since.into_iter().chain(group.since).min();
    }
    let mut failures: Vec<_> = by_error.into_values().collect();
    failures.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.error.cmp(&b.error)));
    failures.truncate(FAILURES);
    failures
}

fn of_destination(destination: &DestinationBacklog, now: Timestamp) -> Vec<Need> {
    let is_late = destination.since.is_some_and(|since| now.duration_since(since) > LATE);
    let counts = [(&REFUSED_DELIVERIES, destination.parked), (&LATE_DELIVERIES, destination.waiting)];
    let counts = counts
        .into_iter()
        .filter(|(kind, count)| *count > 0 && (is_late || kind.word != LATE_DELIVERIES.word));
    let needs = counts.filter_map(|(kind, count)| {
        let group = OpenGroup {
            work: OpenWork::Unissued,
            text: destination.reason.clone(),
            count,
            since: destination.since,
            example: None,
        };
        let need = need(kind, &[&group])?;
        Some(Need { subject: Some(destination.name.clone()), ..need })
    });
    needs.collect()
}

fn of_part(kind: &Kind, part: &PartHealth) -> Need {
    let error = part.error.clone().unwrap_or_else(|| NO_ERROR.to_owned());
    Need {
        kind: kind.word,
        title: kind.title,
        subject: Some(part.name.clone()),
        count: 1,
        at_least: false,
        since: part.since,
        cause: kind.cause,
        remedy: kind.remedy.to_owned(),
        failures: vec![Failure { error, count: 1, since: part.since, example: None }],
        example: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::PartStatus;
    use super::*;

    fn at(minute: i8) -> Timestamp {
        jiff::civil::date(2026, 12, 1).at(3, minute, 0, 0).in_tz("UTC").unwrap().timestamp()
    }

    fn group(work: OpenWork, text: Option<&str>, count: u64, minute: i8) -> OpenGroup {
        let example = Some(format!("example {minute}"));
        OpenGroup { work, text: text.map(str::to_owned), count, since: Some(at(minute)), example }
    }

    fn part(name: &str, status: PartStatus) -> PartHealth {
        let error = (status != PartStatus::Ok).then(|| "cannot be reached".to_owned());
        PartHealth {
            name: name.into(),
            status,
            since: Some(at(1)),
            error,
            last_error: None,
            last_error_at: None,
        }
    }

    #[test]
    fn errors_of_one_cause_are_one_failure() {
        let open = [
            group(OpenWork::ParkedOrder, Some("items[0].price is missing"), 2, 5),
            group(OpenWork::ParkedOrder, Some("items[7].price is missing"), 3, 4),
            group(OpenWork::ParkedOrder, Some("Ordering does not know the order"), 1, 3),
        ];
        let needs = needs(&open, &[], &[], at(9));
        assert_eq!(needs.len(), 1);
        assert_eq!((needs[0].kind, needs[0].count, needs[0].since), ("parked_orders", 6, Some(at(3))));
        let failures: Vec<_> =
            needs[0].failures.iter().map(|f| (f.error.as_str(), f.count, f.since)).collect();
        assert_eq!(
            failures,
            [
                ("items[<n>].price is missing", 5, Some(at(4))),
                ("Ordering does not know the order", 1, Some(at(3)))
            ]
        );
    }

    #[test]
    fn an_ordering_that_is_away_is_said_once() {
        let open = [group(OpenWork::ForOrdering, None, 3, 2)];
        let away = [part("ordering", PartStatus::Degraded), part("store", PartStatus::Ok)];
        let found = needs(&open, &[], &away, at(9));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].kind, found[0].failures[0].error.as_str()),
            ("waiting_for_ordering", "cannot be reached")
        );
        assert_eq!(
            needs(&open, &[], &[], at(9))[0].kind,
            "not_started",
            "nobody says that Ordering is the cause"
        );
        let idle = needs(&[], &[], &away, at(9));
        assert_eq!((idle[0].kind, idle[0].subject.as_deref()), ("part_in_trouble", Some("ordering")));
        assert_eq!(needs(&[], &[], &[part("store", PartStatus::Ok)], at(9)), []);
        assert_eq!(
            needs(&[], &[], &[part("retention", PartStatus::Degraded)], at(9))[0].kind,
            "late_retention"
        );
    }

    #[test]
    fn deliveries_need_a_person_when_they_are_refused_or_late() {
        let kafka = |waiting, parked| DestinationBacklog {
            name: "kafka".into(),
            waiting,
            parked,
            since: Some(at(0)),
            reason: Some("answers 500".into()),
        };
        assert_eq!(needs(&[], &[kafka(5, 0)], &[], at(4)), [], "it may catch up");
        let late = needs(&[], &[kafka(5, 0)], &[], at(6));
        assert_eq!(
            (late[0].kind, late[0].count, late[0].subject.as_deref()),
            ("late_deliveries", 5, Some("kafka"))
        );
        let refused = needs(&[], &[kafka(0, 2)], &[], at(1));
        assert_eq!(
            (refused[0].kind, refused[0].failures[0].error.as_str()),
            ("refused_deliveries", "answers 500")
        );
    }

    #[test]
    fn every_reason_for_attention_is_a_kind() {
        for reason in AttentionReason::ALL {
            let listed = needs(&[group(OpenWork::Attention, Some(reason.as_str()), 1, 1)], &[], &[], at(2));
            assert_eq!((listed[0].kind, listed[0].failures.len()), (reason.as_str(), 0));
        }
    }
}
