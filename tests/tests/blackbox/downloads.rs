//! Tests of downloads over HTTP: a ticket as a file, healed, delivered, voided, and every other answer.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

async fn issued(scene: &Scene, service: &Service) -> Result<(Uuid, Value)> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let mut record = service.order_in(order, "issued").await?;
    Ok((order, record["tickets"][0].take()))
}

fn id_of(ticket: &Value) -> &str {
    ticket["id"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_lost_file_is_missing_once_and_then_the_same_again() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let (_, ticket) = issued(&scene, &service).await?;
    let path = format!("/tickets/{}.pdf", id_of(&ticket));
    let before = service.get(&path).await?.error_for_status()?.bytes().await?;
    let file = scene.tickets_folder().join(format!("{}.pdf", id_of(&ticket)));
    for damage in [None, Some("damaged")] {
        match damage {
            None => std::fs::remove_file(&file)?,
            Some(content) => std::fs::write(&file, content)?,
        }
        let missing = service.get(&path).await?;
        assert_eq!(missing.status(), 404, "{damage:?}");
        let problem: Value = missing.json().await?;
        assert_eq!(problem["type"], "urn:fulfillment:problem:no-file");
        let after = eventually(PATIENCE, "the file is drawn again", async || {
            let response = service.get(&path).await?;
            Ok(if response.status() == 200 { Some(response.bytes().await?) } else { None })
        })
        .await?;
        assert_eq!(before, after, "the same bytes");
    }
    scene.settled(&service).await
}

/// The machine's fonts change with its packages; the store keeps those that the page was drawn with.
#[tokio::test]
async fn a_lost_file_is_the_same_again_when_the_fonts_are_others() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = rig::id();
    let mut answer = one_seat(order);
    answer["eventName"] = json!("ليلة الشعر");
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let ticket = service.order_in(order, "issued").await?["tickets"][0].take();
    let path = format!("/tickets/{}.pdf", id_of(&ticket));
    let before = service.get(&path).await?.error_for_status()?.bytes().await?;
    service.stop(PATIENCE).await?;

    // Other fonts with the same names, without Arabic letters.
    let fonts = scene.setup.data().join("fonts");
    std::fs::create_dir(&fonts)?;
    for weight in ["Regular", "Bold"] {
        let hebrew = format!("/usr/share/fonts/truetype/noto/NotoSansHebrew-{weight}.ttf");
        let other = fonts.join(format!("NotoSansArabic-{weight}.ttf"));
        std::fs::copy(hebrew, other).context("install it: apt-get install fonts-noto-core")?;
    }
    std::fs::remove_file(scene.tickets_folder().join(format!("{}.pdf", id_of(&ticket))))?;
    let scene = scene.set("FULFILLMENT_DOCUMENT_FONTS", fonts.to_string_lossy());
    let service = scene.start().await?;
    assert_eq!(service.get(&path).await?.status(), 404);
    let after = eventually(PATIENCE, "the file is drawn again", async || {
        let response = service.get(&path).await?;
        Ok(if response.status() == 200 { Some(response.bytes().await?) } else { None })
    })
    .await?;
    assert!(before == after, "the same bytes");
    let (_, today) = issued(&scene, &service).await?;
    assert_ne!(today["renderer"], ticket["renderer"], "new tickets are drawn with today's fonts");
    scene.settled(&service).await
}

/// The service does not overwrite an object by default: a damaged object must nevertheless be replaced, and so must one
/// that a worker stored before it died, drawn with other fonts.
async fn objects_give_way(files: &rig::ObjectStore) -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let service = scene.setup.clone().files(files).start().await?;
    let (order, ticket) = issued(&scene, &service).await?;
    let path = format!("/tickets/{}.pdf", id_of(&ticket));
    let before = service.get(&path).await?.error_for_status()?.bytes().await?;
    let rename = |name: &str| {
        format!("UPDATE tickets SET holder_name = '{name}', sha256 = decode(repeat('00', 32), 'hex')")
    };
    scene.database()?.execute(&rename("Damaged Object")).await?;
    assert_eq!(service.get(&path).await?.status(), 404, "what is there is not what is recorded");
    let after = eventually(PATIENCE, "the object is replaced", async || {
        let response = service.get(&path).await?;
        Ok(if response.status() == 200 { Some(response.bytes().await?) } else { None })
    })
    .await?;
    assert_ne!(before, after);

    // As after a crash between the file and its row.
    let undone = format!(
        "{}, status = 'Pending'; DELETE FROM outbox; \
         UPDATE orders SET state = 'enriched', due_at = now()",
        rename("Other Fonts")
    );
    scene.database()?.execute(&undone).await?;
    let record = service.order_in(order, "issued").await?;
    assert_eq!((&record["tickets"][0]["id"], &record["attempts"]), (&ticket["id"], &json!(0)));
    let last = service.get(&path).await?.error_for_status()?.bytes().await?;
    assert!(last != after && last != before);
    scene.settled(&service).await
}

