//! Tests of erasure: personal data is erased everywhere and permanently, and the code in circulation stays valid.

use std::path::Path;

use anyhow::{Context, Result};
use fulfillment_credential::{KeySet, read_statement};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use uuid::Uuid;

const BUYER: &str = "mary.shelley@example.org";
const HOLDERS: [&str; 2] = ["Percy Bysshe", "Lord Byron"];

#[tokio::test]
async fn an_order_is_erased_and_stays_so_when_the_topic_is_read_again() -> Result<()> {
    erased(Scene::platform().await?).await
}

#[tokio::test]
async fn an_order_is_erased_from_the_embedded_store_too() -> Result<()> {
    erased(Scene::embedded().await?.with_kafka().await?).await
}

fn order_of_mary(order: Uuid) -> Value {
    let mut value = seats(order, 2);
    value["customerEmail"] = json!(BUYER);
    for (n, holder) in HOLDERS.iter().enumerate() {
        value["items"][n]["holderName"] = json!(holder);
    }
    value
}

/// Every word that identifies Mary and her guests.
fn words(payment: &Payment) -> Vec<String> {
    let customer = payment.customer_id.to_string();
    HOLDERS.iter().map(|h| (*h).to_owned()).chain([BUYER.to_owned(), customer]).collect()
}

/// Where these words still occur: tables of PostgreSQL, or files of the embedded store.
async fn traces(record: &Record, words: &[String]) -> Result<Vec<String>> {
    match record {
        Record::Postgres(database) => in_tables(database, words).await,
        Record::Sqlite(file) => in_files(file.parent().context("a folder")?, words),
    }
}

async fn in_tables(database: &Database, words: &[String]) -> Result<Vec<String>> {
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'bc_fulfillment'";
    let mut found = Vec::new();
    for table in database.rows(tables).await? {
        let table = table["table_name"].as_str().context("a name")?.to_owned();
        for word in words {
            // A row's text shows bytes as hexadecimal digits.
            let sql = format!(
                "SELECT count(*) FROM \"{table}\" t WHERE t::text LIKE '%{word}%' OR t::text LIKE '%{}%'",
                hex::encode(word)
            );
            if database.number(&sql).await? > 0 {
                found.push(format!("{word} in {table}"));
            }
        }
    }
    Ok(found)
}

fn in_files(folder: &Path, words: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if name.starts_with("fulfillment.db") {
            let content = std::fs::read(&path)?;
            let stands = |word: &&String| content.windows(word.len()).any(|w| w == word.as_bytes());
            found.extend(words.iter().filter(stands).map(|word| format!("{word} in {name}")));
        }
    }
    Ok(found)
}

async fn run(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
}

