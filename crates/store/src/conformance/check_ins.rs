//! Conformance of check-ins: one admission a ticket, whatever races.

use std::collections::BTreeSet;

use fulfillment_credential::{Claims, KeySet, SigningKey, open, sign};
use fulfillment_domain::{EventKind, Ticket, TicketId};
use fulfillment_door::{Direction, Rules, Verdict};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::Backend;
use super::fixtures::{
    at_stored, claimed, completion, desk, draft, freeze, frozen, generated, loudly, order, quietly,
};
use crate::{Actor, CheckIn, CheckInOutcome, Freeze, NewCheckIn, Offline, Reissue, Scanned, Store};

pub(super) const EVENT: &str = "event-1";

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

pub(super) fn claims(index: u32, generation: u8) -> Claims {
    let mut cti = [9; 10];
    cti[..4].copy_from_slice(&index.to_be_bytes());
    Claims { expires_at: 4_000_000_000, cti, event: 1, category: 5, generation }
}

pub(super) fn code(claims: &Claims) -> String {
    sign(&key(), claims).unwrap()
}

/// An order of tickets whose codes are signed.
pub(super) async fn sold(store: &dyn Store, tickets: u32) -> Vec<Ticket> {
    let number = store.event_number(EVENT).await.unwrap();
    assert_eq!(number, 1);
    let claim = claimed(store, 1).await.remove(0);
    let mut freeze: Freeze = freeze(&claim, tickets);
    for (index, ticket) in (1..).zip(&mut freeze.tickets) {
        let claims = claims(index, 0);
        (ticket.code.cti, ticket.code.generation) = (claims.cti, 0);
        ticket.code.kid = key().kid().to_string();
        ticket.code.data = code(&claims);
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &[])]).await.unwrap();
    tickets
}

/// A scan of a code at a gate, `seconds` after the fixtures' time.
pub(super) fn scan(code: &str, gate: &str, seconds: i64) -> NewCheckIn {
    let keys = KeySet::from_keys([key().public()]).unwrap();
    NewCheckIn {
        scanned: open(code, &keys, None).map_or_else(Scanned::Refused, Scanned::Code),
        direction: Direction::Entry,
        scanned_at: at_stored() + SignedDuration::from_secs(seconds),
        gate: Some(gate.to_owned()),
        device: None,
        offline: None,
        override_reason: None,
        feed_version: None,
        clock_offset_ms: 0,
        by: Actor::http("door"),
        nonce: None,
        request: Sha256::digest(format!("{code} {gate}")).into(),
    }
}

async fn outcomes(store: &dyn Store, scans: &[NewCheckIn]) -> Vec<CheckInOutcome> {
    store.check_in(EVENT, scans, &loudly()).await.unwrap().unwrap()
}

pub(super) async fn check_in(store: &dyn Store, scan: NewCheckIn) -> CheckIn {
    match outcomes(store, &[scan]).await.remove(0) {
        CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in) => *check_in,
        CheckInOutcome::NonceConflict => panic!("another scan has its nonce"),
    }
}

async fn verdict(store: &dyn Store, scan: NewCheckIn) -> Verdict {
    check_in(store, scan).await.result.verdict
}

pub async fn once_however_many_gates(backend: &dyn Backend) {
    const GATES: u32 = 64;
    let stores = [backend.store(), backend.another().await];
    sold(&*stores[0], 2).await;
    let code = code(&claims(1, 0));
    let racing = (0..GATES).map(|gate| {
        let (store, code) = (&stores[gate as usize % 2], &code);
        async move { check_in(&**store, scan(code, &format!("gate {gate}"), 0)).await }
    });
    let all = futures_join(racing).await;
    let admitted: Vec<_> = all.iter().filter(|c| c.result.verdict == Verdict::Admitted).collect();
    assert_eq!(admitted.len(), 1);
    let first = admitted[0];
    for refused in all.iter().filter(|c| c.result.verdict != Verdict::Admitted) {
        assert_eq!(refused.result.verdict, Verdict::AlreadyAdmitted);
        assert_eq!(refused.result.first.as_ref().unwrap().gate, first.gate);
        assert!(!refused.result.recorded);
    }
    let sequences: BTreeSet<_> = all.iter().map(|c| c.sequence).collect();
    assert_eq!(sequences, (1..=u64::from(GATES)).collect(), "without gaps");
    let listed = stores[1].check_ins_after(EVENT, 0, 100).await.unwrap().unwrap();
    assert_eq!(listed.iter().map(|c| c.sequence).collect::<Vec<_>>(), (1..=64).collect::<Vec<_>>());
    assert_eq!(stores[0].check_ins_after(EVENT, 60, 2).await.unwrap().unwrap(), listed[60..62]);
    assert_eq!(stores[0].check_ins_after("nothing", 0, 2).await.unwrap(), None);
    assert_eq!(stores[0].check_in("nothing", &[scan(&code, "a", 0)], &loudly()).await.unwrap(), None);
    assert_eq!(
        verdict(&*stores[0], scan(&super::check_ins::code(&claims(2, 0)), "a", 1)).await,
        Verdict::Admitted
    );
}

