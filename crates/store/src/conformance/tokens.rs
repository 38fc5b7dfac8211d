//! Conformance of the tokens of the HTTP API: known by their hashes, named once, revoked for good.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Backend;
use super::fixtures::desk;
use crate::NewToken;

fn token(byte: u8, name: &str, expires_at: Option<Timestamp>) -> NewToken {
    let scopes = ["read:status", "deliver"].map(str::to_owned).into();
    NewToken { sha256: [byte; 32], name: name.to_owned(), scopes, expires_at }
}

pub async fn added_listed_and_revoked(backend: &dyn Backend) {
    let (store, other) = (backend.store(), backend.another().await);
    let unused = store.tokens_in_use().await.unwrap();
    assert!(!unused.any && unused.tokens.is_empty());
    let expires: Timestamp = "2099-12-31T00:00:00Z".parse().unwrap();
    assert!(store.add_token(&token(1, "mail", Some(expires)), &desk()).await.unwrap());
    assert!(store.add_token(&token(2, "door", None), &desk()).await.unwrap());
    // Another process sees them at once.
    let used = other.tokens_in_use().await.unwrap();
    let seen: Vec<_> = used.tokens.iter().map(|t| (t.name.as_str(), t.sha256[0], t.expires_at)).collect();
    assert_eq!((seen, used.any), (vec![("door", 2, None), ("mail", 1, Some(expires))], true));
    assert_eq!(used.tokens[0].scopes, ["read:status", "deliver"]);
    assert_eq!(store.tokens().await.unwrap(), used.tokens);

    assert!(other.revoke_token("mail", &desk()).await.unwrap());
    assert!(!store.revoke_token("mail", &desk()).await.unwrap(), "once");
    assert!(!store.revoke_token("nobody", &desk()).await.unwrap());
    let used = store.tokens_in_use().await.unwrap();
    assert_eq!(used.tokens.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["door"]);
    let all = store.tokens().await.unwrap();
    let revoked: Vec<_> = all.iter().map(|t| (t.name.as_str(), t.revoked_at.is_some())).collect();
    assert_eq!(revoked, [("door", false), ("mail", true)]);
    assert!(store.revoke_token("door", &desk()).await.unwrap());
    let used = store.tokens_in_use().await.unwrap();
    assert!(used.tokens.is_empty() && used.any, "there has been one");
}

pub async fn a_name_and_a_token_are_given_once(backend: &dyn Backend) {
    let store = backend.store();
    assert!(store.add_token(&token(1, "mail", None), &desk()).await.unwrap());
    assert!(!store.add_token(&token(2, "mail", None), &desk()).await.unwrap(), "the name is in use");
    assert!(!store.add_token(&token(1, "post", None), &desk()).await.unwrap(), "so is the token");
    assert!(store.revoke_token("mail", &desk()).await.unwrap());
    assert!(
        !store.add_token(&token(1, "mail", None), &desk()).await.unwrap(),
        "a revoked token does not come back"
    );
    assert!(store.add_token(&token(2, "mail", None), &desk()).await.unwrap());
    // An expired one gives its name away, and keeps the record of itself.
    let soon = store.tokens().await.unwrap()[0].created_at + SignedDuration::from_millis(20);
    assert!(store.add_token(&token(3, "brief", Some(soon)), &desk()).await.unwrap());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(store.add_token(&token(4, "brief", None), &desk()).await.unwrap());
    let all = store.tokens().await.unwrap();
    let brief: Vec<_> = all.iter().filter(|t| t.name == "brief").collect();
    assert_eq!(
        brief.iter().map(|t| (t.sha256[0], t.revoked_at)).collect::<Vec<_>>(),
        [(3, Some(soon)), (4, None)]
    );
    // Two at once: one of them gets the name.
    let (one, two) = (token(5, "race", None), token(6, "race", None));
    let other = backend.another().await;
    let desk = desk();
    let (one, two) = tokio::join!(store.add_token(&one, &desk), other.add_token(&two, &desk));
    assert_eq!(u8::from(one.unwrap()) + u8::from(two.unwrap()), 1);
}
