//! Tests of a signing key that leaked: whoever has it can write any code, and the tickets sold under it must still open
//! the door.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fulfillment_credential::{Claims, SigningKey, decode_unverified, sign};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

const GOOD: &str = "/.well-known/ticket-keys.json";
const REVOKED: &str = "/.well-known/revoked-ticket-keys.json";

/// Pays for a ticket; answers with its order.
async fn pay(scene: &Scene, service: &Service) -> Result<Uuid> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    Ok(order)
}

/// A new ticket's record.
async fn issued(scene: &Scene, service: &Service) -> Result<Value> {
    let order = pay(scene, service).await?;
    Ok(service.order_in(order, "issued").await?["tickets"][0].clone())
}

fn text(ticket: &Value, name: &str) -> String {
    ticket[name].as_str().unwrap_or_default().to_owned()
}

/// The exit code and output of `verify`.
async fn verdict(setup: &Setup, more: &[&str], code: &str) -> Result<(Option<i32>, Value)> {
    let said = setup.run(&[&["verify", "--json", code][..], more].concat()).await?;
    let answer = serde_json::from_slice(&said.stdout);
    Ok((said.status.code(), answer.with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())?))
}

/// The output of `keys` with these arguments.
async fn keys(scene: &Scene, arguments: &[&str]) -> Result<Value> {
    let said = scene.setup.run(&[&["keys", "--json"], arguments].concat()).await?;
    serde_json::from_slice(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
}

/// What the thief has: the files of the folder, which are restored later too.
fn stolen(setup: &Setup) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let files = std::fs::read_dir(setup.data().join("keys"))?;
    let files = files.map(|file| file.map(|file| file.path()));
    let files = files.filter(|file| file.as_ref().map_or(true, |file| file.extension().is_some()));
    files
        .map(|file| file.map_err(Into::into).and_then(|file| Ok((file.clone(), std::fs::read(file)?))))
        .collect()
}

fn thief(files: &[(PathBuf, Vec<u8>)]) -> Result<SigningKey> {
    let pem = |path: &Path| path.extension().is_some_and(|extension| extension == "pem");
    let (_, content) = files.iter().find(|(path, _)| pem(path)).context("a key")?;
    Ok(SigningKey::from_pem(std::str::from_utf8(content)?)?)
}

/// Whether a published set has the key.
async fn published(service: &Service, path: &str, kid: &str) -> Result<bool> {
    let set = service.get_json(path).await?;
    Ok(set["keys"].as_array().context("a set")?.iter().any(|key| key["kid"] == kid))
}

/// Waits until a process knows that a key is revoked.
async fn learns(service: &Service, kid: &str) -> Result<()> {
    eventually(PATIENCE, "the key is gone from the published set", async || {
        let gone = !published(service, GOOD, kid).await? && published(service, REVOKED, kid).await?;
        Ok(gone.then_some(()))
    })
    .await
}

#[tokio::test]
async fn codes_of_a_leaked_key_are_refused_unless_they_are_on_record() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    leaked(&scene).await
}

#[tokio::test]
async fn codes_of_a_leaked_key_are_refused_on_the_embedded_store() -> Result<()> {
    leaked(&Scene::embedded().await?).await
}