/// All at once, on as many tasks as there are.
async fn futures_join<F: Future<Output = CheckIn>>(all: impl Iterator<Item = F>) -> Vec<CheckIn> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<CheckIn>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(check_in) = future.as_mut().poll(context) {
                *done = Some(check_in);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// In one batch too, in the order of the corrected times.
pub async fn once_in_a_batch(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1).await;
    let code = code(&claims(1, 0));
    let batch = [scan(&code, "b", 10), scan(&code, "a", 5), scan("nothing", "c", 1)];
    let verdicts: Vec<_> = outcomes(&*store, &batch)
        .await
        .into_iter()
        .map(|outcome| match outcome {
            CheckInOutcome::New(check_in) => check_in,
            other => panic!("{other:?}"),
        })
        .collect();
    let words: Vec<_> = verdicts.iter().map(|c| c.result.verdict).collect();
    assert_eq!(words, [Verdict::AlreadyAdmitted, Verdict::Admitted, Verdict::Malformed]);
    assert_eq!(verdicts[0].result.first.as_ref().unwrap().gate.as_deref(), Some("a"));
    assert_eq!(verdicts.iter().map(|c| c.sequence).collect::<Vec<_>>(), [3, 2, 1]);
    let of_ticket = store.check_ins_of(tickets[0].id).await.unwrap();
    assert_eq!(of_ticket.iter().map(|c| c.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(of_ticket[0], *verdicts[1], "as it was answered");
    let history = "SELECT count(*) FROM ticket_history WHERE why LIKE 'admitted by gate a%'";
    assert_eq!(backend.number(history).await, 1);
    let holder = store.holders(&[tickets[0].id]).await.unwrap().remove(0);
    assert_eq!((holder.name.as_deref(), holder.seat), (Some("李"), tickets[0].seat.label.clone()));
}

pub async fn nonces(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 2).await;
    let with = |index, gate: &str, nonce: &str, seconds| NewCheckIn {
        nonce: Some(nonce.to_owned()),
        ..scan(&code(&claims(index, 0)), gate, seconds)
    };
    let first = outcomes(&*store, &[with(1, "a", "n1", 0)]).await.remove(0);
    let CheckInOutcome::New(first) = first else { panic!("{first:?}") };
    assert_eq!(first.result.verdict, Verdict::Admitted);
    let again = outcomes(&*backend.another().await, &[with(1, "a", "n1", 60)]).await.remove(0);
    assert_eq!(again, CheckInOutcome::Known(first), "the stored result");
    for other in [with(2, "a", "n1", 0), with(1, "b", "n1", 0)] {
        assert_eq!(outcomes(&*store, &[other]).await, [CheckInOutcome::NonceConflict]);
    }
    let of_another = NewCheckIn { by: Actor::http("another door"), ..with(2, "a", "n1", 0) };
    assert_eq!(verdict(&*store, of_another).await, Verdict::Admitted, "nonces are unique per client");
    let twice = outcomes(&*store, &[with(1, "a", "n2", 90), with(1, "a", "n2", 90)]).await;
    assert!(matches!(twice[..], [CheckInOutcome::New(_), CheckInOutcome::Known(_)]), "{twice:?}");
    assert_eq!(store.door_status(EVENT).await.unwrap().unwrap().sequence, 3);
}

pub async fn repeats(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 4).await;
    let by = |device: Option<&str>, millis| NewCheckIn {
        device: device.map(str::to_owned),
        scanned_at: at_stored() + SignedDuration::from_millis(millis),
        ..scan(&code(&claims(1, 0)), "a", 0)
    };
    assert_eq!(verdict(&*store, by(Some("d1"), 0)).await, Verdict::Admitted);
    let again = check_in(&*store, by(Some("d1"), 2_900)).await;
    assert_eq!((again.result.verdict, again.result.repeat_of), (Verdict::Admitted, Some(1)));
    assert_eq!((again.result.recorded, again.result.entries), (false, 1));
    assert_eq!(verdict(&*store, by(Some("d1"), 3_100)).await, Verdict::AlreadyAdmitted);
    assert_eq!(verdict(&*store, by(Some("d2"), 100)).await, Verdict::AlreadyAdmitted);
    assert_eq!(verdict(&*store, by(None, 100)).await, Verdict::AlreadyAdmitted);
    let status = store.door_status(EVENT).await.unwrap().unwrap();
    assert_eq!((status.admitted, status.sold), (1, 4));
    assert_eq!(status.refused, [(Verdict::AlreadyAdmitted, 3)]);
    // Another client's device of the same name is another device.
    let namesake = |millis| NewCheckIn { by: Actor::http("another door"), ..by(Some("d1"), millis) };
    assert_eq!(verdict(&*store, namesake(100)).await, Verdict::AlreadyAdmitted);
    let offline = Some(Offline { shown: Verdict::Admitted, device_revoked: false });
    let let_in = check_in(&*store, NewCheckIn { offline, ..namesake(200) }).await;
    assert_eq!((let_in.result.recorded, let_in.result.conflict.as_deref()), (true, Some("already_admitted")));
    // Nobody is shown "admitted" again once the ticket is void, or the code has been replaced.
    let of = |index, millis| NewCheckIn {
        scanned: scan(&code(&claims(index, 0)), "a", 0).scanned,
        ..by(Some("d1"), millis)
    };
    assert_eq!(verdict(&*store, of(3, 0)).await, Verdict::Admitted);
    reissue(&*store, &tickets[2], 1, None).await;
    assert_eq!(verdict(&*store, of(3, 1_000)).await, Verdict::Superseded);
    assert_eq!(verdict(&*store, of(4, 0)).await, Verdict::Admitted);
    store.void_ticket(tickets[3].id, "a mistake", &quietly(), &desk()).await.unwrap();
    reissue(&*store, &tickets[3], 1, Some(claims(78, 1).cti)).await;
    assert_eq!(verdict(&*store, of(4, 1_000)).await, Verdict::Voided);
    let of_void = |millis| of(2, millis);
    assert_eq!(verdict(&*store, of_void(0)).await, Verdict::Admitted);
    store.void_ticket(tickets[1].id, "refund", &quietly(), &desk()).await.unwrap();
    assert_eq!(verdict(&*store, of_void(1_000)).await, Verdict::Voided);
    let exit = NewCheckIn { direction: Direction::Exit, ..of_void(1_500) };
    assert_eq!(verdict(&*store, exit.clone()).await, Verdict::Admitted);
    let again =
        check_in(&*store, NewCheckIn { scanned_at: exit.scanned_at + SignedDuration::from_secs(1), ..exit })
            .await;
    assert!(again.result.repeat_of.is_some(), "an exit is still one exit");
}

