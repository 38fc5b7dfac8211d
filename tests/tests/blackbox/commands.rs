//! The command line, by exit codes and what it prints.

use std::process::Output;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Setup;
use serde_json::{Value, json};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_configuration_is_written_checked_and_its_faults_are_named() -> Result<()> {
    let setup = Setup::new()?;
    let written = setup.run(&["config", "init"]).await?;
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let file = setup.data().join("fulfillment.toml");
    let text = std::fs::read_to_string(&file)?;
    for name in ["FULFILLMENT_HTTP_LISTEN", "FULFILLMENT_KAFKA_BROKERS", "FULFILLMENT_PIPELINE_MAX_ATTEMPTS"]
    {
        assert!(text.contains(name), "{name} is documented");
    }
    assert_eq!(setup.run(&["config", "check"]).await?.status.code(), Some(0), "as written it is good");
    assert_eq!(setup.run(&["config", "init"]).await?.status.code(), Some(2), "never over another");
    assert_eq!(std::fs::read_to_string(&file)?, text);
    assert_eq!(out(&setup.run(&["config", "init", "-"]).await?), text);

    std::fs::write(
        &file,
        "[http]\nlisten = \"here\"\nlistne = 1\n[pipeline]\nlease = \"soon\"\n[kafak]\na = 1\n",
    )?;
    let bad = setup.clone().env("FULFILLMENT_STORE_ULR", "x");
    let said = bad.run(&["config", "check"]).await?;
    assert_eq!(said.status.code(), Some(1));
    for fault in [
        "http.listen",
        "did you mean listen",
        "pipeline.lease",
        "kafak",
        "did you mean FULFILLMENT_STORE_URL",
    ] {
        assert!(out(&said).contains(fault), "{fault} is not named: {}", out(&said));
    }
    let json: Value = serde_json::from_slice(&bad.run(&["config", "check", "--json"]).await?.stdout)?;
    assert_eq!((&json["ok"], json["problems"].as_array().map(Vec::len)), (&json!(false), Some(5)), "{json}");
    let (code, said) = bad.refused().await?;
    assert_eq!(code, Some(2), "serve does not start with it: {said}");
    Ok(())
}

#[tokio::test]
async fn a_file_of_payments_goes_through_the_same_inbox() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let first = Payment::of(rig::id());
    let again = Payment { payment_id: rig::id(), ..first.clone() };
    let other = Payment { amount: "1".into(), ..first.clone() };
    let mut orders = vec![first.order_id];
    let mut lines =
        vec![first.json(), first.json(), again.json(), other.json(), "not JSON".into(), String::new()];
    for _ in 0..50 {
        let payment = Payment::of(rig::id());
        orders.push(payment.order_id);
        lines.push(payment.json());
    }
    let file = scene.setup.data().join("payments.ndjson");
    std::fs::write(&file, lines.join("\r\n"))?;
    let name = file.display().to_string();
    let said = scene.setup.run(&["ingest", "--json", &name]).await?;
    assert_eq!(said.status.code(), Some(1), "a line could not be read: {}", err(&said));
    let counts: Value = serde_json::from_slice(&said.stdout)?;
    let expected =
        json!({ "new": 51, "duplicate": 1, "alreadyPaid": 1, "quarantined": 1, "deadLettered": 1 });
    assert_eq!(counts, expected);
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 51);
    let good: Vec<_> = lines[6..].to_vec();
    std::fs::write(&file, good.join("\n"))?;
    let said = scene.setup.run(&["ingest", "--json", &name]).await?;
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    assert_eq!(serde_json::from_slice::<Value>(&said.stdout)?["duplicate"], 50);
    assert_eq!(scene.setup.run(&["ingest", "/nowhere"]).await?.status.code(), Some(2));
    scene.settled(&service).await
}

#[tokio::test]
async fn tickets_and_orders_are_shown_by_id_and_by_number() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    scene.wire()?.pay(&Payment::of(order)).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?;
    let by_id: Value =
        serde_json::from_slice(&scene.setup.run(&["ticket", "show", "--json", id]).await?.stdout)?;
    assert_eq!(by_id, service.get_json(&format!("/tickets/{id}")).await?, "the same record as over HTTP");
    let number = by_id["ticketNumber"].as_str().context("a number")?;
    for spelled in [number.to_owned(), number.to_lowercase(), format!("{}-{}", &number[..5], &number[5..])] {
        let shown = scene.setup.run(&["ticket", "show", &spelled]).await?;
        assert_eq!(shown.status.code(), Some(0), "{spelled}: {}", err(&shown));
        assert!(out(&shown).contains(id), "{spelled}");
    }
    let nobody = rig::id().to_string();
    assert_eq!(scene.setup.run(&["ticket", "show", &nobody]).await?.status.code(), Some(1));
    assert_eq!(scene.setup.run(&["ticket", "show", "x"]).await?.status.code(), Some(2));
    assert_eq!(scene.setup.run(&["order", "show", &nobody]).await?.status.code(), Some(1));
    assert_eq!(scene.setup.run(&["order", "show", "x"]).await?.status.code(), Some(2));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_door_needs_the_published_keys_alone() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let code = record["tickets"][0]["qrCodeData"].as_str().context("a code")?;
    let published = scene.setup.data().join("jwks.json");
    std::fs::write(&published, service.get_json("/.well-known/ticket-keys.json").await?.to_string())?;
    let door = Setup::new()?;
    let keys = published.display().to_string();
    assert_eq!(door.run(&["verify", "--keys", &keys, code]).await?.status.code(), Some(0));
    assert_eq!(door.run(&["verify", code]).await?.status.code(), Some(2), "no keys at all");
    scene.settled(&service).await
}

