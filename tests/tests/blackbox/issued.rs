//! Tests from a payment to an issued ticket, on each store, each file store and in each spelling.

use anyhow::{Context, Result, ensure};
use fulfillment_tests::kafka::Message;
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Setup;
use fulfillment_tests::tools;
use serde_json::Value;
use uuid::Uuid;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Every field of the contract, in camelCase, and its type.
const FIELDS: [(&str, Kind); 24] = [
    ("ticketId", Kind::Guid),
    ("orderId", Kind::Guid),
    ("customerEmail", Kind::Text),
    ("eventName", Kind::Text),
    ("seatNumber", Kind::Text),
    ("price", Kind::Number),
    ("currency", Kind::Text),
    ("ticketPdfUrl", Kind::Text),
    ("qrCodeData", Kind::Text),
    ("issuedAt", Kind::Time),
    ("timestamp", Kind::Time),
    ("ticketNumber", Kind::Text),
    ("paymentId", Kind::Guid),
    ("customerId", Kind::Guid),
    ("eventId", Kind::Guid),
    ("seatId", Kind::TextOrNull),
    ("section", Kind::TextOrNull),
    ("pdfPath", Kind::Text),
    ("qrCode", Kind::Text),
    ("status", Kind::Text),
    ("ticketIndex", Kind::Number),
    ("ticketCount", Kind::Number),
    ("sequence", Kind::Number),
    ("row", Kind::TextOrNull),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Guid,
    Text,
    TextOrNull,
    Number,
    Time,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Guid => value.as_str().is_some_and(|text| text.len() == 36 && text.parse::<Uuid>().is_ok()),
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::Number => value.is_number(),
            Self::Time => value
                .as_str()
                .is_some_and(|text| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()),
        }
    }
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

fn pascal(camel: &str) -> String {
    camel[..1].to_uppercase() + &camel[1..]
}

