//! Conformance of signing keys that leaked.

use jiff::{SignedDuration, Timestamp};

use super::Backend;
use super::fixtures::{
    LONG, SHORT, at, at_once, at_stored, claimed, completion, desk, freeze, frozen, loudly, order, wait,
};
use crate::{KeyCursor, KeyRecord, KeyReissueNext, NewCode, NextStep, Registration, Release, RevokedKey};

fn revoked(kid: &str, reason: &str, seconds: i64) -> RevokedKey {
    RevokedKey {
        kid: kid.into(),
        public_key: [3; 32],
        reason: reason.into(),
        who: "operator".into(),
        revoked_at: at_stored() + SignedDuration::from_secs(seconds),
    }
}

pub async fn tombstones_stay(backend: &dyn Backend) {
    let store = backend.store();
    assert!(store.revoked_keys().await.unwrap().is_empty());
    let first = revoked("0000000b", "a laptop was stolen", 0);
    assert_eq!(store.revoke_key(&first, &desk()).await.unwrap(), first);
    let again = store.revoke_key(&revoked("0000000b", "again", 9), &desk()).await.unwrap();
    assert_eq!(again, first, "a repeat changes nothing");
    let second = revoked("0000000a", "it too", 1);
    store.revoke_key(&second, &desk()).await.unwrap();
    let both = [first, second];
    assert_eq!(store.revoked_keys().await.unwrap(), both);
    // A folder from before registers its keys: that brings nothing back.
    let keys = vec![KeyRecord { kid: "0000000b".into(), public_key: [3; 32], created_at: at() }];
    let wanted = Registration { secret_fingerprint: Some("f".into()), keys, ..Registration::default() };
    assert_eq!(store.register(&wanted).await.unwrap().revoked, both);
    assert_eq!(backend.another().await.registration().await.unwrap().revoked, both);
}

pub async fn live_tickets_of_coming_events(backend: &dyn Backend) {
    let store = backend.store();
    let now = at();
    let hours = |n: i64| Some(now + SignedDuration::from_hours(n));
    let zero: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
    let dates = [
        // (start, end, whether it is still to come)
        (hours(1), hours(2), true),
        (hours(-1), hours(1), true),
        (hours(1), None, true),
        (None, hours(1), true),
        (None, None, true),
        (Some(zero), Some(zero), true),
        (hours(1), Some(zero), true),
        (hours(1), hours(-9), true),
        (hours(-2), hours(-1), false),
        (hours(-1), None, false),
        (None, hours(-1), false),
        (hours(-1), Some(zero), false),
    ];
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, u32::try_from(dates.len()).unwrap() + 2);
    for (ticket, (starts, ends, _)) in freeze.tickets.iter_mut().zip(&dates) {
        (ticket.event.starts_at, ticket.event.ends_at) = (*starts, *ends);
    }
    let count = freeze.tickets.len();
    for ticket in &mut freeze.tickets[dates.len()..] {
        (ticket.event.starts_at, ticket.event.ends_at) = (hours(1), hours(2));
    }
    freeze.tickets[count - 1].code.kid = "another0".into();
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &[])]).await.unwrap();
    assert!(store.void_ticket(tickets[count - 2].id, "sold twice", &loudly(), &desk()).await.unwrap());
    let coming = dates.iter().filter(|(.., coming)| *coming).count() as u64;
    assert_eq!(store.live_tickets_of_key("01234567", now).await.unwrap(), coming);
    assert_eq!(store.live_tickets_of_key("another0", now).await.unwrap(), 1);
    assert_eq!(store.live_tickets_of_key("none", now).await.unwrap(), 0);
}

pub async fn live_codes_are_found(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, 1);
    (freeze.tickets[0].code.cti, freeze.tickets[0].event.number) = ([4; 10], 7);
    let ticket = frozen(store.freeze(std::slice::from_ref(&freeze)).await.unwrap().remove(0)).remove(0);
    let find = async |kid: &str, event, cti| store.live_code(kid, event, cti).await.unwrap();
    assert_eq!(find("01234567", 7, [4; 10]).await, None, "nobody has its page yet");
    store.complete(&[completion(&claim, std::slice::from_ref(&ticket), &[])]).await.unwrap();
    assert_eq!(find("01234567", 7, [4; 10]).await.as_deref(), Some("TK1:ABC"));
    for (kid, event, cti) in [("0123456a", 7, [4; 10]), ("01234567", 8, [4; 10]), ("01234567", 7, [5; 10])] {
        assert_eq!(find(kid, event, cti).await, None, "{kid} {event}");
    }
    assert!(store.void_ticket(ticket.id, "sold twice", &loudly(), &desk()).await.unwrap());
    assert_eq!(find("01234567", 7, [4; 10]).await, None, "it is void");
}