#[tokio::test]
async fn objects_in_s3_give_way() -> Result<()> {
    objects_give_way(&rig::s3()?).await
}

#[tokio::test]
async fn objects_in_azure_give_way() -> Result<()> {
    objects_give_way(&rig::azurite()?).await
}

/// Tests the checker itself, which must find a fault.
#[tokio::test]
async fn a_check_at_the_end_of_a_test_sees_a_changed_a_lost_and_a_stray_file() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let (_, ticket) = issued(&scene, &service).await?;
    scene.settled(&service).await?;
    let file = scene.tickets_folder().join(format!("{}.pdf", id_of(&ticket)));
    let pdf = std::fs::read(&file)?;
    std::fs::write(&file, b"%PDF-another")?;
    assert!(scene.settled(&service).await.unwrap_err().to_string().contains("is not the file"));
    std::fs::remove_file(&file)?;
    assert!(scene.settled(&service).await.unwrap_err().to_string().contains("0 files for 1 tickets"));
    std::fs::write(&file, &pdf)?;
    scene.settled(&service).await?;
    std::fs::write(scene.tickets_folder().join(format!("{}.pdf", rig::id())), pdf)?;
    assert!(scene.settled(&service).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_ticket_is_delivered_by_http_and_by_topic() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let (_, by_http) = issued(&scene, &service).await?;
    let (_, by_topic) = issued(&scene, &service).await?;
    let path = format!("/tickets/{}", id_of(&by_http));
    let word = r#"{"channel":"email","deliveredAt":"2026-11-23T09:00:00Z"}"#;
    let answer: Value =
        service.post(&format!("{path}/delivered"), word).await?.error_for_status()?.json().await?;
    assert_eq!((&answer["status"], &answer["deliveryChannel"]), (&json!("Delivered"), &json!("email")));
    // A repeat changes nothing.
    let again = service.post(&format!("{path}/delivered"), r#"{"channel":"sms"}"#).await?;
    let again: Value = again.error_for_status()?.json().await?;
    assert_eq!(
        (&again["deliveryChannel"], &again["deliveredAt"]),
        (&answer["deliveryChannel"], &answer["deliveredAt"])
    );
    let nobody = service.post(&format!("/tickets/{}/delivered", rig::id()), "").await?;
    assert_eq!(nobody.status(), 404);

    let wire = scene.wire()?;
    let word = json!({ "TicketId": id_of(&by_topic), "Channel": "sms" }).to_string();
    wire.kafka.send(&wire.delivered, None, &[], Some(b"nonsense")).await?;
    wire.kafka.send(&wire.delivered, None, &[], Some(word.as_bytes())).await?;
    let path = format!("/tickets/{}", id_of(&by_topic));
    eventually(PATIENCE, "the topic's word", async || {
        let ticket = service.get_json(&path).await?;
        Ok((ticket["status"] == "Delivered").then_some(()))
    })
    .await?;
    assert_eq!(service.get(&format!("{path}.pdf")).await?.status(), 200, "a delivered ticket is still there");
    scene.settled(&service).await
}

#[tokio::test]
async fn a_voided_ticket_is_gone() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let service = scene.start().await?;
    scene.leaves("a ticket is voided in the record alone");
    let (_, ticket) = issued(&scene, &service).await?;
    let id = id_of(&ticket);
    scene.database()?.execute(&format!("UPDATE tickets SET voided_at = now() WHERE id = '{id}'")).await?;
    let gone = service.get(&format!("/tickets/{id}.pdf")).await?;
    assert_eq!(gone.status(), 410);
    assert_eq!(gone.json::<Value>().await?["type"], "urn:fulfillment:problem:ticket-voided");
    assert!(service.get_json(&format!("/tickets/{id}")).await?["voidedAt"].is_string());
    Ok(())
}

