//! The feed of a door as a scanner fetches it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fulfillment_config::token_hash;
use fulfillment_credential::{Claims, KeySet, SigningKey, Verdict, sign};
use fulfillment_door::Counts;
use fulfillment_door::feed::{Document, DoorScan, HeldFeed, Outcome, Status, number_tag, read};
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_store::conformance::fixtures;
use fulfillment_store::{
    Audit as _, AuditFilter, CheckIns as _, DeviceRole, DoorDevices as _, Erasures as _, Events as _,
    Installation as _, NewDevice, OrderQueue as _, RevokedKey, SigningKeys as _, StoreEpoch as _,
    Withdrawals as _,
};

use super::App;

const EVENT: &str = "event-1";
const PATH: &str = "/events/event-1/door";
const COSE: &str = "application/cose; cose-type=\"cose-sign1\"";

pub(super) struct Door {
    pub(super) app: App,
    keyring: Keyring,
    pub(super) tickets: Vec<fulfillment_domain::Ticket>,
}

/// An event with two tickets, signed by the installation's key.
pub(super) async fn door(toml: &str) -> Door {
    let app = App::with(toml).await;
    let keyring = Keyring::read(&app.dir.path().join("keys"), None).unwrap().unwrap();
    app.store.register(&keyring.registration()).await.unwrap();
    let number = app.store.event_number(EVENT).await.unwrap();
    let category = app.store.category_number(EVENT, &"Standing, ".repeat(900)).await.unwrap();
    let claim = fixtures::claimed(app.store.as_ref(), 1).await.remove(0);
    let mut freeze = fixtures::freeze(&claim, 2);
    let key = keyring.signing_key(fixtures::at()).unwrap();
    for (index, ticket) in (1..).zip(&mut freeze.tickets) {
        let claims =
            Claims { expires_at: 4_000_000_000, cti: [index; 10], event: number, category, generation: 0 };
        (ticket.event.number, ticket.code.cti, ticket.code.generation) = (number, claims.cti, 0);
        (ticket.code.kid, ticket.code.data) = (key.kid().to_string(), sign(key, &claims).unwrap());
    }
    let tickets = fixtures::frozen(app.store.freeze(&[freeze]).await.unwrap().remove(0));
    app.store.complete(&[fixtures::completion(&claim, &tickets, &[])]).await.unwrap();
    Door { app, keyring, tickets }
}

impl Door {
    async fn held(&self) -> HeldFeed {
        let answer = self.app.get(PATH, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, COSE));
        HeldFeed::begin(read(&answer.body, self.keyring.public()).unwrap(), EVENT).unwrap()
    }

    async fn delta(&self, held: &HeldFeed) -> super::Answer {
        let origin = held.origin();
        self.app.get(&format!("{PATH}?since={}-{}", origin.epoch, origin.version), &[]).await
    }

    async fn void(&self, index: usize) {
        let who = fixtures::desk();
        let id = self.tickets[index].id;
        assert!(self.app.store.void_ticket(id, "refund", &fixtures::quietly(), &who).await.unwrap());
    }
}

fn now() -> i64 {
    fixtures::at().as_second()
}

