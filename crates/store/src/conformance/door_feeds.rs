//! Conformance of what doors have to know: each change has a version, in the order of the commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use fulfillment_credential::{Claims, Cti, SigningKey, Standing, sign};
use fulfillment_domain::event_record::Change;
use fulfillment_domain::{EventPatch, Ticket};
use fulfillment_door::Rules;

use super::Backend;
use super::fixtures::{at, claimed, completion, desk, freeze, frozen, generated, loudly, order, quietly};
use crate::{DoorFeed, KeyRecord, Registration, Reissue, RevokedKey, Store};

const EVENT: &str = "event-1";

const VOID: Standing = Standing { lowest_good_generation: 0, voided: true };

fn cti(index: u32) -> Cti {
    let mut cti = [5; 10];
    cti[..4].copy_from_slice(&index.to_be_bytes());
    cti
}

/// An order of tickets with codes of their own.
async fn sold(store: &dyn Store, tickets: u32) -> Vec<Ticket> {
    let number = store.event_number(EVENT).await.unwrap();
    let claim = claimed(store, 1).await.remove(0);
    let mut freeze = freeze(&claim, tickets);
    for (index, ticket) in (1..).zip(&mut freeze.tickets) {
        (ticket.event.number, ticket.code.cti, ticket.code.generation) = (number, cti(index), 0);
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    assert_eq!(store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
    tickets
}

async fn feed(store: &dyn Store) -> DoorFeed {
    let feed = store.door_feed(EVENT).await.unwrap().unwrap();
    assert!(feed.deviations.is_sorted_by(|a, b| a.cti < b.cti));
    assert!(feed.deviations.iter().all(|d| d.version <= feed.record.feed_version && d.version > 0));
    feed
}

fn standings(feed: &DoorFeed) -> BTreeMap<Cti, Standing> {
    feed.deviations.iter().map(|d| (d.cti, d.standing)).collect()
}

/// Gives a ticket another generation, or another life with another code.
async fn next(store: &dyn Store, ticket: &Ticket, reinstates: Option<Cti>) -> Ticket {
    let live = store.ticket(ticket.id).await.unwrap().unwrap();
    let mut ticket = live.clone();
    ticket.code.generation += 1;
    ticket.code.cti = reinstates.unwrap_or(live.code.cti);
    (ticket.lifecycle.voided_at, ticket.lifecycle.void_reason) = (None, None);
    let done = generated(&ticket, &["kafka"]);
    let reissue = Reissue {
        ticket: done.ticket,
        expected: live.code.generation,
        reinstates: reinstates.is_some(),
        events: done.events,
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap()
}

/// A reader that takes what changed since the version that it has never misses a void, whatever commits meanwhile.
pub async fn deltas_add_up_while_tickets_are_voided(backend: &dyn Backend) {
    const TICKETS: u32 = 24;
    let store = backend.store();
    let tickets = sold(&*store, TICKETS).await;
    let before = feed(&*store).await;
    assert_eq!(before.deviations, []);
    let mut tasks = Vec::new();
    for (n, tickets) in tickets.chunks(6).enumerate() {
        let store: Arc<dyn Store> = if n % 2 == 0 { backend.store() } else { backend.another().await };
        let tickets = tickets.to_vec();
        tasks.push(tokio::spawn(async move {
            for ticket in tickets {
                assert!(store.void_ticket(ticket.id, "refund", &quietly(), &desk()).await.unwrap());
            }
        }));
    }
    let (mut held, mut version) = (BTreeMap::new(), before.record.feed_version);
    loop {
        let finished = tasks.iter().all(tokio::task::JoinHandle::is_finished);
        let now = feed(&*store).await;
        assert!(now.record.feed_version >= version);
        held.extend(now.deviations.iter().filter(|d| d.version > version).map(|d| (d.cti, d.standing)));
        assert_eq!(held, standings(&now), "the union of what changed is what is there");
        version = now.record.feed_version;
        if finished {
            break;
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(held, (1..=TICKETS).map(|index| (cti(index), VOID)).collect());
    assert_eq!(version, before.record.feed_version + u64::from(TICKETS), "each void has a version");
    let (epoch, newest) = store.door_version(EVENT).await.unwrap().unwrap();
    assert_eq!((epoch, newest), (1, version));
    assert_eq!(store.door_version("nothing").await.unwrap(), None);
    assert_eq!(store.door_feed("nothing").await.unwrap(), None);
}

/// A repeat raises nothing, nothing is ever taken back, and who is erased is void.
pub async fn replaced_reinstated_and_erased(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 3).await;
    let first = feed(&*store).await.record.feed_version;
    next(&*store, &tickets[0], None).await;
    let second = feed(&*store).await;
    assert_eq!(second.record.feed_version, first + 1);
    let replaced = |generation| Standing { lowest_good_generation: generation, voided: false };
    assert_eq!(standings(&second), BTreeMap::from([(cti(1), replaced(1))]));
    assert!(store.void_ticket(tickets[0].id, "refund", &loudly(), &desk()).await.unwrap());
    assert!(!store.void_ticket(tickets[0].id, "refund", &loudly(), &desk()).await.unwrap());
    let third = feed(&*store).await;
    assert_eq!(third.record.feed_version, first + 2);
    let both = Standing { voided: true, ..replaced(1) };
    assert_eq!(standings(&third), BTreeMap::from([(cti(1), both)]));
    assert_eq!(third.deviations[0].version, first + 2);
    next(&*store, &tickets[0], Some([9; 10])).await;
    let fourth = feed(&*store).await;
    assert_eq!(fourth.record.feed_version, first + 3);
    assert_eq!(standings(&fourth), BTreeMap::from([(cti(1), both), ([9; 10], replaced(2))]));
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    let erased = feed(&*store).await;
    for ticket in &tickets {
        let live = store.ticket(ticket.id).await.unwrap().unwrap();
        let standing = standings(&erased).get(&live.code.cti).copied().unwrap_or_default();
        assert_eq!(standing.voided, live.lifecycle.voided_at.is_some());
    }
    assert_eq!(standings(&erased).get(&cti(1)), Some(&both), "nothing is taken back");
}

/// Keys, categories and rules raise it, whether or not anything is said about the event; their repeats do not.
pub async fn what_raises_a_version(backend: &dyn Backend) {
    let store = backend.store();
    sold(&*store, 1).await;
    let mut version = feed(&*store).await.record.feed_version;
    let mut raised = async |what: &str, by: u64| {
        let feed = feed(&*store).await;
        assert_eq!(feed.record.feed_version, version + by, "{what}");
        assert_eq!(feed.head_is_newer_than(version), by > 0 || feed.record.head_version == 0, "{what}");
        assert!(!feed.head_is_newer_than(version + by) || feed.record.head_version == 0, "{what}");
        version += by;
        feed
    };
    let standing = store.category_number(EVENT, "Standing").await.unwrap();
    assert_eq!(raised("a category", 1).await.categories, [(standing, "Standing".to_owned())]);
    store.category_number(EVENT, "Standing").await.unwrap();
    raised("a known category", 0).await;
    let keys = vec![KeyRecord { kid: "0000000b".into(), public_key: [3; 32], created_at: at() }];
    let wanted = Registration { secret_fingerprint: Some("f".into()), keys, ..Registration::default() };
    store.register(&wanted).await.unwrap();
    assert_eq!(raised("a key", 1).await.keys.len(), 1);
    store.register(&wanted).await.unwrap();
    raised("a known key", 0).await;
    let leaked = RevokedKey {
        kid: "0000000b".into(),
        public_key: [3; 32],
        reason: "stolen".into(),
        who: "operator".into(),
        revoked_at: at(),
    };
    store.revoke_key(&leaked, &desk()).await.unwrap();
    assert_eq!(raised("a revoked key", 1).await.revoked.len(), 1);
    store.revoke_key(&leaked, &desk()).await.unwrap();
    raised("a revoked key again", 0).await;
    let rules = Rules::read(r#"{"reEntry":"always"}"#).unwrap();
    store.set_door_rules(EVENT, &rules, &desk()).await.unwrap();
    assert_eq!(raised("rules", 1).await.rules, rules);
    let named = EventPatch { name: Change::Set("Gala".into()), ..EventPatch::default() };
    store.set_event(EVENT, &named, &quietly(), &desk()).await.unwrap();
    raised("details", 1).await;
    store.category_number(EVENT, "Seated").await.unwrap();
    let feed = raised("a category beside a head", 1).await;
    assert_eq!(feed.record.head_version, feed.record.feed_version);
    let epoch = store.new_epoch(&desk()).await.unwrap();
    assert_eq!(raised("an epoch", 0).await.epoch, epoch);
}

pub async fn still_good_of_a_revoked_key(backend: &dyn Backend) {
    let store = backend.store();
    let key = SigningKey::from_seed(&[7; 32]);
    let number = store.event_number(EVENT).await.unwrap();
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, 3);
    let claims = |index| Claims {
        expires_at: 4_000_000_000,
        cti: cti(index),
        event: number,
        category: 2,
        generation: 0,
    };
    for (index, ticket) in (1..).zip(&mut freeze.tickets) {
        (ticket.event.number, ticket.code.cti, ticket.code.generation) = (number, cti(index), 0);
        ticket.code.kid = if index == 3 { "ffffffff".into() } else { key.kid().to_string() };
        ticket.code.data = sign(&key, &claims(index)).unwrap();
    }
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    let kid = key.kid().to_string();
    assert_eq!(store.still_good(number, &kid).await.unwrap(), [], "they are not printed");
    store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap();
    assert_eq!(store.still_good(number, &kid).await.unwrap(), [claims(1), claims(2)]);
    assert_eq!(store.still_good(number + 1, &kid).await.unwrap(), []);
    store.void_ticket(tickets[0].id, "refund", &quietly(), &desk()).await.unwrap();
    assert_eq!(store.still_good(number, &kid).await.unwrap(), [claims(2)]);
}

/// An upgrade finds what was voided and replaced by earlier versions.
pub async fn filled_for_what_was_there_before(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 4).await;
    next(&*store, &tickets[0], None).await;
    for ticket in &tickets[1..3] {
        store.void_ticket(ticket.id, "refund", &quietly(), &desk()).await.unwrap();
    }
    next(&*store, &tickets[1], Some([9; 10])).await;
    let before = feed(&*store).await;
    backend.execute("DROP TABLE door_deviations").await;
    backend.execute("DELETE FROM fulfillment_migrations WHERE version = 29").await;
    assert_eq!(store.migrate().await.unwrap().applied, ["0029_deviations"]);
    let after = feed(&*store).await;
    assert_eq!(standings(&after), standings(&before));
    assert!(after.record.feed_version > before.record.feed_version);
}
