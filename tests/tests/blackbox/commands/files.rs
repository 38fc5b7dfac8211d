//! Tests of ingesting exported files of payments.

use anyhow::Result;
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use serde_json::{Value, json};

use super::err;

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
    let expected = json!({ "new": 51, "duplicate": 1, "alreadyPaid": 1, "late": 0, "quarantined": 1, "deadLettered": 1, "folded": 0 });
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
async fn files_of_payments_are_read_as_they_were_exported() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let file = scene.setup.data().join("payments.json");
    let name = file.display().to_string();
    let pretty = |json: &str| serde_json::from_str::<Value>(json).map(|value| format!("{value:#}"));
    let utf16 = |text: &str| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    for n in 0..4 {
        let [a, b] = [Payment::of(rig::id()), Payment::of(rig::id())];
        let array = format!("[\n{},\n{}]\n", a.json(), b.json());
        let bytes = match n {
            0 => array.clone().into_bytes(),
            1 => utf16(&array),
            2 => format!("{}\n{}\n", pretty(&a.json())?, pretty(&b.json())?).into_bytes(),
            _ => utf16(&format!("{}\r\n{}", a.json(), b.json())),
        };
        // A truncated file is refused as a whole.
        if n == 0 {
            std::fs::write(&file, &bytes[..bytes.len() - 10])?;
            let said = scene.setup.run(&["ingest", &name]).await?;
            assert_eq!(said.status.code(), Some(2));
            assert!(err(&said).contains("the file's end at line 3"), "{}", err(&said));
            assert!(err(&said).contains("nothing was ingested"), "{}", err(&said));
            assert_eq!(scene.record.number("SELECT count(*) FROM payments").await?, 0);
        }
        std::fs::write(&file, &bytes)?;
        let said = scene.setup.run(&["ingest", "--json", &name]).await?;
        assert_eq!(said.status.code(), Some(0), "{n}: {}", err(&said));
        assert_eq!(serde_json::from_slice::<Value>(&said.stdout)?["new"], 2, "{n}");
        service.order_in(b.order_id, "issued").await?;
    }
    scene.settled(&service).await
}