async fn leaked(scene: &Scene) -> Result<()> {
    let service = scene.start().await?;
    let ticket = issued(scene, &service).await?;
    let (code, kid) = (text(&ticket, "qrCodeData"), text(&ticket, "kid"));
    let files = stolen(&scene.setup)?;
    let thief = thief(&files)?;
    assert_eq!(thief.kid().to_string(), kid);
    let live = decode_unverified(&code)?.claims;
    let forged = [
        ("an id that was never issued", Claims { cti: [7; 10], ..live }),
        ("a better category with a ticket's own id", Claims { category: live.category + 1, ..live }),
        ("another event with a ticket's own id", Claims { event: live.event + 1, ..live }),
        ("a generation to come", Claims { generation: 1, ..live }),
    ];
    let forged: Vec<_> =
        forged.iter().map(|(what, claims)| Ok((*what, sign(&thief, claims)?))).collect::<Result<_>>()?;
    for (what, code) in &forged {
        assert_eq!(
            verdict(&scene.setup, &[], code).await?.0,
            Some(0),
            "before it is known to be stolen: {what}"
        );
    }

    // Nothing happens without a yes; and it says what it touches.
    let why = ["--reason", "a laptop was stolen"];
    let asked = scene.setup.run(&[&["keys", "revoke", &kid][..], &why].concat()).await?;
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    assert!(String::from_utf8_lossy(&asked.stderr).contains("1 live ticket of coming events"), "{asked:?}");
    assert!(published(&service, GOOD, &kid).await?, "nothing was changed");
    let unknown = scene.setup.run(&[&["keys", "revoke", "00000000", "--yes"][..], &why].concat()).await?;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");

    let revoked = keys(scene, &[&["revoke", &kid, "--yes"][..], &why].concat()).await?;
    assert_eq!((&revoked["kid"], &revoked["liveTickets"]), (&json!(kid), &json!(1)), "{revoked}");
    assert_eq!(revoked["signsIsNew"], true, "it was the only one: {revoked}");
    let again = keys(scene, &["revoke", &kid, "--reason", "once more"]).await?;
    assert_eq!((&again["reason"], &again["signs"]), (&json!(why[1]), &revoked["signs"]), "{again}");
    learns(&service, &kid).await?;
    let second = issued(scene, &service).await?;
    assert_eq!(second["kid"], revoked["signs"], "another key signs in the running process");

    refused(scene, &service, &files, (&kid, &code), &forged).await?;

    // A void reaches the live one as before.
    let void = scene.setup.run(&["ticket", "void", &text(&ticket, "id"), "--yes"]).await?;
    assert!(void.status.success(), "{void:?}");
    assert_eq!(verdict(&scene.setup, &[], &code).await?.1["verdict"], "revoked_key");
    scene.settled(&service).await
}

/// Every way of judging refuses what the thief wrote, and lets the live ticket in where the record can be asked; a
/// restored folder changes nothing.
async fn refused(
    scene: &Scene,
    service: &Service,
    files: &[(PathBuf, Vec<u8>)],
    (kid, code): (&str, &str),
    forged: &[(&str, String)],
) -> Result<()> {
    let door = Setup::new()?;
    let file = |name: &str| scene.setup.data().join(name).display().to_string();
    let (good, gone) = (file("good.json"), file("gone.json"));
    std::fs::write(&good, service.get_json(GOOD).await?.to_string())?;
    std::fs::write(&gone, service.get_json(REVOKED).await?.to_string())?;
    let base = service.base();
    let with_the_record: [(&Setup, &[&str]); 2] = [(&scene.setup, &[]), (&door, &["--service", base])];
    for restored in [false, true] {
        if restored {
            for (path, content) in files {
                std::fs::write(path, content)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            }
        }
        for (setup, more) in with_the_record {
            let (exit, answer) = verdict(setup, more, code).await?;
            assert_eq!((exit, &answer["verdict"]), (Some(0), &json!("valid")), "{answer}");
            assert_eq!((&answer["keyRevoked"], &answer["voidsChecked"]), (&json!(true), &json!(true)));
            for (what, code) in forged {
                let (exit, answer) = verdict(setup, more, code).await?;
                assert_eq!((exit, &answer["verdict"]), (Some(1), &json!("revoked_key")), "{what}: {answer}");
            }
        }
        for code in [code, &forged[0].1] {
            let alone = verdict(&door, &["--keys", &good], code).await?;
            assert_eq!((alone.0, &alone.1["verdict"]), (Some(1), &json!("unknown_key")), "{}", alone.1);
            let both = verdict(&door, &["--keys", &good, "--revoked-keys", &gone], code).await?;
            assert_eq!((both.0, &both.1["verdict"]), (Some(1), &json!("revoked_key")), "{}", both.1);
        }
        let restarted = scene.setup.clone().roles("http");
        let restarted =
            if restored && scene.database().is_ok() { Some(restarted.start().await?) } else { None };
        for service in [Some(service), restarted.as_ref()].into_iter().flatten() {
            assert!(!published(service, GOOD, kid).await?, "restored: {restored}");
            assert!(published(service, REVOKED, kid).await?, "restored: {restored}");
        }
        let listed = keys(scene, &["list"]).await?;
        let own = listed.as_array().context("keys")?.iter().find(|key| key["kid"] == kid);
        assert_eq!(own.context("the key")?["state"], "revoked", "restored: {restored}: {listed}");
    }
    // The folder alone, without its store, as a scanner's desk has it.
    let folder = Setup::new()?.env("FULFILLMENT_CREDENTIAL_KEYS_DIR", file("keys"));
    assert_eq!(verdict(&folder, &[], code).await?.1["verdict"], "revoked_key");
    Ok(())
}

