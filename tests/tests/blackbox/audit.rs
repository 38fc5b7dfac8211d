//! Tests that the audit names who did what and who read what, by ids alone.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::Value;

const ADMIN: &str = "an-admin-token-of-at-least-32-characters";
const SHOP: &str = "a-reading-token-of-at-least-32-characters";

/// What `audit list` answers to these arguments: its exit code and the records, oldest first.
async fn list(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Vec<Value>)> {
    let mut all = vec!["--json", "audit", "list"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    let mut records: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    records.reverse();
    Ok((output.status.code(), records))
}

/// Who did what, in words.
fn told(records: &[Value]) -> Vec<String> {
    let word = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    records.iter().map(|r| ["via", "actor", "action"].map(|name| word(r, name)).join(" ")).collect()
}

async fn asked(service: &Service, token: &str, method: &str, path: &str) -> Result<reqwest::Response> {
    let request = service.client().request(method.parse()?, format!("{}{path}", service.base()));
    let request = request.bearer_auth(token).header("content-type", "application/json");
    Ok(request.header("accept", "application/json").send().await?)
}

/// The tokens "desk" and "shop" in the configuration file.
fn with_tokens(scene: &Scene) -> Result<()> {
    let tokens = [("desk", ADMIN, "\"admin\""), ("shop", SHOP, "\"read\", \"events\"")].map(
        |(name, token, scopes)| {
            format!("[[token]]\nname = \"{name}\"\ntoken = \"{token}\"\nscopes = [{scopes}]\n")
        },
    );
    Ok(std::fs::write(scene.setup.data().join("fulfillment.toml"), tokens.concat())?)
}

/// A stream of all events, once it has sent so many issued tickets.
async fn streamed(service: &Service, issued: usize) -> Result<reqwest::Response> {
    let mut stream = asked(service, SHOP, "GET", "/events?after=0").await?;
    let mut seen = String::new();
    while seen.matches("event: ticket-issued").count() < issued {
        seen.push_str(&String::from_utf8_lossy(&stream.chunk().await?.context("the stream ended")?));
    }
    Ok(stream)
}

#[tokio::test]
async fn who_voided_and_who_read_is_on_record_by_ids_alone() -> Result<()> {
    let scene = Scene::embedded().await?.set("USER", "mallory@x\n").set("SUDO_USER", "ada");
    // Root may have come by sudo; nobody else is believed about it.
    let user = String::from_utf8(std::process::Command::new("id").arg("-un").output()?.stdout)?;
    let user = if user.trim() == "root" { "ada" } else { user.trim() };
    with_tokens(&scene)?;
    let mut service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 3))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ids: Vec<&str> =
        record["tickets"].as_array().into_iter().flatten().filter_map(|t| t["id"].as_str()).collect();
    let [by_command, by_http, read] = ids[..] else { anyhow::bail!("three tickets, not {record}") };

    let voided =
        scene.setup.run(&["ticket", "void", by_command, "--reason", "Ada Lovelace asked", "--yes"]).await?;
    assert!(voided.status.success(), "{voided:?}");
    assert_eq!(asked(&service, ADMIN, "POST", &format!("/tickets/{by_http}/void")).await?.status(), 200);
    for path in [format!("/tickets/{read}"), format!("/tickets/{read}.pdf"), format!("/orders/{order}")] {
        assert_eq!(asked(&service, SHOP, "GET", &path).await?.status(), 200, "{path}");
    }
    let stream = streamed(&service, 3).await?;
    drop(stream);
    let path = format!("/tickets/{read}");
    let guesses = (0..20).map(|_| asked(&service, "a guess", "GET", &path));
    for guess in futures::future::try_join_all(guesses).await? {
        assert_eq!(guess.status(), 401);
    }
    assert_eq!(asked(&service, SHOP, "POST", &format!("/tickets/{read}/void")).await?.status(), 403);
    service.stop(Duration::from_secs(20)).await?;

    let (code, records) = list(&scene, &[]).await?;
    assert_eq!(code, Some(0));
    let text = serde_json::to_string(&records)?;
    for personal in ["Lovelace", "@", SHOP, ADMIN, "a guess"] {
        assert!(!text.contains(personal), "{personal} is in {text}");
    }
    let by_token: Vec<_> = told(&records)
        .into_iter()
        .filter(|line| line.contains(" shop ") || line.contains(" desk ") || line.starts_with("command "))
        .collect();
    let mut sorted = by_token.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            &format!("command {user} ticket.void"),
            "http desk ticket.void",
            "http shop read.events",
            "http shop read.events.begin",
            "http shop read.order",
            "http shop read.pdf",
            "http shop read.ticket",
            "http shop refused",
        ],
        "{records:?}"
    );
    let of = |action: &str| {
        records.iter().rev().find(|r| r["action"] == action && r["actor"] == "shop").context("none")
    };
    assert_eq!(of("read.pdf")?["ticketId"], read);
    assert_eq!(of("read.pdf")?["orderId"], order.to_string());
    assert_eq!(of("read.events")?["positions"][0], 1);
    assert_eq!(of("refused")?["subject"], "forbidden");
    let guesses = records.iter().find(|r| r["actor"] == "127.0.0.0/24").context("the guesses")?;
    assert_eq!((guesses["times"].as_u64(), guesses["subject"].as_str()), (Some(20), Some("unauthorized")));

    assert_eq!(told(&list(&scene, &["--ticket", by_http]).await?.1), ["http desk ticket.void"]);
    assert_eq!(list(&scene, &["--action", "ticket", "--actor", user]).await?.1.len(), 1);
    assert_eq!(list(&scene, &["--actor", "nobody"]).await?, (Some(1), vec![]));
    assert_eq!(
        list(&scene, &["--action", "ticket.voided"]).await?.0,
        Some(2),
        "a misspelt action would find nothing"
    );
    let shown = scene.setup.run(&["ticket", "show", by_command, "--json"]).await?;
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("Ada Lovelace asked"),
        "the reason is with the ticket"
    );
    Ok(())
}