/// Whom a device has let in is in, whatever the record says; where they differ, a conflict goes out.
pub async fn offline(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 2).await;
    let shown = |verdict, seconds, device_revoked| NewCheckIn {
        offline: Some(Offline { shown: verdict, device_revoked }),
        ..scan(&code(&claims(1, 0)), "tent", seconds)
    };
    assert_eq!(verdict(&*store, scan(&code(&claims(1, 0)), "main", 100)).await, Verdict::Admitted);
    let late = check_in(&*store, shown(Verdict::Admitted, 40, false)).await;
    assert_eq!((late.result.verdict, late.result.recorded), (Verdict::AlreadyAdmitted, true));
    assert_eq!(late.result.conflict.as_deref(), Some("already_admitted"));
    assert_eq!(late.result.first.as_ref().unwrap().gate.as_deref(), Some("tent"), "it was scanned earlier");
    let refused = check_in(&*store, shown(Verdict::Full, 50, false)).await;
    assert_eq!((refused.result.recorded, refused.result.conflict), (false, None));
    let forged = NewCheckIn { scanned: scan("x", "a", 0).scanned, ..shown(Verdict::Admitted, 60, false) };
    let forged = check_in(&*store, forged).await;
    assert_eq!((forged.result.recorded, forged.ticket_id), (true, None));
    let second = NewCheckIn {
        scanned: scan(&code(&claims(2, 0)), "a", 0).scanned,
        ..shown(Verdict::Admitted, 70, true)
    };
    let second = check_in(&*store, second).await;
    assert_eq!(
        (second.result.verdict, second.result.conflict.as_deref()),
        (Verdict::Admitted, Some("device_revoked"))
    );

    store.sequence_events(100).await.unwrap();
    let events = store.events_after(0, 100).await.unwrap();
    let of = |kind| events.iter().filter(move |e| e.event.kind == kind).map(|e| &e.event.value[..]);
    assert_eq!(of(EventKind::TicketCheckedIn).count(), 4);
    let conflicts: Vec<serde_json::Value> =
        of(EventKind::TicketCheckInConflict).map(|value| serde_json::from_slice(value).unwrap()).collect();
    let reasons: Vec<_> = conflicts.iter().map(|c| c["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["already_admitted", "malformed", "device_revoked"]);
    assert_eq!(conflicts[0]["ticketId"], tickets[0].id.to_string());
    assert_eq!(
        (&conflicts[0]["first"]["gate"], &conflicts[0]["second"]["gate"]),
        (&"tent".into(), &"main".into())
    );
    let status = store.door_status(EVENT).await.unwrap().unwrap();
    assert_eq!((status.conflicts, status.admitted), (3, 2));
}

/// What the record says of a code, in the order of the verdicts.
pub async fn by_the_record(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 4).await;
    let of = |index, generation| scan(&code(&claims(index, generation)), "a", 0);
    assert!(store.void_ticket(tickets[0].id, "sold twice", &quietly(), &desk()).await.unwrap());
    let voided = check_in(&*store, of(1, 0)).await;
    assert_eq!((voided.result.verdict, voided.ticket_id), (Verdict::Voided, Some(tickets[0].id)));

    reissue(&*store, &tickets[1], 1, None).await;
    let old = check_in(&*store, of(2, 0)).await;
    assert_eq!((old.result.verdict, old.ticket_id), (Verdict::Superseded, Some(tickets[1].id)));
    assert_eq!(verdict(&*store, of(2, 1)).await, Verdict::Admitted);
    reissue(&*store, &tickets[1], 2, None).await;
    assert_eq!(verdict(&*store, of(2, 2)).await, Verdict::AlreadyAdmitted, "it belongs to the ticket");

    // A restored store has lost a reissue, and a whole ticket.
    for (index, generation) in [(3, 1), (99, 0)] {
        let lost = check_in(&*store, of(index, generation)).await;
        let ticket = (index == 3).then_some(tickets[2].id);
        assert_eq!(
            (lost.result.verdict, lost.not_on_record, lost.ticket_id),
            (Verdict::Admitted, true, ticket)
        );
        assert_eq!(verdict(&*store, of(index, generation)).await, Verdict::AlreadyAdmitted, "by its code");
    }
    assert_eq!(store.door_status(EVENT).await.unwrap().unwrap().not_on_record, 4);

    let elsewhere = Claims { event: 2, ..claims(4, 0) };
    assert_eq!(verdict(&*store, scan(&code(&elsewhere), "a", 0)).await, Verdict::OtherEvent);
    let over = Claims { expires_at: 1, ..claims(4, 0) };
    assert_eq!(verdict(&*store, scan(&code(&over), "a", 0)).await, Verdict::Expired);
    let number = |number: &str| NewCheckIn { scanned: Scanned::Number(number.to_owned()), ..of(4, 0) };
    let typed = check_in(&*store, number(&tickets[3].number)).await;
    assert_eq!((typed.result.verdict, typed.ticket_id), (Verdict::Admitted, Some(tickets[3].id)));
    assert_eq!(verdict(&*store, of(4, 0)).await, Verdict::AlreadyAdmitted, "by its code as well");
    assert_eq!(verdict(&*store, number("nothing")).await, Verdict::Unknown);
}