async fn erased(scene: Scene) -> Result<()> {
    let mut service = scene.start().await?;
    let (order, other) = (rig::id(), rig::id());
    scene.ordering.answer(order, [Answer::Json(order_of_mary(order))]);
    scene.ordering.answer(other, [Answer::Json(one_seat(other))]);
    let (payment, of_other) = (Payment::of(order), Payment::of(other));
    let wire = scene.wire()?;
    wire.pay(&payment).await?;
    wire.pay(&of_other).await?;
    let letter = format!(r#"{{"orderId":7,"customerEmail":"{BUYER}"}}"#);
    wire.kafka.send(&wire.payments, None, &[], Some(letter.as_bytes())).await?;
    let told = wire.issued(3).await?;
    wire.dead(1).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?.to_owned();
    let reissue = ["ticket", "reissue", &id, "--expected-generation", "0", "--reason", "for Percy Bysshe"];
    assert_eq!(run(&scene, &reissue).await?.0, Some(0));
    wire.told(&wire.reissued, 1).await?;
    scene.settled(&service).await?;
    let event = told.iter().find(|m| {
        m.header("ce_subject").is_some_and(|s| s != id) && m.key.as_deref() == Some(&order.to_string())
    });
    let event = event.context("an event of the other ticket")?.json()?;
    let (link, code) =
        (event["ticketPdfUrl"].as_str().context("a link")?, event["qrCodeData"].as_str().context("a code")?);
    assert_eq!(service.client().get(link).send().await?.status(), 200);
    let words = words(&payment);
    assert!(!traces(&scene.record, &words).await?.is_empty(), "what is looked for can be found");

    let upper = BUYER.to_uppercase();
    let dry = run(&scene, &["erase", "--email", &upper, "--dry-run"]).await?;
    assert_eq!(dry, (Some(0), json!({ "orders": [order], "tickets": 2, "letters": 1, "similar": [] })));
    assert_eq!(service.client().get(link).send().await?.status(), 200, "nothing was done");
    let file = scene.setup.data().join("receipt.jws");
    let receipt_file = file.display().to_string();
    let (ended, done) =
        run(&scene, &["erase", "--yes", "--email", &upper, "--receipt", &receipt_file]).await?;
    assert_eq!(ended, Some(0), "{done}");
    assert_eq!((&done["orders"][0]["orderId"], &done["letters"]), (&json!(order), &json!(1)), "{done}");

    // The receipt is signed by the published keys, states what was done, and has no personal data.
    let text = std::fs::read_to_string(&file)?;
    assert_eq!(text.trim(), done["receipt"]);
    let keys = KeySet::from_jwks(&service.get_json("/.well-known/ticket-keys.json").await?)?;
    let said = read_statement(&text, "fulfillment-erasure+jwt", &keys).context("a signed receipt")?;
    assert_eq!(said["orders"], done["orders"]);
    assert_eq!(said["orders"][0]["tickets"].as_array().map(Vec::len), Some(2));
    assert!(said["beyond"][0].as_str().is_some_and(|s| s.contains("broker")), "{said}");
    assert!(words.iter().all(|word| !said.to_string().contains(word)));

    // The code is still valid at the door; the page is gone.
    assert_eq!(scene.setup.run(&["verify", code]).await?.status.code(), Some(0));
    let over = service.client().get(link).send().await?;
    assert_eq!(over.status(), 410);
    assert_eq!(over.json::<Value>().await?["type"], "urn:fulfillment:problem:ticket-erased");
    let tickets =
        scene.record.texts("SELECT CAST(id AS TEXT) FROM tickets WHERE erased_at IS NOT NULL").await?;
    assert_eq!(tickets.len(), 2);
    let left = async || -> Result<usize> {
        let mut files = 0;
        for entry in std::fs::read_dir(scene.tickets_folder())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            files += usize::from(tickets.iter().any(|id| name.starts_with(id)));
        }
        Ok(files)
    };
    assert_eq!(left().await?, 0, "of no generation");
    assert!(!service.log().contains(BUYER), "nor does the log tell");
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    assert_eq!(traces(&scene.record, &words).await?, [""; 0]);

    // The topic is read again from its start.
    let group = rig::unique("group");
    let mut again = scene.setup.clone().env("FULFILLMENT_KAFKA_GROUP_ID", &group).start().await?;
    let wire = scene.wire()?;
    eventually(PATIENCE, "the topic is read again", async || {
        let (ends, committed) =
            (wire.kafka.ends(&wire.payments).await?, wire.kafka.committed(&group, &wire.payments).await?);
        let read = ends
            .iter()
            .filter(|(_, (low, high))| low < high)
            .all(|(p, (_, high))| committed.get(p) == Some(high));
        Ok(read.then_some(()))
    })
    .await?;
    let second = Payment { customer_id: payment.customer_id, ..Payment::of(order) };
    again.pay(second.json()).await?;
    scene.settled(&again).await?;
    let record = again.order_in(order, "issued").await?;
    assert_eq!(record["payments"][0]["duplicates"], 1, "{record}");
    assert_eq!(scene.ordering.calls(order), 1, "nobody is asked about it again");
    assert_eq!(left().await?, 0);
    assert_eq!(again.get(&format!("/orders/{order}/tickets.pdf")).await?.status(), 410);
    assert!(record["erasedAt"].is_string(), "{record}");
    assert!(again.stop(PATIENCE).await?.success());
    assert_eq!(traces(&scene.record, &words).await?, [""; 0]);

    let (ended, done) = run(&scene, &["erase", "--yes", "--order", &order.to_string()]).await?;
    assert_eq!((ended, &done["orders"][0]["events"]), (Some(0), &json!(0)), "done again, it changes nothing");
    assert_eq!(run(&scene, &["erase", "--email", BUYER]).await?.0, Some(1), "there is nothing of it");
    assert_eq!(run(&scene, &["erase", "--order", &rig::id().to_string()]).await?.0, Some(1));
    assert_eq!(run(&scene, &["erase"]).await?.0, Some(2));
    scene.leaves("no service runs to send what these commands announce");
    every_command_says_so(&scene, &order.to_string(), &id).await?;
    assert_eq!(traces(&scene.record, &words).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn past_events_are_erased_where_a_setting_says_so() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let (past, coming) = (rig::id(), rig::id());
    for (order, starts) in [(past, "2001-05-14T19:30:00Z"), (coming, "2999-05-14T19:30:00Z")] {
        let mut value = order_of_mary(order);
        value["eventStartsAt"] = json!(starts);
        scene.ordering.answer(order, [Answer::Json(value)]);
        service.pay(Payment::of(order).json()).await?;
        service.order_in(order, "issued").await?;
    }
    assert!(service.stop(PATIENCE).await?.success());
    let mut again = scene.setup.clone().env("FULFILLMENT_PIPELINE_ERASE_AFTER", "90days").start().await?;
    let record =
        again.order_when(past, "the past event erased", |r| !r["tickets"][1]["erasedAt"].is_null()).await?;
    assert_eq!((&record["tickets"][0]["holderName"], &record["state"]), (&Value::Null, &json!("issued")));
    let record = again.order_in(coming, "issued").await?;
    assert_eq!(record["tickets"][0]["holderName"], HOLDERS[0], "the coming one stands");
    eventually(PATIENCE, "its files are gone", async || {
        let pdfs = std::fs::read_dir(scene.tickets_folder())?
            .filter_map(Result::ok)
            .filter(|e| e.path().extension().is_some_and(|x| x == "pdf"));
        Ok((pdfs.count() == 2).then_some(()))
    })
    .await?;
    scene.settled(&again).await?;
    assert!(again.stop(PATIENCE).await?.success());
    Ok(())
}

/// Every command reports that an order is erased.
async fn every_command_says_so(scene: &Scene, order: &str, id: &str) -> Result<()> {
    for (arguments, code) in [
        (&["order", "show", order][..], 0),
        (&["ticket", "show", id], 0),
        (&["retry", "--order", order], 1),
        (&["retry", "--ticket", id], 1),
        (&["order", "reinstate", order], 1),
        (&["ticket", "reissue", id, "--expected-generation", "1"], 1),
        (&["order", "cancel", order, "--yes"], 0),
    ] {
        let said = scene.setup.run(arguments).await?;
        let text =
            String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains("erased"), "{arguments:?}: {text}");
    }
    Ok(())
}