#[tokio::test]
async fn changes_of_the_keys_folder_are_on_record() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let keys = async |arguments: &[&str]| -> Result<Value> {
        let said = scene.setup.run(&[&["keys", "--json"], arguments].concat()).await?;
        anyhow::ensure!(said.status.success(), "{said:?}");
        Ok(serde_json::from_slice(&said.stdout)?)
    };
    let new = keys(&["new"]).await?;
    let kid = new["kid"].as_str().context("a kid")?;
    keys(&["retire", kid]).await?;
    keys(&["links", "end-overlap"]).await?;
    let links = keys(&["links", "new"]).await?;
    let ended =
        eventually(PATIENCE, "the new secret signs", async || Ok(keys(&["links", "end-overlap"]).await.ok()));
    ended.await?;
    let (_, records) = list(&scene, &[]).await?;
    let done: Vec<_> = records.iter().filter(|record| record["via"] == "command").collect();
    let done: Vec<_> = done.iter().map(|record| (&record["action"], &record["subject"])).collect();
    let print = &links[0]["fingerprint"];
    let wanted = [
        ("key.new", &new["kid"]),
        ("key.retire", &new["kid"]),
        ("links.new", print),
        ("links.end-overlap", print),
    ];
    assert_eq!(done.len(), wanted.len(), "what had no effect is not recorded: {done:?}");
    for ((action, subject), wanted) in done.into_iter().zip(wanted) {
        assert_eq!((action.as_str().unwrap_or_default(), subject), wanted);
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn a_stream_that_a_killed_process_was_sending_is_on_record() -> Result<()> {
    let scene = Scene::embedded().await?;
    with_tokens(&scene)?;
    let mut service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 3))]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    let stream = streamed(&service, 3).await?;
    // Reads of the last second are not written yet.
    tokio::time::sleep(Duration::from_secs(3)).await;
    service.kill()?;
    drop(stream);

    let mut service = scene.start().await?;
    let streams = async || Ok::<_, anyhow::Error>(list(&scene, &["--action", "read.events"]).await?.1);
    let killed = streams().await?;
    assert_eq!(told(&killed), ["http shop read.events.begin"], "it began, and nobody knows how far it came");
    assert_eq!(killed[0]["positions"], serde_json::json!([1, 1]));
    let stream = streamed(&service, 3).await?;
    drop(stream);
    service.stop(Duration::from_secs(20)).await?;
    let both = streams().await?;
    assert_eq!(told(&both[1..]), ["http shop read.events.begin", "http shop read.events"], "{both:?}");
    assert_eq!(both[2]["positions"][0], 1);
    assert!(both[2]["positions"][1].as_i64() >= Some(3), "{both:?}");
    Ok(())
}
