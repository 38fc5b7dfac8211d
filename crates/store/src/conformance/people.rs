//! Conformance of the index of people: whatever is written enters it, in any spelling, and what is erased leaves it.

use fulfillment_domain::{Address, OrderId};
use sha2::{Digest as _, Sha256};

use super::Backend;
use super::fixtures::{
    LONG, desk, draft, freeze, frozen, generated, ingest, issued, loudly, message, order, payment,
};
use crate::{FoundIn, NextStep, PersonKey, Reissue, Release, Store};

/// The query of a search, for the plans that a database makes of it.
pub const SEARCH: &str = crate::sql::PEOPLE_ALIKE;

/// Keys without a secret.
fn key(address: &Address) -> PersonKey {
    let hash = |text: &str| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(text)[..16]);
        bytes
    };
    PersonKey { hash: hash(&address.to_string()), alike: hash(&address.similar()) }
}

fn keys(text: &[u8]) -> Vec<PersonKey> {
    Address::all_in_message(text).iter().map(key).collect()
}

/// Reads what is new, a few at a time.
async fn catch_up(store: &dyn Store) {
    while store.note_people(2, &keys).await.unwrap() > 0 {}
}

/// Where an address occurs, in order.
pub(super) async fn found(store: &dyn Store, address: &str) -> Vec<FoundIn> {
    catch_up(store).await;
    let wanted = key(&Address::only_in(address).unwrap());
    let found = store.people_alike(&wanted.alike).await.unwrap().into_iter();
    let mut found: Vec<_> = found.filter(|(_, hash)| *hash == wanted.hash).map(|(place, _)| place).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The orders in which an address occurs.
pub(super) async fn orders_of(store: &dyn Store, address: &str) -> Vec<OrderId> {
    let orders = found(store, address).await.into_iter();
    orders.filter_map(|place| if let FoundIn::Order(order) = place { Some(order) } else { None }).collect()
}

fn orders(numbers: &[u32]) -> Vec<FoundIn> {
    numbers.iter().map(|n| FoundIn::Order(order(*n))).collect()
}

fn paid(n: u32, person: &str) -> Vec<u8> {
    let id = order(n);
    format!(r#"{{"payment_id":"pay-{n}","order_id":"{id}","customer":{person},"amount":1,"currency":"EUR"}}"#)
        .into()
}

pub async fn in_any_spelling(backend: &dyn Backend) {
    let store = backend.store();
    let spellings = [
        r#""ada\u002Bx@example.org""#,
        r#""Ada Lovelace <ADA+X@Example.ORG>""#,
        r#""mailto:ada%2Bx@example.org""#,
        r#"["bob@example.org; ada+x@example.org."]"#,
        r#"{"as":"{\"json\":\"ada\\u002bx@example.org\"}"}"#,
        r#""nada+x@example.org""#,
        r#""O\u0027Neil@B\u00dcCHER.example""#,
        r#""o'neil@xn--bcher-kva.example""#,
    ];
    for (n, spelling) in (1..).zip(spellings) {
        ingest(&*store, &[message(n, &paid(u32::try_from(n).unwrap(), spelling))]).await;
    }
    assert_eq!(found(&*store, "ada+x@example.org").await, orders(&[1, 2, 3, 4, 5]));
    assert_eq!(found(&*store, "o'neil@bu\u{308}cher.example").await, orders(&[7, 8]));
    assert_eq!(found(&*store, "ada@example.org").await, [], "that may be somebody else");
    let alike = store.people_alike(&key(&Address::only_in("ada@example.org").unwrap()).alike).await.unwrap();
    assert_eq!(alike.len(), 5, "but they are similar");
    let texts = store.texts_of(FoundIn::Order(order(1))).await.unwrap();
    let addresses = texts.iter().flat_map(|text| Address::all_in_message(text));
    assert_eq!(addresses.map(|a| a.to_string()).collect::<Vec<_>>(), ["ada+x@example.org"]);
}

pub async fn whatever_is_written(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    backend.execute("UPDATE tickets SET generation = 0").await;
    let first = store.ticket(id).await.unwrap().unwrap();
    catch_up(&*store).await;
    // The holder after a reissue, and the one on a page that is not drawn yet.
    assert!(store.reserve(id, &draft(&first, 1), None).await.unwrap());
    assert_eq!(found(&*store, "draft@example.org").await, orders(&[1]));
    let mut next = first.clone();
    next.code.generation = 1;
    next.holder.email = Some("grace@example.org".into());
    let reissue = Reissue {
        ticket: generated(&next, &[]).ticket,
        expected: 0,
        reinstates: false,
        events: vec![],
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap();
    assert_eq!(found(&*store, "grace@example.org").await, orders(&[1]));
    assert_eq!(found(&*store, "h@example.org").await, orders(&[1]), "the one before too");

    // An answer that was refused, one that was accepted, and one of which no ticket came.
    ingest(&*store, &[payment(5, 5, "49.90"), payment(6, 6, "49.90")]).await;
    let claims = store.claim("w", 9, LONG).await.unwrap();
    assert_eq!(claims.len(), 2);
    catch_up(&*store).await;
    let release = Release {
        order_id: claims[0].order_id,
        fence: claims[0].fence,
        reason: "unreadable".into(),
        failed: vec![],
        then: NextStep::Park(None),
        refused_answer: Some(br#"{"buyer":"refused@example.org"}"#.to_vec()),
    };
    assert_eq!(store.release(&[release]).await.unwrap(), [true]);
    assert_eq!(found(&*store, "refused@example.org").await, [FoundIn::Order(claims[0].order_id)]);
    frozen(store.freeze(&[freeze(&claims[1], 1)]).await.unwrap().remove(0));
    assert!(found(&*store, "h@example.org").await.contains(&FoundIn::Order(claims[1].order_id)));

    // Dead letters, of an order and of none.
    let letters = [
        message(71, br#"{"orderId":7,"email":"letter@example.org"}"#),
        message(72, br#"{"order_id":"cut","email":"letter@exa"#),
    ];
    for letter in &letters {
        ingest(&*store, std::slice::from_ref(letter)).await;
    }
    let contradiction = paid(1, r#""letter@example.org""#);
    ingest(&*store, &[message(73, &contradiction)]).await;
    let places = found(&*store, "letter@example.org").await;
    let letter = store.dead_letters(0, false, 9).await.unwrap()[0].id;
    assert_eq!(places, [FoundIn::Order(order(1)), FoundIn::Letter(letter)]);
    assert_eq!(store.texts_of(FoundIn::Letter(letter)).await.unwrap().len(), 1);
}

/// The reasons of voids and reissues are texts too.
pub async fn reasons_that_people_type(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 1).await;
    backend.execute("UPDATE tickets SET generation = 0").await;
    catch_up(&*store).await;
    assert!(store.void_ticket(tickets[0].id, "as void@example.org asked", &loudly(), &desk()).await.unwrap());
    assert_eq!(found(&*store, "void@example.org").await, orders(&[1]));
    let mut next = store.ticket(tickets[1].id).await.unwrap().unwrap();
    assert!(store.reserve(next.id, &draft(&next, 1), None).await.unwrap());
    catch_up(&*store).await;
    next.code.generation = 1;
    let reissue = Reissue {
        ticket: generated(&next, &[]).ticket,
        expected: 0,
        reinstates: false,
        events: vec![],
        by: desk(),
        reason: Some("for new@example.org".into()),
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap();
    assert_eq!(found(&*store, "new@example.org").await, orders(&[2]));
    for n in [1, 2] {
        store.erase(order(n), &desk()).await.unwrap().unwrap();
    }
    assert_eq!(found(&*store, "void@example.org").await, []);
    assert_eq!(found(&*store, "new@example.org").await, []);
}

pub async fn in_base64(backend: &dyn Backend) {
    let store = backend.store();
    // `{"email":"ada\u0040example.org"}`
    let text = r#"{"specversion":"1.0","data_base64":"eyJlbWFpbCI6ImFkYVx1MDA0MGV4YW1wbGUub3JnIn0="}"#;
    ingest(&*store, &[message(1, text.as_bytes())]).await;
    ingest(&*store, &[message(2, &paid(1, &format!(r#""a","note":{text}"#)))]).await;
    let letter = store.dead_letters(0, false, 9).await.unwrap()[0].id;
    assert_eq!(found(&*store, "ada@example.org").await, [FoundIn::Order(order(1)), FoundIn::Letter(letter)]);
}

pub async fn earlier_rows_are_read_in_parts(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 5, 1).await;
    ingest(&*store, &[message(71, br#"{"orderId":7,"email":"letter@example.org"}"#)]).await;
    // As a migration leaves them.
    backend.execute("DELETE FROM index_unread").await;
    backend.execute("UPDATE people_backfill SET orders_after = '00000000-0000-0000-0000-000000000000'").await;
    backend.execute("UPDATE people_backfill SET letters_after = 0").await;
    assert_eq!(store.note_people(2, &keys).await.unwrap(), 3, "two orders, and a dead letter");
    assert_eq!(backend.number("SELECT count(DISTINCT order_id) FROM people WHERE letter_id = 0").await, 2);
    // Another process goes on.
    let store = backend.another().await;
    ingest(&*store, &[message(9, &paid(9, r#""new@example.org""#))]).await;
    assert_eq!(found(&*store, "h@example.org").await, orders(&[1, 2, 3, 4, 5]));
    assert_eq!(found(&*store, "new@example.org").await, orders(&[9]));
    assert_eq!(found(&*store, "letter@example.org").await.len(), 1);
    assert_eq!(store.note_people(2, &keys).await.unwrap(), 0);
    assert_eq!(backend.number("SELECT count(*) FROM index_unread").await, 0);

    // Hashes of a lost secret find nobody.
    store.adopt_secret("another", &desk()).await.unwrap();
    assert_eq!(backend.number("SELECT count(*) FROM people").await, 0);
    assert_eq!(found(&*store, "h@example.org").await, orders(&[1, 2, 3, 4, 5]));
}

pub async fn who_is_erased_leaves(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    ingest(&*store, &[message(71, br#"{"orderId":7,"email":"h@example.org"}"#)]).await;
    let places = found(&*store, "h@example.org").await;
    let [FoundIn::Order(_), FoundIn::Order(_), FoundIn::Letter(letter)] = places[..] else {
        panic!("{places:?}")
    };
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    assert_eq!(store.erase_letters(&[7; 16], &[letter], &desk()).await.unwrap(), 1);
    assert_eq!(found(&*store, "h@example.org").await, orders(&[2]));
    let of_it = format!("SELECT count(*) FROM people WHERE order_id = '{}' OR letter_id <> 0", order(1));
    assert_eq!(backend.number(&of_it).await, 0, "not even a hash");
    // What arrives later is emptied as it arrives.
    ingest(&*store, &[message(9, &paid(1, r#""h@example.org""#))]).await;
    assert_eq!(found(&*store, "h@example.org").await, orders(&[2]));
    assert_eq!(backend.number(&of_it).await, 0);
}