#[tokio::test]
async fn a_scanner_follows_a_void_by_deltas() {
    let door = door("").await;
    let mut held = door.held().await;
    assert!(held.fresh_until() - held.origin().made_at == 1_200 && held.origin().made_at % 600 == 0);
    assert_eq!((held.head().status, held.head().categories.len()), (Status::Scheduled, 1));
    assert_eq!(held.head().categories[0].1.len(), 4_096, "a name that is too long is cut off");
    let code = &door.tickets[0].code.data;
    assert!(matches!(held.verify(code, now()), Verdict::Valid(_)));
    door.void(0).await;
    let delta = door.delta(&held).await;
    assert_eq!(delta.status, 200);
    assert_eq!(held.apply(read(&delta.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    assert_eq!(held.verify(code, now()).code(), "voided");
    assert!(matches!(held.verify(&door.tickets[1].code.data, now()), Verdict::Valid(_)));
    assert_eq!(held.digest(), door.held().await.digest());
    let nothing = door.delta(&held).await;
    assert_eq!(held.apply(read(&nothing.body, held.keys()).unwrap()), Ok(Outcome::Applied));
}

/// Once something is said about the event, a delta has its head only when it changed, and then is small.
#[tokio::test]
async fn a_delta_of_one_void_is_small() {
    let door = door("").await;
    let patch = fulfillment_domain::EventPatch {
        name: fulfillment_domain::event_record::Change::Set("Gala".into()),
        ..Default::default()
    };
    let (store, desk) = (&door.app.store, fixtures::desk());
    store.set_event(EVENT, &patch, &fixtures::quietly(), &desk).await.unwrap();
    let mut held = door.held().await;
    assert_eq!(held.head().name.as_deref(), Some("Gala"));
    door.void(1).await;
    let delta = door.delta(&held).await;
    assert!(delta.body.len() < 300, "{} bytes", delta.body.len());
    let received = read(&delta.body, held.keys()).unwrap();
    let Document::Delta(document) = &received.document else { panic!("no delta") };
    assert_eq!((&document.head, &document.keys, document.deviations.len()), (&None, &None, 1));
    assert_eq!(held.apply(received), Ok(Outcome::Applied));
    let rules = fulfillment_door::Rules::read(r#"{"gates":{"b":{},"a":{}}}"#).unwrap();
    store.set_door_rules(EVENT, &rules, &desk).await.unwrap();
    let delta = door.delta(&held).await;
    assert_eq!(held.apply(read(&delta.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    assert_eq!(
        (&held.head().gates[..], held.head().rules.clone()),
        (&["a".to_owned(), "b".into()][..], Some(rules.to_json()))
    );
}

#[tokio::test]
async fn equal_state_has_equal_bytes_and_one_tag() {
    let door = door("").await;
    let (first, second) = (door.app.get(PATH, &[]).await, door.app.get(PATH, &[]).await);
    assert_eq!((&first.body, first.header("etag")), (&second.body, second.header("etag")));
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let tag = first.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    let unchanged = door.app.get(PATH, &known).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.header("etag")), (304, tag.as_str()));
    door.void(0).await;
    let changed = door.app.get(PATH, &known).await;
    assert!(changed.status == 200 && changed.header("etag") != tag && changed.body != first.body);
}

#[tokio::test]
async fn versions_of_another_epoch_are_gone() {
    let door = door("").await;
    let held = door.held().await;
    for since in ["", "7", "1-", "-1", "a-b", "1-2-3"] {
        let answer = door.app.get(&format!("{PATH}?since={since}"), &[]).await;
        answer.is_problem(400, "bad-request");
        assert_eq!(answer.json()["field"], "since");
    }
    door.app.get("/events/unknown/door", &[]).await.is_problem(404, "no-such-event");
    door.app.get(&format!("{PATH}?since=1-999999"), &[]).await.is_problem(410, "events-pruned");
    door.app.store.new_epoch(&fixtures::desk()).await.unwrap();
    door.delta(&held).await.is_problem(410, "events-pruned");
    assert!(door.held().await.origin().epoch > held.origin().epoch);
}

/// A leaked key: the feed says so by a delta, and the part names the codes that stay good.
#[tokio::test]
async fn codes_of_a_revoked_key_stay_good() {
    let door = door("").await;
    let leaked = SigningKey::from_seed(&[4; 32]);
    let path = format!("{PATH}/still-good/{}", leaked.kid());
    door.app.get(&path, &[]).await.is_problem(404, "no-such-page");
    door.app.get(&format!("{PATH}/still-good/x"), &[]).await.is_problem(400, "bad-request");
    let mut held = door.held().await;
    let revoked = RevokedKey {
        kid: leaked.kid().to_string(),
        public_key: leaked.public().to_bytes(),
        reason: "stolen".into(),
        who: "operator".into(),
        revoked_at: fixtures::at(),
    };
    door.app.store.revoke_key(&revoked, &fixtures::desk()).await.unwrap();
    let delta = door.delta(&held).await;
    assert_eq!(held.apply(read(&delta.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    assert!(held.revoked().get(leaked.kid()).is_some());
    let part = door.app.get(&path, &[]).await;
    assert_eq!(held.apply(read(&part.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    let known = door.app.get(&path, &[("if-none-match", part.header("etag"))]).await;
    assert_eq!(known.status, 304);
    // What the key of this process signs is refused by every reader once it is revoked: nothing is served.
    let own = door.keyring.signing_key(fixtures::at()).unwrap();
    let revoked = RevokedKey { kid: own.kid().to_string(), public_key: own.public().to_bytes(), ..revoked };
    door.app.store.revoke_key(&revoked, &fixtures::desk()).await.unwrap();
    assert_eq!(door.app.get(PATH, &[]).await.status, 503);
}

/// A device that loses its network after another gate has admitted somebody refuses them.
#[tokio::test]
async fn who_is_in_is_known_without_a_network() {
    let door = door("").await;
    let mut held = door.held().await;
    let apply = |held: &mut HeldFeed, answer: &super::Answer| {
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, COSE));
        held.apply(read(&answer.body, held.keys()).unwrap()).unwrap()
    };
    let path = format!("{PATH}/admitted");
    let whole = door.app.get(&path, &[]).await;
    assert_eq!(apply(&mut held, &whole), Outcome::Applied);
    assert_eq!(held.parts().admitted_version(), Some(0));
    let known = [("if-none-match", whole.header("etag"))];
    assert_eq!(door.app.get(&path, &known).await.status, 304);
    let scan = |code: &str| format!(r#"{{"code":"{code}","gate":"North"}}"#);
    let check_in = async |index: usize| {
        let json = [("content-type", "application/json")];
        let scan = scan(&door.tickets[index].code.data);
        let answer = door.app.ask(super::request("POST", "/events/event-1/check-ins", &json, scan)).await;
        answer.json()["results"][0]["verdict"].clone()
    };
    assert_eq!(check_in(0).await, "admitted");
    let changed = door.app.get(&path, &known).await;
    assert_eq!(changed.status, 200);
    let since = format!("{path}?since=1-{}", held.parts().admitted_version().unwrap());
    assert_eq!(apply(&mut held, &door.app.get(&since, &[]).await), Outcome::Applied);
    let judged = |held: &HeldFeed, index: usize| {
        let scan = DoorScan {
            code: &door.tickets[index].code.data,
            direction: fulfillment_door::Direction::Entry,
            at: fixtures::at(),
            gate: Some("South"),
            overridden: false,
        };
        held.judge(&scan, &[], &Counts::default()).unwrap().judgement.verdict.word()
    };
    assert_eq!((judged(&held, 0), judged(&held, 1)), ("already_admitted", "admitted"));
    assert_eq!(check_in(0).await, "already_admitted", "as the server says");
    assert_eq!(check_in(1).await, "admitted");
    let delta = door.app.get(&format!("{path}?since=1-1"), &[]).await;
    let Document::Admitted(document) = read(&delta.body, held.keys()).unwrap().document else { panic!() };
    assert_eq!((document.from, document.origin.version, document.tickets.len()), (1, 3, 1));
    assert!(delta.body.len() < 200, "{} bytes", delta.body.len());
    assert_eq!(apply(&mut held, &delta), Outcome::Applied);
    assert_eq!(judged(&held, 1), "already_admitted");
    door.app.get("/events/unknown/door/admitted", &[]).await.is_problem(404, "no-such-event");
    door.app.get(&format!("{path}?since=x"), &[]).await.is_problem(400, "bad-request");
    for gone in ["1-4", "2-1"] {
        door.app.get(&format!("{path}?since={gone}"), &[]).await.is_problem(410, "events-pruned");
    }
}

#[tokio::test]
async fn who_reads_it_is_on_record() {
    let token = "door-token-of-at-least-32-characters";
    let door = door(&format!("[[token]]\nname = \"gate\"\ntoken = \"{token}\"\nscopes = [\"door\"]\n")).await;
    let bearer = format!("Bearer {token}");
    assert_eq!(door.app.get(PATH, &[("authorization", &bearer)]).await.status, 200);
    loop {
        let audit = door.app.store.audit(&AuditFilter::default(), 100).await.unwrap();
        if audit.iter().any(|record| record.entry.action.as_str() == "read.door") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let unsigned = KeySet::new();
    let answer = door.app.get(PATH, &[("authorization", &bearer)]).await;
    assert!(read(&answer.body, &unsigned).is_err(), "its signature is checked");
}

/// Names are in a part of their own, for tokens that may see them, and no cache keeps it.
#[tokio::test]
async fn names_need_a_scope_of_their_own() {
    let token = |name: &str, scopes: &str| {
        format!(
            "[[token]]\nname = \"{name}\"\ntoken = \"{name}-token-of-at-least-32-characters\"\nscopes = [{scopes}]\n"
        )
    };
    let door = door(&[token("gate", "\"door\""), token("host", "\"door\", \"door:names\"")].concat()).await;
    let path = format!("{PATH}/names");
    let bearer = |name: &str| format!("Bearer {name}-token-of-at-least-32-characters");
    let (gate, host) = (bearer("gate"), bearer("host"));
    let (gate, host) = ([("authorization", gate.as_str())], [("authorization", host.as_str())]);
    door.app.get(&path, &gate).await.is_problem(403, "forbidden");
    door.app.get("/events/unknown/door/names", &host).await.is_problem(404, "no-such-event");
    let answer = door.app.get(&path, &host).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, COSE));
    assert_eq!((answer.header("cache-control"), answer.header("etag")), ("private, no-store", ""));
    let first = door.app.get(PATH, &host).await;
    let mut held = HeldFeed::begin(read(&first.body, door.keyring.public()).unwrap(), EVENT).unwrap();
    assert_eq!(held.apply(read(&answer.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    let name = held.parts().name(&[1; 10]).unwrap();
    assert_eq!((name.holder.as_str(), &name.seat), ("李", &door.tickets[0].seat.label));
    for part in ["", "/admitted"] {
        let other = door.app.get(&format!("{PATH}{part}"), &host).await;
        assert!(!other.body.windows(3).any(|bytes| bytes == "李".as_bytes()), "{part}");
    }
    door.app.store.erase(fixtures::order(1), &fixtures::desk()).await.unwrap();
    let erased = door.app.get(&path, &host).await;
    assert_eq!(held.apply(read(&erased.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    assert_eq!(held.parts().name(&[1; 10]), None);
}

/// Only devices get numbers and their key; a device that asks with another key gets 410.
#[tokio::test]
async fn numbers_are_for_devices_alone() {
    let token = "door-token-of-at-least-32-characters";
    let door = door(&format!("[[token]]\nname = \"gate\"\ntoken = \"{token}\"\nscopes = [\"door\"]\n")).await;
    let (store, device) = (&door.app.store, "fdt_device");
    let new = NewDevice {
        name: "n1".into(),
        event_id: EVENT.into(),
        gates: Vec::new(),
        role: DeviceRole::Steward,
        code_sha256: token_hash("code"),
    };
    store.add_device(&new, &fixtures::desk()).await.unwrap();
    store.enrol_device(&token_hash("code"), &token_hash(device)).await.unwrap().unwrap();
    let ask = async |token: &str, path: &str, tag: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("if-none-match", tag)];
        door.app.get(&format!("/events/{path}"), &headers).await
    };
    ask(device, "event-1/door", "").await;
    for path in ["event-1/door/number-key", "event-1/door/numbers?key=x"] {
        let refused = ask(token, path, "").await;
        refused.is_problem(403, "forbidden");
        assert!(refused.json()["detail"].as_str().unwrap().contains("door device new"));
    }
    ask(device, "other/door/numbers?key=x", "").await.is_problem(403, "forbidden");
    let key = ask(device, "event-1/door/number-key", "").await;
    assert_eq!((key.status.as_u16(), key.header("cache-control")), (200, "private, no-store"));
    super::description::fits(&key.json(), "DoorNumberKey");
    let id = key.json()["numberKeyId"].as_str().unwrap().to_owned();
    let key = URL_SAFE_NO_PAD.decode(key.json()["numberKey"].as_str().unwrap()).unwrap().try_into().unwrap();
    ask(device, "event-1/door/numbers", "").await.is_problem(400, "bad-request");
    ask(device, "event-1/door/numbers?key=x", "").await.is_problem(410, "number-key-changed");

    let path = format!("event-1/door/numbers?key={id}");
    let part = ask(device, &path, "").await;
    assert_eq!((part.status.as_u16(), part.header("cache-control")), (200, "private, no-cache"));
    let first = ask(device, "event-1/door", "").await;
    let mut held = HeldFeed::begin(read(&first.body, door.keyring.public()).unwrap(), EVENT).unwrap();
    let apply = |held: &mut HeldFeed, answer: &super::Answer| {
        assert_eq!(held.apply(read(&answer.body, held.keys()).unwrap()), Ok(Outcome::Applied));
    };
    apply(&mut held, &part);
    let found = |held: &HeldFeed, number: &str| held.parts().by_number(&number_tag(&key, number));
    for ticket in &door.tickets {
        assert_eq!(found(&held, &ticket.number), Some(ticket.code.cti));
        assert!(!part.body.windows(10).any(|bytes| bytes == ticket.number.as_bytes()), "a tag alone");
    }
    assert_eq!(found(&held, "0000000000"), None);
    // A void changes no number; a sale does, although no version counts it.
    let tag = part.header("etag").to_owned();
    door.void(0).await;
    assert_eq!(ask(device, &path, &tag).await.status, 304);
    fixtures::ingest(store.as_ref(), &[fixtures::payment(2, 2, "49.90")]).await;
    let claim = store.claim("w", 1, fixtures::LONG).await.unwrap().remove(0);
    let mut more = fixtures::freeze(&claim, 1);
    (more.tickets[0].event.number, more.tickets[0].code.cti) = (1, [7; 10]);
    let sold = fixtures::frozen(store.freeze(&[more]).await.unwrap().remove(0)).remove(0);
    let part = ask(device, &path, &tag).await;
    assert_eq!(part.status, 200);
    apply(&mut held, &part);
    assert_eq!(found(&held, &sold.number), Some([7; 10]));
    assert_eq!(found(&held, &door.tickets[0].number), Some([1; 10]), "it is void, not unknown");
    // Each epoch has its own.
    store.new_epoch(&fixtures::desk()).await.unwrap();
    ask(device, &path, &tag).await.is_problem(410, "number-key-changed");
    assert_ne!(ask(device, "event-1/door/number-key", "").await.json()["numberKeyId"], id);
}

/// Documents are compressed for clients that accept it, under the same tag.
#[tokio::test]
async fn documents_are_compressed() {
    let door = door("").await;
    let plain = door.app.get(PATH, &[]).await;
    let gzip = ("accept-encoding", "br, gzip");
    let packed = door.app.get(PATH, &[gzip]).await;
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
    assert!(packed.body.len() < plain.body.len() / 2, "{} of {}", packed.body.len(), plain.body.len());
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_ref()).read_to_end(&mut decoded).unwrap();
    assert_eq!(decoded, plain.body);
    assert_eq!((packed.header("etag"), packed.header("content-type")), (plain.header("etag"), COSE));
    // The bytes differ, so the tag compares what they say.
    assert!(plain.header("etag").starts_with("W/\""), "{}", plain.header("etag"));
    let strong = plain.header("etag").trim_start_matches("W/");
    for tag in [plain.header("etag"), strong] {
        for encoding in [gzip, ("accept-encoding", "identity")] {
            let known = door.app.get(PATH, &[encoding, ("if-none-match", tag)]).await;
            assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
            assert_eq!(known.header("vary"), "Accept-Encoding");
        }
    }
    for path in [PATH, "/events/event-1/door/admitted", "/events/event-1/door/names"] {
        assert_eq!(door.app.get(path, &[]).await.header("vary"), "Accept-Encoding", "{path}");
    }
    let small = door.app.get("/events/event-1/door/admitted", &[gzip]).await;
    assert!(small.body.len() < 1_024 && small.header("content-encoding").is_empty());
}