/// A reinstated ticket has another code, and keeps its admission.
pub async fn reinstated_tickets(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1).await;
    let of = |claims: &Claims| scan(&code(claims), "a", 0);
    assert_eq!(verdict(&*store, of(&claims(1, 0))).await, Verdict::Admitted);
    store.void_ticket(tickets[0].id, "a mistake", &quietly(), &desk()).await.unwrap();
    let new = claims(77, 1);
    reissue(&*store, &tickets[0], 1, Some(new.cti)).await;
    assert_eq!(verdict(&*store, of(&new)).await, Verdict::AlreadyAdmitted);
    let former = check_in(&*store, of(&claims(1, 0))).await;
    assert_eq!((former.result.verdict, former.ticket_id), (Verdict::Voided, Some(tickets[0].id)));
}

pub(super) async fn reissue(store: &dyn Store, ticket: &Ticket, generation: u8, cti: Option<[u8; 10]>) {
    let live = store.ticket(ticket.id).await.unwrap().unwrap();
    let number = u32::from(generation);
    assert!(store.reserve(live.id, &draft(&live, number), None).await.unwrap());
    let mut next = live.clone();
    let index = u32::from_be_bytes(live.code.cti[..4].try_into().unwrap());
    let claims = Claims { cti: cti.unwrap_or(live.code.cti), ..claims(index, generation) };
    (next.code.generation, next.code.cti, next.code.data) = (number, claims.cti, code(&claims));
    next.lifecycle.voided_at = None;
    let reissue = Reissue {
        ticket: generated(&next, &[]).ticket,
        expected: live.code.generation,
        reinstates: cti.is_some(),
        events: vec![],
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap();
}

/// Codes of a key that leaked are good as they are on record, and in no other way.
pub async fn revoked_keys(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 2).await;
    let revoked = KeySet::from_keys([key().public()]).unwrap();
    let none = KeySet::from_keys([]).unwrap();
    let of = |claims: &Claims| NewCheckIn {
        scanned: Scanned::Code(open(&code(claims), &none, Some(&revoked)).unwrap()),
        ..scan("", "a", 0)
    };
    for forged in [
        claims(98, 0),
        Claims { category: 6, ..claims(1, 0) },
        Claims { generation: 1, ..claims(1, 0) },
        Claims { expires_at: 4_000_000_001, ..claims(1, 0) },
    ] {
        let refused = check_in(&*store, of(&forged)).await;
        assert_eq!((refused.result.verdict, refused.ticket_id), (Verdict::RevokedKey, None), "{forged:?}");
    }
    let live = check_in(&*store, of(&claims(1, 0))).await;
    assert_eq!((live.result.verdict, live.key_revoked), (Verdict::Admitted, true));
    store.void_ticket(tickets[1].id, "x", &quietly(), &desk()).await.unwrap();
    assert_eq!(verdict(&*store, of(&claims(2, 0))).await, Verdict::RevokedKey);
}

