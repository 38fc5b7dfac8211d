//! Conformance of who was admitted, as scanners are told: deltas lead to what the whole list says.

use std::collections::BTreeMap;

use fulfillment_credential::Cti;
use fulfillment_domain::Ticket;
use fulfillment_door::feed::{Direction as Way, Prefix};
use fulfillment_door::{Direction, Verdict};

use super::Backend;
use super::check_ins::{EVENT, check_in, claims, code, key, reissue, scan, sold};
use super::fixtures::{
    LONG, at, at_stored, claimed, completion, desk, freeze, frozen, ingest, payment, quietly,
};
use crate::{Claim, KeyRecord, NewCheckIn, Offline, Registration, Scanned, Store};

/// What a delta asks of the database.
pub const DELTA: [&str; 3] = crate::sql::ADMISSIONS;

/// What asks for an event's ticket numbers.
pub const NUMBERS: &str = crate::sql::NUMBERS;

/// The key that signs is on record, as a process registers it when it starts.
async fn registered(store: &dyn Store) {
    let key =
        KeyRecord { kid: key().kid().to_string(), public_key: key().public().to_bytes(), created_at: at() };
    let wanted =
        Registration { secret_fingerprint: Some("f".into()), keys: vec![key], ..Registration::default() };
    store.register(&wanted).await.unwrap();
}

/// What a scanner holds that asks for what is new after each step.
#[derive(Default)]
struct Held {
    sequence: u64,
    tickets: BTreeMap<Prefix, (Way, i64)>,
}

impl Held {
    /// Takes the delta; returns its entries.
    async fn follow(&mut self, store: &dyn Store) -> Vec<(Prefix, Way, i64)> {
        let delta = store.admissions(EVENT, self.sequence).await.unwrap().unwrap();
        assert!(delta.tickets.is_sorted_by(|a, b| a.0 < b.0));
        for (prefix, way, at) in &delta.tickets {
            self.tickets.remove(prefix);
            if *way != Way::Unknown {
                self.tickets.insert(*prefix, (*way, *at));
            }
        }
        self.sequence = delta.position.sequence;
        let whole = store.admissions(EVENT, 0).await.unwrap().unwrap();
        let known = whole.tickets.iter().filter(|(_, way, _)| *way != Way::Unknown);
        assert_eq!(self.tickets, known.map(|(prefix, way, at)| (*prefix, (*way, *at))).collect());
        delta.tickets
    }
}

fn prefix(cti: &Cti) -> Prefix {
    *cti.first_chunk().unwrap()
}

fn second(seconds: i64) -> i64 {
    at_stored().as_second() + seconds
}