#[tokio::test]
async fn a_restored_folder_does_not_hide_that_no_other_key_signs() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let first = text(&issued(&scene, &service).await?, "kid");
    let waiting = keys(&scene, &["new"]).await?;
    let second = keys(&scene, &["new", "--at-once"]).await?;
    assert_eq!(second["until"], waiting["signsFrom"], "it signs before the one that waits: {second}");
    let second = text(&second, "kid");
    let files = stolen(&scene.setup)?;
    let why = ["--yes", "--reason", "leaked"];
    for kid in [&second, &text(&waiting, "kid")] {
        keys(&scene, &[&["revoke", kid][..], &why].concat()).await?;
    }
    for file in std::fs::read_dir(scene.setup.data().join("keys"))? {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "revoked") {
            std::fs::remove_file(file)?;
        }
    }
    for (path, content) in &files {
        std::fs::write(path, content)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    let last = scene.setup.run(&["keys", "retire", &first]).await?;
    assert_eq!(last.status.code(), Some(2), "it is the only one that signs: {last:?}");
    let gone = scene.setup.run(&["keys", "retire", &second]).await?;
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("was revoked"), "{gone:?}");
    let revoked = keys(&scene, &[&["revoke", &first][..], &why].concat()).await?;
    assert_eq!(revoked["signsIsNew"], true, "{revoked}");
    learns(&service, &first).await?;
    assert_eq!(issued(&scene, &service).await?["kid"], revoked["signs"]);
    scene.settled(&service).await
}

#[tokio::test]
async fn a_ticket_without_its_page_yet_is_signed_with_the_next_key() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    issued(&scene, &service).await?;
    // Pages cannot be stored.
    let (folder, aside) = (scene.tickets_folder(), scene.setup.data().join("aside"));
    std::fs::rename(&folder, &aside)?;
    std::fs::write(&folder, "")?;
    let order = pay(&scene, &service).await?;
    let frozen = service
        .order_when(order, "is frozen", |order| order["tickets"][0]["status"] == "Pending")
        .await?["tickets"][0]
        .clone();
    let kid = text(&frozen, "kid");
    let revoked = keys(&scene, &["revoke", &kid, "--reason", "leaked", "--yes"]).await?;
    learns(&service, &kid).await?;
    std::fs::remove_file(&folder)?;
    std::fs::rename(&aside, &folder)?;
    // It may have been parked meanwhile.
    scene.setup.run(&["retry", "--all"]).await?;
    let done = service.order_in(order, "issued").await?["tickets"][0].clone();
    assert_eq!(done["kid"], revoked["signs"]);
    assert_eq!((&done["id"], &done["cti"], &done["generation"]), (&frozen["id"], &frozen["cti"], &json!(0)));
    let code = text(&done, "qrCodeData");
    let claims = |code: &str| decode_unverified(code).map(|credential| credential.claims);
    assert_eq!(claims(&code)?, claims(&text(&frozen, "qrCodeData"))?, "nothing else of it changed");
    let answer = verdict(&scene.setup, &[], &code).await?;
    assert_eq!((answer.0, &answer.1["keyRevoked"]), (Some(0), &Value::Null), "{}", answer.1);
    scene.settled(&service).await
}