pub async fn rules_and_limits(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 4).await;
    assert_eq!(store.door_rules(EVENT).await.unwrap(), Some(Rules::default()));
    assert_eq!(store.door_rules("nothing").await.unwrap(), None);
    let before = store.event(EVENT).await.unwrap().unwrap().record;
    let rules = Rules::read(
        r#"{"reEntry":"afterExit","gates":{"a":{"area":"hall"},"b":{"area":"hall"}},"areas":{"hall":{"limit":2}}}"#,
    )
    .unwrap();
    assert!(store.set_door_rules(EVENT, &rules, &desk()).await.unwrap());
    assert!(!store.set_door_rules(EVENT, &rules, &desk()).await.unwrap(), "the same again");
    assert_eq!(store.door_rules(EVENT).await.unwrap(), Some(rules));
    let after = store.event(EVENT).await.unwrap().unwrap().record;
    // Nothing was said about the event itself yet.
    assert_eq!((after.feed_version, after.head_version), (before.feed_version + 1, 0));

    let of = |index, gate: &str, direction, seconds| NewCheckIn {
        direction,
        ..scan(&code(&claims(index, 0)), gate, seconds)
    };
    let (entry, exit) = (Direction::Entry, Direction::Exit);
    let batch = [of(1, "a", entry, 0), of(2, "b", entry, 1), of(3, "a", entry, 2)];
    let verdicts: Vec<_> = outcomes(&*store, &batch).await.into_iter().map(verdict_of).collect();
    assert_eq!(verdicts, [Verdict::Admitted, Verdict::Admitted, Verdict::Full]);
    assert_eq!(verdict(&*store, of(3, "b", entry, 3)).await, Verdict::Full, "in another transaction too");
    assert_eq!(verdict(&*store, of(3, "b", Direction::Check, 4)).await, Verdict::Full);
    assert_eq!(verdict(&*store, of(1, "b", exit, 5)).await, Verdict::Admitted);
    assert_eq!(verdict(&*store, of(3, "b", Direction::Check, 6)).await, Verdict::WouldAdmit);
    assert_eq!(verdict(&*store, of(3, "b", entry, 7)).await, Verdict::Admitted);
    let forced = NewCheckIn { override_reason: Some("for ada@example.org".into()), ..of(1, "a", entry, 8) };
    let forced = check_in(&*store, forced).await;
    assert_eq!((forced.result.verdict, forced.result.lifted), (Verdict::Admitted, Some(Verdict::Full)));
    assert_eq!(forced.result.entries, 2);
    let status = store.door_status(EVENT).await.unwrap().unwrap();
    let counts: Vec<_> =
        status.counts.iter().map(|c| (c.gate.as_deref(), c.area.as_deref(), c.entries, c.exits)).collect();
    assert_eq!(counts, [(Some("a"), Some("hall"), 2, 0), (Some("b"), Some("hall"), 2, 1)]);
    assert_eq!((status.admitted, status.refused), (3, vec![(Verdict::Full, 2)]));
    assert_eq!(status.minutes.iter().map(|(_, entries)| entries).sum::<u64>(), 4);

    // What a supervisor has typed leaves with the order; the check-in stays.
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    let kept = &store.check_ins_of(forced.ticket_id.unwrap()).await.unwrap();
    assert_eq!(kept.last().unwrap().override_reason.as_deref(), Some("erased"));
    assert_eq!(backend.number("SELECT count(*) FROM check_ins WHERE content LIKE '%ada@%'").await, 0);
    let audited = "SELECT count(*) FROM audit WHERE action = 'door.override'";
    assert_eq!(backend.number(audited).await, 1);
    assert_eq!(store.holders(&[forced.ticket_id.unwrap()]).await.unwrap()[0].name, None);
}