#[tokio::test]
async fn migrate_says_what_is_missing_and_does_it() -> Result<()> {
    for scene in [Scene::embedded().await?, Scene::embedded().await?.with_postgres().await?] {
        let check = scene.setup.run(&["migrate", "--check", "--json"]).await?;
        assert_eq!(check.status.code(), Some(1), "{}", err(&check));
        let pending: Value = serde_json::from_slice(&check.stdout)?;
        assert!(pending["pending"].as_array().is_some_and(|p| !p.is_empty()), "{pending}");
        let early = scene.setup.run(&["order", "show", &rig::id().to_string()]).await?;
        assert_eq!(early.status.code(), Some(2));
        assert!(err(&early).contains("fulfillment migrate"), "{}", err(&early));
        assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0));
        assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0), "again");
        assert_eq!(scene.setup.run(&["migrate", "--check"]).await?.status.code(), Some(0));
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_issues_its_tickets_and_ends() -> Result<()> {
    let setup = Setup::new()?;
    let mut total = 0;
    for _ in 0..2 {
        let said = setup.run(&["demo", "--exit", "--json", "--count", "20"]).await?;
        assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        let outcome: Value = serde_json::from_slice(&said.stdout)?;
        assert_eq!((&outcome["orders"], &outcome["retrying"]), (&json!(20), &json!(1)), "{outcome}");
        assert_eq!(outcome["deadLettered"], 1, "{outcome}");
        let path = outcome["ticketPath"].as_str().context("a ticket's path")?;
        assert_eq!(setup.run(&["verify", path]).await?.status.code(), Some(2), "the keys are the demo's own");
        let keys = setup.data().join("data-demo/keys").display().to_string();
        let own = setup.clone().env("FULFILLMENT_CREDENTIAL_KEYS_DIR", keys);
        assert_eq!(own.run(&["verify", path]).await?.status.code(), Some(0));
        let issued = outcome["issued"].as_u64().context("a count")?;
        assert!((19..=152).contains(&issued), "{outcome}");
        total += issued;
        let files = std::fs::read_dir(setup.data().join("data-demo/tickets"))?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pdf"))
            .count();
        assert_eq!(u64::try_from(files)?, total, "every run draws fresh orders");
    }
    Ok(())
}

#[tokio::test]
async fn a_seed_draws_the_same_demo_again_and_finds_only_duplicates() -> Result<()> {
    let setup = Setup::new()?;
    let run = async || -> Result<Value> {
        let said = setup.run(&["demo", "--exit", "--json", "--count", "10", "--seed", "7"]).await?;
        assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        Ok(serde_json::from_slice(&said.stdout)?)
    };
    let (first, second) = (run().await?, run().await?);
    assert!(first["issued"].as_u64().is_some_and(|issued| issued >= 9), "{first}");
    assert_eq!((&second["issued"], &second["retrying"]), (&json!(0), &json!(0)), "{second}");
    assert!(second["duplicate"].as_u64().is_some_and(|duplicates| duplicates >= 10), "{second}");
    assert_eq!(first["ticketPath"], second["ticketPath"]);
    Ok(())
}

#[tokio::test]
async fn a_drain_that_outlasts_the_session_is_refused() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_KAFKA_BROKERS", "127.0.0.1:9")
        .env("FULFILLMENT_KAFKA_SESSION_TIMEOUT", "10s")
        .env("FULFILLMENT_PIPELINE_DRAIN", "10s");
    let (code, said) = setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("pipeline.drain") && said.contains("kafka.session_timeout"), "{said}");
    Ok(())
}

#[tokio::test]
async fn wrong_use_ends_with_2_and_every_command_has_help() -> Result<()> {
    let setup = Setup::new()?;
    for wrong in
        [vec!["fly"], vec!["serve", "--roles", "cook"], vec!["retry"], vec!["serve", "--config", "/nowhere"]]
    {
        assert_eq!(setup.run(&wrong).await?.status.code(), Some(2), "{wrong:?}");
    }
    for command in [
        "demo", "serve", "migrate", "ingest", "retry", "ticket", "order", "verify", "keys", "config",
        "health",
    ] {
        let help = setup.run(&[command, "--help"]).await?;
        assert_eq!(help.status.code(), Some(0), "{command}");
        assert!(out(&help).contains("Example"), "{command} has an example");
    }
    Ok(())
}