#[tokio::test]
async fn a_pending_ticket_says_when_to_come_back_and_a_failed_one_that_it_failed() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let service = scene.start().await?;
    scene.leaves("a ticket is taken back to an earlier status in the record");
    let (_, ticket) = issued(&scene, &service).await?;
    let id = id_of(&ticket);
    for (status, code, kind) in [("Pending", 409, "ticket-pending"), ("Failed", 404, "ticket-failed")] {
        scene
            .database()?
            .execute(&format!("UPDATE tickets SET status = '{status}' WHERE id = '{id}'"))
            .await?;
        let answer = service.get(&format!("/tickets/{id}.pdf")).await?;
        assert_eq!(answer.status(), code);
        assert_eq!(answer.headers().contains_key("retry-after"), code == 409);
        assert_eq!(answer.json::<Value>().await?["type"], format!("urn:fulfillment:problem:{kind}"));
    }
    for (path, code) in [
        ("/tickets/7".to_owned(), 400),
        ("/tickets/not-a-guid.pdf".to_owned(), 400),
        (format!("/tickets/{}", rig::id()), 404),
        (format!("/orders/{}", rig::id()), 404),
        ("/orders/7/tickets".to_owned(), 400),
        ("/nowhere".to_owned(), 404),
    ] {
        let answer = service.get(&path).await?;
        assert_eq!(answer.status(), code, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.json::<Value>().await?["status"], code, "{path}");
    }
    assert_eq!(service.post(&format!("/tickets/{id}"), "{}").await?.status(), 405);
    Ok(())
}

#[tokio::test]
async fn a_file_has_a_tag_a_name_and_parts() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let (order, ticket) = issued(&scene, &service).await?;
    let path = format!("/tickets/{}", id_of(&ticket));
    let whole = service.get(&path).await?;
    let headers = whole.headers().clone();
    let pdf = whole.bytes().await?;
    let tag = headers["etag"].to_str()?.to_owned();
    assert_eq!(tag, format!("\"{}\"", hex::encode(Sha256::digest(&pdf))));
    assert_eq!(headers["cache-control"], "private, no-store");
    let name = headers["content-disposition"].to_str()?;
    assert!(name.contains("Analytical Engines, Live") && name.contains(".pdf"), "{name}");
    assert_eq!(service.asking(&path).header("if-none-match", &tag).send().await?.status(), 304);

    let head = service.client().head(format!("{}{path}", service.base())).bearer_auth(TOKEN).send().await?;
    assert_eq!((head.status().as_u16(), &head.headers()["etag"]), (200, &headers["etag"]));
    assert_eq!(head.headers()["content-length"], pdf.len().to_string());
    assert!(head.bytes().await?.is_empty());

    let part = service.asking(&path).header("range", "bytes=0-4").send().await?;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 0-4/{}", pdf.len()));
    assert_eq!(part.bytes().await?, "%PDF-");
    let beyond = service.asking(&path).header("range", "bytes=99999999-").send().await?;
    assert_eq!(beyond.status(), 416);

    let record = service.get_json(&path).await?;
    for name in [
        "id",
        "orderId",
        "customerEmail",
        "eventName",
        "seat",
        "price",
        "currency",
        "status",
        "qrCodeData",
        "ticketPdfPath",
        "generatedAt",
        "createdAt",
        "updatedAt",
    ] {
        assert!(!record[name].is_null(), "{name} is missing: {record}");
    }
    let tickets = service.get_json(&format!("/orders/{order}/tickets")).await?;
    assert_eq!(tickets["tickets"][0]["id"], ticket["id"]);
    assert_eq!(service.get_json("/openapi.json").await?["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    assert!(service.get("/docs").await?.text().await?.contains("id=\"viewer\""));
    scene.settled(&service).await
}

#[tokio::test]
async fn the_holders_first_download_is_noted_and_nobody_elses() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let service = scene.start().await?;
    let (_, ticket) = issued(&scene, &service).await?;
    let event = scene.wire()?.issued(1).await?.remove(0).json()?;
    let url = event["ticketPdfUrl"].as_str().context("a link")?;
    let path = format!("/tickets/{}", id_of(&ticket));
    service.get(&format!("{path}.pdf")).await?.error_for_status()?;
    service.client().head(url).send().await?.error_for_status()?;
    service.client().get(url).header("range", "bytes=0-9").send().await?.error_for_status()?;
    assert!(service.get_json(&path).await?["firstDownloadedAt"].is_null());
    service.client().get(url).send().await?.error_for_status()?;
    let first = service.get_json(&path).await?["firstDownloadedAt"].clone();
    assert!(first.is_string());
    service.client().get(url).send().await?.error_for_status()?;
    assert_eq!(service.get_json(&path).await?["firstDownloadedAt"], first);
    scene.settled(&service).await
}