pub async fn by_deltas(backend: &dyn Backend) {
    let store = &*backend.store();
    assert_eq!(store.admissions("nothing", 0).await.unwrap(), None);
    let tickets = sold(store, 4).await;
    registered(store).await;
    let of = |index| scan(&code(&claims(index, 0)), "a", 10);
    let entry = |index, way, seconds| (prefix(&claims(index, 0).cti), way, second(seconds));
    let mut held = Held::default();
    assert_eq!(held.follow(store).await, []);
    check_in(store, of(1)).await;
    check_in(store, of(2)).await;
    assert_eq!(held.follow(store).await, [entry(1, Way::In, 10), entry(2, Way::In, 10)]);
    // Whoever is refused, checked, or only goes out was not admitted.
    check_in(store, scan(&code(&claims(1, 0)), "b", 20)).await;
    check_in(store, NewCheckIn { direction: Direction::Check, ..of(3) }).await;
    check_in(store, NewCheckIn { direction: Direction::Exit, ..of(4) }).await;
    check_in(store, scan("nothing", "a", 10)).await;
    assert_eq!(held.follow(store).await, []);
    let exit = NewCheckIn { direction: Direction::Exit, ..scan(&code(&claims(1, 0)), "b", 30) };
    check_in(store, exit).await;
    assert_eq!(held.follow(store).await, [entry(1, Way::Out, 30)]);
    // What a device has admitted before that, and uploads later.
    let shown = Some(Offline { shown: Verdict::Admitted, device_revoked: false });
    check_in(store, NewCheckIn { offline: shown, ..scan(&code(&claims(1, 0)), "c", 25) }).await;
    assert_eq!(held.follow(store).await, [entry(1, Way::Out, 30)]);
    check_in(store, NewCheckIn { offline: shown, ..scan(&code(&claims(1, 0)), "c", 35) }).await;
    assert_eq!(held.follow(store).await, [entry(1, Way::In, 35)]);
    // By number, by the code of a ticket that is not on record, and by that of another generation.
    let number = NewCheckIn { scanned: Scanned::Number(tickets[2].number.clone()), ..of(3) };
    check_in(store, number).await;
    check_in(store, of(99)).await;
    check_in(store, scan(&code(&claims(4, 3)), "a", 40)).await;
    let expected = [entry(3, Way::In, 10), entry(4, Way::In, 40), entry(99, Way::In, 10)];
    assert_eq!(held.follow(store).await, expected);
    // Two of one ticket in one delta are one entry.
    for (seconds, direction) in [(50, Direction::Exit), (60, Direction::Entry)] {
        let moved = scan(&code(&claims(99, 0)), "a", seconds);
        check_in(store, NewCheckIn { direction, ..moved }).await;
    }
    assert_eq!(held.follow(store).await, [entry(99, Way::Out, 50)], "it does not come in again");
    let positions = store.door_positions(&[EVENT.to_owned(), "nothing".to_owned()]).await.unwrap();
    assert_eq!(positions.len(), 1);
    let (epoch, version) = store.door_version(EVENT).await.unwrap().unwrap();
    let position = positions[EVENT];
    assert_eq!((position.event, position.epoch, position.version), (1, epoch, version));
    assert_eq!(position.sequence, held.sequence);
    // A ticket that gets another code keeps its admission.
    store.void_ticket(tickets[1].id, "a mistake", &quietly(), &desk()).await.unwrap();
    let new = [7; 10];
    reissue(store, &tickets[1], 1, Some(new)).await;
    let whole = store.admissions(EVENT, 0).await.unwrap().unwrap();
    assert!(whole.tickets.contains(&(prefix(&new), Way::In, second(10))));
    assert!(whole.tickets.iter().all(|(of, ..)| *of != prefix(&claims(2, 0).cti)));
}