/// Whichever comes first, the erasure or what a supervisor types: none of the words is left.
pub async fn overrides_beside_an_erasure(backend: &dyn Backend) {
    const TICKETS: u32 = 12;
    let (store, other) = (backend.store(), backend.another().await);
    sold(&*store, TICKETS).await;
    let rules = Rules::read(r#"{"gates":{"a":{"limit":0}}}"#).unwrap();
    store.set_door_rules(EVENT, &rules, &desk()).await.unwrap();
    let forced = |index| NewCheckIn {
        override_reason: Some("Ada Byron".into()),
        ..scan(&code(&claims(index, 0)), "a", 0)
    };
    let overriding = async {
        for index in 1..=TICKETS {
            assert_eq!(verdict(&*store, forced(index)).await, Verdict::Admitted);
        }
    };
    let erasing = async {
        tokio::task::yield_now().await;
        other.erase(order(1), &desk()).await.unwrap().unwrap();
    };
    two(overriding, erasing).await;
    let kept = "SELECT count(*) FROM check_ins WHERE override_reason = 'erased'";
    assert_eq!(backend.number(kept).await, i64::from(TICKETS));
}

fn verdict_of(outcome: CheckInOutcome) -> Verdict {
    match outcome {
        CheckInOutcome::New(check_in) => check_in.result.verdict,
        other => panic!("{other:?}"),
    }
}

/// A void that was committed is seen by every later check-in.
pub async fn voids_in_between(backend: &dyn Backend) {
    const TICKETS: u32 = 16;
    let (store, other) = (backend.store(), backend.another().await);
    let tickets = sold(&*store, TICKETS).await;
    for (index, ticket) in (1..=TICKETS).zip(&tickets) {
        let scanning = check_in(&*store, scan(&code(&claims(index, 0)), "a", 0));
        let voiding = voided(&*other, ticket.id);
        let (before, void) = two(scanning, voiding).await;
        let after = check_in(&*store, scan(&code(&claims(index, 0)), "a", 9)).await;
        assert!(void);
        assert_eq!(after.result.verdict, Verdict::Voided);
        assert!(matches!(before.result.verdict, Verdict::Admitted | Verdict::Voided), "{before:?}");
    }
}

async fn voided(store: &dyn Store, ticket: TicketId) -> bool {
    store.void_ticket(ticket, "refunded", &quietly(), &desk()).await.unwrap()
}

async fn two<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    tokio::join!(a, b)
}

/// A time that only a device can have.
pub async fn times_are_kept(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1).await;
    let at: Timestamp = "2026-11-22T18:30:00.123Z".parse().unwrap();
    let scan = NewCheckIn { scanned_at: at, clock_offset_ms: -5, ..scan(&code(&claims(1, 0)), "a\0", 0) };
    let made = check_in(&*store, scan).await;
    let read = store.check_ins_after(EVENT, 0, 9).await.unwrap().unwrap().remove(0);
    assert_eq!((read.scanned_at, read.clock_offset_ms), (at, -5));
    assert_eq!(read.check_in_id, made.check_in_id);
    assert_eq!(backend.number("SELECT count(*) FROM check_ins WHERE gate = 'a'").await, 1, "without NUL");
}