/// Tickets that a key signed.
async fn signed_by(scene: &Scene, kid: &str) -> Result<i64> {
    scene.record.number(&format!("SELECT count(*) FROM tickets WHERE kid = '{kid}'")).await
}

#[tokio::test]
async fn the_tickets_of_a_leaked_key_get_new_codes_whatever_dies_meanwhile() -> Result<()> {
    const SEATS: usize = 60;
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, SEATS))]);
    service.pay(Payment::of(order).json()).await?;
    let before = service.order_in(order, "issued").await?;
    let kid = text(&before["tickets"][0], "kid");
    let refused = scene.setup.run(&["ticket", "reissue", "--kid", &kid]).await?;
    assert_eq!(refused.status.code(), Some(2), "it still signs: {refused:?}");
    keys(&scene, &["revoke", &kid, "--reason", "leaked", "--yes"]).await?;
    let unknown = scene.setup.run(&["ticket", "reissue", "--kid", "00000000"]).await?;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let both = scene.setup.run(&["ticket", "reissue", "--kid", &kid, "7Q2FK-9XM4D"]).await?;
    assert_eq!(both.status.code(), Some(2), "a ticket or a key: {both:?}");

    // The service works on it, and is killed twice.
    let said = scene.setup.run(&["--json", "ticket", "reissue", "--kid", &kid, "--background"]).await?;
    let job: Value = serde_json::from_slice(&said.stdout)?;
    assert_eq!((&job["total"], &job["done"]), (&json!(SEATS), &json!(0)), "{job}");
    let mut left = i64::try_from(SEATS)?;
    for _ in 0..2 {
        let fewer = left - 5;
        left = eventually(PATIENCE, "some have new codes", async || {
            let now = signed_by(&scene, &kid).await?;
            Ok((now <= fewer).then_some(now))
        })
        .await?;
        service.kill()?;
        service = scene.start().await?;
    }
    // The command goes on with it beside the service, until it is done.
    let said = scene.setup.run(&["--json", "ticket", "reissue", "--kid", &kid]).await?;
    let job: Value = serde_json::from_slice(&said.stdout)?;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!((&job["done"], &job["failed"]), (&json!(SEATS), &json!(0)), "{job}");
    assert!(job["finishedAt"].is_string(), "{job}");
    assert_eq!(signed_by(&scene, &kid).await?, 0);
    let after = service.get_json(&format!("/orders/{order}")).await?;
    for (before, after) in before["tickets"]
        .as_array()
        .context("tickets")?
        .iter()
        .zip(after["tickets"].as_array().context("tickets")?)
    {
        assert_eq!((&after["id"], &after["generation"]), (&before["id"], &json!(1)), "each once");
        let (old, new) = (text(before, "qrCodeData"), text(after, "qrCodeData"));
        if after["ticketIndex"] == 1 {
            assert_eq!(verdict(&scene.setup, &[], &old).await?.1["verdict"], "revoked_key");
            assert_eq!(verdict(&scene.setup, &[], &new).await?.0, Some(0));
        }
    }
    let listed = keys(&scene, &["list"]).await?;
    let own = listed.as_array().context("keys")?.iter().find(|key| key["kid"] == kid);
    assert_eq!(own.context("the key")?["reissue"]["done"], SEATS, "{listed}");
    scene.settled(&service).await
}