pub async fn codes_of_unprinted_tickets_are_replaced(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    let mut done = completion(&claim, &tickets[..1], &[]);
    done.finished = false;
    store.complete(&[done]).await.unwrap();
    let code = |n: usize| NewCode { ticket: tickets[n].id, data: "TK1:NEW".into(), kid: "89abcdef".into() };
    let codes = [code(2), code(1), code(0)];
    assert!(!store.sign_anew(order(1), claim.fence + 1, &codes).await.unwrap(), "another worker has it");
    assert!(!store.sign_anew(order(9), claim.fence, &codes).await.unwrap(), "no such order");
    assert_eq!(store.ticket(tickets[1].id).await.unwrap().unwrap().code, tickets[1].code);
    assert!(store.sign_anew(order(1), claim.fence, &codes).await.unwrap());
    let now = |n: usize| {
        let store = backend.store();
        let id = tickets[n].id;
        async move { store.ticket(id).await.unwrap().unwrap().code }
    };
    assert_eq!(now(0).await, tickets[0].code, "its page is out");
    for n in [1, 2] {
        let expected = fulfillment_domain::ticket::Code {
            data: "TK1:NEW".into(),
            kid: "89abcdef".into(),
            ..tickets[n].code.clone()
        };
        assert_eq!(now(n).await, expected);
    }
    // What is claimed next has the new codes.
    store
        .release(&[Release {
            order_id: claim.order_id,
            fence: claim.fence,
            reason: "later".into(),
            then: NextStep::Retry(std::time::Duration::ZERO),
            failed: Vec::new(),
            refused_answer: None,
        }])
        .await
        .unwrap();
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    assert!(claim.tickets.iter().all(|ticket| ticket.code.kid == "89abcdef"), "{:?}", claim.tickets);
    assert_eq!(claim.tickets.len(), 2);
}

pub async fn jobs_go_on_where_they_stopped(backend: &dyn Backend) {
    let (store, other) = (backend.store(), backend.another().await);
    assert!(store.claim_key_reissue("w", LONG, None).await.unwrap().is_none());
    let begun = store.request_key_reissue("a", Some("leaked"), &desk(), 5).await.unwrap();
    assert_eq!((begun.total, begun.done, begun.finished_at), (5, 0, None));
    assert_eq!(begun.after, KeyCursor::START);
    let again = store.request_key_reissue("a", None, &desk(), 4).await.unwrap();
    assert_eq!(again, begun, "it is being worked on");
    store.request_key_reissue("b", None, &desk(), 1).await.unwrap();

    let mut job = store.claim_key_reissue("w", LONG, None).await.unwrap().unwrap();
    assert_eq!(job, begun, "the oldest");
    assert!(other.claim_key_reissue("v", LONG, Some("a")).await.unwrap().is_none(), "it is claimed");
    let second = other.claim_key_reissue("v", LONG, None).await.unwrap().unwrap();
    assert_eq!(second.kid, "b");
    (job.done, job.failed, job.last_error) = (2, 1, Some("disk full".into()));
    job.after = KeyCursor { event: 7, cti: vec![0, 255] };
    assert!(
        store.record_key_reissue("w", &job, KeyReissueNext::After(std::time::Duration::ZERO)).await.unwrap()
    );
    assert!(
        !store.record_key_reissue("w", &job, KeyReissueNext::Finished).await.unwrap(),
        "it was given back"
    );
    let taken = other.claim_key_reissue("v", SHORT, None).await.unwrap().unwrap();
    assert_eq!(taken, job, "another goes on");
    // It dies; its lease ends.
    wait().await;
    let taken = store.claim_key_reissue("w", LONG, Some("a")).await.unwrap().unwrap();
    assert!(
        !other.record_key_reissue("v", &taken, KeyReissueNext::Finished).await.unwrap(),
        "it came back late"
    );
    assert!(store.record_key_reissue("w", &taken, KeyReissueNext::After(LONG)).await.unwrap());
    assert!(store.claim_key_reissue("w", LONG, Some("a")).await.unwrap().is_none(), "not yet");
    assert!(other.record_key_reissue("v", &second, KeyReissueNext::Finished).await.unwrap());
    let jobs = store.key_reissues().await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.kid.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(jobs[0].finished_at.is_none() && jobs[1].finished_at.is_some());
    let anew = store.request_key_reissue("b", None, &desk(), 3).await.unwrap();
    assert_eq!((anew.total, anew.finished_at), (3, None), "a finished one begins again");
}

pub async fn one_worker_has_a_job(backend: &dyn Backend) {
    backend.store().request_key_reissue("a", None, &desk(), 1).await.unwrap();
    let claims = at_once(backend, 6, |store, n| async move {
        store.claim_key_reissue(&n.to_string(), LONG, None).await.unwrap().is_some()
    })
    .await;
    assert_eq!(claims.iter().filter(|claimed| **claimed).count(), 1, "{claims:?}");
}

pub async fn tickets_of_a_key_in_order(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let mut freeze = freeze(&claim, 8);
    let hour = SignedDuration::from_hours(1);
    for (n, ticket) in (0_u8..).zip(&mut freeze.tickets) {
        ticket.event.number = u32::from(n % 2);
        (ticket.code.cti, ticket.code.generation) = ([200 - n; 10], 0);
        (ticket.event.starts_at, ticket.event.ends_at) = (Some(at() + hour), None);
    }
    freeze.tickets[5].code.kid = "another0".into();
    freeze.tickets[6].event.starts_at = Some(at() - hour);
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    let mut done = completion(&claim, &tickets[..7], &[]);
    done.finished = false;
    store.complete(&[done]).await.unwrap();
    assert!(store.void_ticket(tickets[4].id, "sold twice", &loudly(), &desk()).await.unwrap());
    // Left are 0 to 3: the rest is void, of another key, over, or has no page yet.
    let mut seen = Vec::new();
    let mut after = KeyCursor::START;
    loop {
        let page = store.tickets_of_key("01234567", at(), &after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = KeyCursor { event: last.event.number.into(), cti: last.code.cti.to_vec() };
        seen.extend(page.iter().map(|ticket| ticket.line.index));
        assert!(page.len() <= 2);
    }
    assert_eq!(seen, [3, 1, 4, 2], "by event and code id");
}