/// Pays for one seat and checks every step to the verified code.
async fn walk(scene: Scene, spell: fn(&str) -> String) -> Result<()> {
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    let mut bought = seats(order, 1);
    bought["eventName"] = "Żółć & Söhne: Grand Finale".into();
    bought["items"][0]["holderName"] = "Zoë Łukasz".into();
    // A price whose digits a float would lose.
    let answer = bought.to_string().replace("59.5,", "1019.10,").replace("59.5}", "1019.10}");
    scene.ordering.answer(order, [Answer::Text(answer)]);
    let payment = Payment { amount: "1019.10".into(), ..Payment::of(order) };
    let key = order.to_string();
    let headers = [("traceparent", TRACE)];
    wire.kafka.send(&wire.payments, Some(&key), &headers, Some(payment.json().as_bytes())).await?;

    let message = wire.issued(1).await?.remove(0);
    assert_eq!(message.key.as_deref(), Some(key.as_str()), "the key is the order's id");
    let event = message.json()?;
    for (name, kind) in FIELDS {
        let value = event.get(spell(name)).with_context(|| format!("{} is missing: {event}", spell(name)))?;
        assert!(kind.fits(value), "{name} is no {kind:?}: {value}");
    }
    for name in event.as_object().context("an object")?.keys() {
        assert_eq!(spell_back(name, spell), *name, "spelled otherwise than the rest");
    }
    let text = |name: &str| event[spell(name)].as_str().unwrap_or_default().to_owned();
    let raw = String::from_utf8(message.value.clone().unwrap_or_default())?;
    assert!(raw.contains(&format!(r#""{}":1019.10,"#, spell("price"))), "the price's exact digits: {raw}");
    assert_eq!(text("orderId"), key);
    assert_eq!(text("paymentId"), payment.payment_id.to_string());
    assert_eq!(text("customerEmail"), "ada.lovelace@example.org");
    assert_eq!(text("qrCode"), text("qrCodeData"));
    assert_eq!(text("pdfPath"), format!("{}.pdf", text("ticketId")));
    assert_eq!(text("status"), "Generated");
    assert_eq!((&event[spell("ticketIndex")], &event[spell("ticketCount")]), (&1.into(), &1.into()));
    assert_eq!(event[spell("sequence")], 1);
    cloud_event(&message, &text("ticketId"))?;

    let url = text("ticketPdfUrl");
    assert!(url.starts_with(&format!("{}/tickets/{}.pdf?s=", service.base(), text("ticketId"))), "{url}");
    let answer = service.client().get(&url).send().await?.error_for_status()?;
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    let pdf = answer.bytes().await?;
    let page = tools::pdf_text(&pdf)?;
    let squeezed = page.split_whitespace().collect::<String>();
    for expected in
        ["Żółć & Söhne: Grand Finale", "Zoë Łukasz", "Great Hall", "1019.10", &text("ticketId"), &key]
    {
        let wanted = expected.split_whitespace().collect::<String>();
        let plain = squeezed.replace([',', '\u{202f}', '\u{a0}'], "");
        assert!(
            squeezed.contains(&wanted) || plain.contains(&wanted),
            "{expected} is not on the page:\n{page}"
        );
    }
    verified(&scene.setup, &pdf, &text("qrCodeData")).await?;

    let record = service.get_json(&format!("/tickets/{}", text("ticketId"))).await?;
    assert_eq!(record["qrCodeData"], text("qrCodeData"));
    assert_eq!(record["status"], "Generated");
    assert_eq!(record["flags"], serde_json::json!([]));
    scene.settled(&service).await
}

/// A name has the right spelling if spelling it again changes nothing.
fn spell_back(name: &str, spell: fn(&str) -> String) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default();
    let camel = words.fold(first[..1].to_lowercase() + &first[1..], |all, word| all + &pascal(word));
    spell(&camel)
}

fn cloud_event(message: &Message, ticket: &str) -> Result<()> {
    let header = |name: &str| message.header(name).with_context(|| format!("there is no header {name}"));
    assert_eq!(header("ce_specversion")?, "1.0");
    assert_eq!(header("ce_type")?, "ticket-issued");
    assert_eq!(header("ce_subject")?, ticket);
    assert!(!header("ce_source")?.is_empty());
    assert_eq!(header("ce_id")?.parse::<Uuid>()?.get_version_num(), 5);
    header("ce_time")?.parse::<jiff::Timestamp>()?;
    assert_eq!(header("content-type")?, "application/json");
    // The trace is the same; the span may be another.
    ensure!(header("traceparent")?.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "another trace");
    Ok(())
}

/// Checks that the code on the page is the event's, and is valid as text, as a picture and as a PDF.
async fn verified(setup: &Setup, pdf: &[u8], code: &str) -> Result<()> {
    assert_eq!(tools::scan(pdf)?, [code], "what zbarimg reads on the page");
    let file = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = setup.data().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    for input in [code.to_owned(), file("ticket.pdf", pdf)?, file("ticket.png", &tools::picture(pdf)?)?] {
        let said = setup.run(&["verify", "--json", &input]).await?;
        let answer: Value = serde_json::from_slice(&said.stdout)?;
        assert_eq!((said.status.code(), &answer["verdict"]), (Some(0), &"valid".into()), "{input}: {answer}");
    }
    let middle = code.len() / 2;
    let other = if &code[middle..=middle] == "A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &code[..middle], &code[middle + 1..]);
    for bad in [changed.as_str(), "TK1:", "TK1:NOT A CODE"] {
        assert_eq!(setup.run(&["verify", bad]).await?.status.code(), Some(1), "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn the_csharp_notification_reads_its_snake_case_from_sqlite_and_a_folder() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?.set("FULFILLMENT_KAFKA_SPELLING", "snake_case");
    walk(scene, snake).await
}

#[tokio::test]
async fn a_ticket_is_issued_in_camel_case_from_postgresql_and_a_folder() -> Result<()> {
    walk(Scene::platform().await?, str::to_owned).await
}

#[tokio::test]
async fn a_ticket_is_issued_in_pascal_case_from_postgresql_and_s3() -> Result<()> {
    let mut scene = Scene::platform().await?.set("FULFILLMENT_KAFKA_SPELLING", "PascalCase");
    scene.setup = scene.setup.files(&rig::s3()?);
    walk(scene, pascal).await
}

#[tokio::test]
async fn a_ticket_is_issued_from_sqlite_and_s3() -> Result<()> {
    let mut scene = Scene::embedded().await?.with_kafka().await?;
    scene.setup = scene.setup.files(&rig::s3()?);
    walk(scene, str::to_owned).await
}

#[tokio::test]
async fn a_ticket_is_issued_from_postgresql_and_azure() -> Result<()> {
    let mut scene = Scene::platform().await?;
    scene.setup = scene.setup.files(&rig::azurite()?);
    walk(scene, str::to_owned).await
}

#[tokio::test]
async fn the_newer_group_protocol_works_as_well() -> Result<()> {
    let scene =
        Scene::embedded().await?.with_kafka().await?.set("FULFILLMENT_KAFKA_GROUP_PROTOCOL", "consumer");
    walk(scene, str::to_owned).await
}