/// An order of tickets with these codes.
async fn with_codes(store: &dyn Store, claim: &Claim, ctis: &[Cti]) -> Vec<Ticket> {
    let mut freeze = freeze(claim, u32::try_from(ctis.len()).unwrap());
    for (cti, ticket) in ctis.iter().zip(&mut freeze.tickets) {
        (ticket.code.cti, ticket.code.generation, ticket.event.number) = (*cti, 0, 1);
        ticket.code.kid = key().kid().to_string();
        ticket.code.data = code(&fulfillment_credential::Claims { cti: *cti, ..claims(1, 0) });
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    store.complete(&[completion(claim, &tickets, &[])]).await.unwrap();
    tickets
}

/// Scanners know five bytes of a code: of two tickets that have the same they are told nothing.
pub async fn tickets_that_begin_alike(backend: &dyn Backend) {
    let store = &*backend.store();
    assert_eq!(store.event_number(EVENT).await.unwrap(), 1);
    registered(store).await;
    let claims_of = claimed(store, 2).await;
    let alike = |last| [8, 8, 8, 8, 8, 0, 0, 0, 0, last];
    let of =
        |cti, seconds| scan(&code(&fulfillment_credential::Claims { cti, ..claims(1, 0) }), "a", seconds);
    with_codes(
        store,
        &claims_of[0],
        &[alike(1), [8, 8, 8, 8, 7, 255, 255, 255, 255, 255], [8, 8, 8, 8, 9, 0, 0, 0, 0, 0]],
    )
    .await;
    let mut held = Held::default();
    check_in(store, of(alike(1), 1)).await;
    assert_eq!(held.follow(store).await, [([8; 5], Way::In, second(1))], "its neighbours are others");
    // Another one is sold: what is known of the first is taken back with its next movement.
    let other = with_codes(store, &claims_of[1], &[alike(2)]).await.remove(0);
    let exit = NewCheckIn { direction: Direction::Exit, ..of(alike(1), 2) };
    check_in(store, exit).await;
    assert_eq!(held.follow(store).await, [([8; 5], Way::Unknown, second(2))]);
    check_in(store, of(alike(2), 3)).await;
    assert_eq!(held.follow(store).await, [([8; 5], Way::Unknown, second(3))]);
    // Who is void does not stand in the way: the deviations refuse it.
    store.void_ticket(other.id, "refund", &quietly(), &desk()).await.unwrap();
    let exit = NewCheckIn { direction: Direction::Exit, ..of(alike(1), 4) };
    check_in(store, exit).await;
    let whole = store.admissions(EVENT, 0).await.unwrap().unwrap();
    assert_eq!(whole.tickets, [([8; 5], Way::Unknown, second(4))], "both were admitted");
}

/// Scanners that show names get those of live tickets, and nothing of an order that was erased.
pub async fn names_leave_with_their_order(backend: &dyn Backend) {
    let store = &*backend.store();
    assert_eq!(store.door_names("nothing").await.unwrap(), None);
    let tickets = sold(store, 3).await;
    let names = async || store.door_names(EVENT).await.unwrap().unwrap().holders;
    let name = |index: usize| {
        let (cti, seat) = (tickets[index].code.cti, tickets[index].seat.label.clone());
        (cti, Some("李".to_owned()), seat)
    };
    assert_eq!(names().await, [name(0), name(1), name(2)]);
    store.void_ticket(tickets[1].id, "refund", &quietly(), &desk()).await.unwrap();
    assert_eq!(names().await, [name(0), name(2)]);
    store.erase(super::fixtures::order(1), &desk()).await.unwrap().unwrap();
    assert_eq!(names().await, []);
}

/// Scanners know the numbers by which the record finds a ticket: a void one differs from an unknown one, and an erased order
/// keeps its numbers.
pub async fn numbers_are_those_that_a_check_in_finds(backend: &dyn Backend) {
    let store = &*backend.store();
    assert_eq!(store.door_numbers("nothing").await.unwrap(), None);
    let tickets = sold(store, 3).await;
    registered(store).await;
    ingest(store, &[payment(2, 2, "49.90")]).await;
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    let mut other = freeze(&claim, 1);
    other.tickets[0].event.number = store.event_number("other").await.unwrap();
    frozen(store.freeze(&[other]).await.unwrap().remove(0));
    let known = async || {
        let found = store.door_numbers(EVENT).await.unwrap().unwrap();
        let (epoch, version) = store.door_version(EVENT).await.unwrap().unwrap();
        assert_eq!((found.position.epoch, found.position.version), (epoch, version));
        BTreeMap::from_iter(found.tickets)
    };
    let all: BTreeMap<_, _> = tickets.iter().map(|t| (t.number.clone(), t.code.cti)).collect();
    assert_eq!(known().await, all, "and none of another event");
    store.void_ticket(tickets[0].id, "refund", &quietly(), &desk()).await.unwrap();
    store.void_ticket(tickets[1].id, "a mistake", &quietly(), &desk()).await.unwrap();
    let new = [7; 10];
    reissue(store, &tickets[1], 1, Some(new)).await;
    store.erase(super::fixtures::order(1), &desk()).await.unwrap().unwrap();
    let mut expected = all;
    expected.insert(tickets[1].number.clone(), new);
    assert_eq!(known().await, expected);
    for ticket in &tickets {
        let scan = NewCheckIn { scanned: Scanned::Number(ticket.number.clone()), ..scan("", "a", 10) };
        let found = check_in(store, scan).await;
        assert_eq!((found.ticket_id, found.result.verdict == Verdict::Unknown), (Some(ticket.id), false));
    }
}