/// The signed link of a ticket, as its event has it.
async fn link(scene: &Scene, ticket: &Value) -> Result<String> {
    let id = text(ticket, "id");
    let select = format!("SELECT CAST(value AS TEXT) FROM outbox WHERE ticket_id = '{id}' ORDER BY id DESC");
    let event = scene.record.texts(&select).await?.into_iter().next().context("its event")?;
    let link = event.split_once("/tickets/").and_then(|(_, rest)| rest.split_once('"'));
    Ok(format!("/tickets/{}", link.context("a link")?.0))
}

/// The signature of a first generation's link by this secret: HMAC over the parts, each with its length.
fn signature(secret: &str, ticket: &Value) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hex::decode(secret.trim())?)?;
    let id: Uuid = text(ticket, "id").parse()?;
    for part in [&b"link"[..], id.as_bytes(), &0_u32.to_be_bytes()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Ok(URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16]))
}

/// The status of a request without a token.
async fn status(service: &Service, path: &str) -> Result<u16> {
    let url = format!("{}{path}", service.base());
    Ok(service.client().get(url).send().await?.status().as_u16())
}

#[tokio::test]
async fn the_secret_of_links_is_replaced_with_an_overlap() -> Result<()> {
    let scene = Scene::embedded().await?;
    drop(scene.start().await?);
    // As an earlier version left it: the secret of the ids signs links.
    std::fs::remove_file(scene.setup.data().join("keys/links"))?;
    let service = scene.start().await?;
    let ticket = issued(&scene, &service).await?;
    let old = link(&scene, &ticket).await?;
    let secret = std::fs::read_to_string(scene.setup.data().join("keys/secret"))?;
    assert!(old.ends_with(&signature(&secret, &ticket)?), "an upgrade changes no link: {old}");

    assert_eq!(keys(&scene, &["links", "new"]).await?.as_array().map(Vec::len), Some(2));
    let early = scene.setup.run(&["keys", "links", "end-overlap"]).await?;
    assert_eq!(early.status.code(), Some(2), "no process signs with it yet: {early:?}");
    let new = eventually(PATIENCE, "the new secret signs", async || {
        let ticket = issued(&scene, &service).await?;
        let link = link(&scene, &ticket).await?;
        Ok((!link.ends_with(&signature(&secret, &ticket)?)).then_some(link))
    })
    .await?;
    for link in [&old, &new] {
        assert_eq!(status(&service, link).await?, 200, "they overlap");
    }
    assert_eq!(keys(&scene, &["links", "end-overlap"]).await?["ended"], 1);
    eventually(PATIENCE, "the former secret is not accepted any more", async || {
        Ok((status(&service, &old).await? == 401).then_some(()))
    })
    .await?;
    assert_eq!(status(&service, &new).await?, 200);
    drop(service);
    let service = scene.start().await?;
    assert_eq!(
        (status(&service, &old).await?, status(&service, &new).await?),
        (401, 200),
        "and after a restart"
    );
    scene.settled(&service).await
}

#[tokio::test]
async fn links_expire_after_their_event_if_a_setting_says_so() -> Result<()> {
    let scene = Scene::embedded().await?;
    let setup = scene.setup.clone();
    let service = setup.start().await?;
    let ticket = issued(&scene, &service).await?;
    let link = link(&scene, &ticket).await?;
    assert_eq!(status(&service, &link).await?, 200);
    drop(service);
    // The event has no date: its issue counts.
    let service = setup.clone().env("FULFILLMENT_HTTP_LINKS_EXPIRE_AFTER", "1ms").start().await?;
    let answer = service.client().get(format!("{}{link}", service.base())).send().await?;
    assert_eq!(answer.status(), 410);
    let problem: Value = answer.json().await?;
    assert!(text(&problem, "type").ends_with("link-expired"), "{problem}");
    assert_eq!(service.get(&link).await?.status(), 200, "a token opens it all the same");
    drop(service);
    let service = setup.env("FULFILLMENT_HTTP_LINKS_EXPIRE_AFTER", "30days").start().await?;
    assert_eq!(status(&service, &link).await?, 200, "the setting is all that ended it");
    scene.settled(&service).await
}
