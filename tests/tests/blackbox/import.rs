//! Tests of import from an earlier service: its tickets count as issued, and the topic does not issue them again.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Setup;
use serde_json::{Value, json};
use uuid::Uuid;

const EVENT: &str = "6f1c1f0e-53a1-4c5e-9a52-0c5d7f3f1a11";

/// An earlier ticket: its id, its order, its status, its seat.
struct Earlier(Uuid, Uuid, &'static str, &'static str);

impl Earlier {
    fn code(&self) -> String {
        format!("{}:{}:{EVENT}", self.1, self.3)
    }
}

async fn run(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    let answer = serde_json::from_slice(&output.stdout);
    Ok((output.status.code(), answer.unwrap_or_else(|_| String::from_utf8_lossy(&output.stderr).into())))
}

/// Three orders: one whole, one whose file is lost, one that had failed.
fn tickets() -> [Earlier; 3] {
    [
        Earlier(rig::id(), rig::id(), "Generated", "Section A, Row 5, Seat 12"),
        Earlier(rig::id(), rig::id(), "Delivered", "VIP - A1"),
        Earlier(rig::id(), rig::id(), "Failed", "A-01"),
    ]
}

#[tokio::test]
async fn the_earlier_table_is_adopted_before_the_first_poll() -> Result<()> {
    let scene = Scene::platform().await?.set("FULFILLMENT_STORE_SCHEMA", "fulfillment");
    let tickets = tickets();
    // As the earlier service's framework created it.
    scene
        .database()?
        .execute(
            r#"CREATE SCHEMA bc_fulfillment; CREATE TABLE bc_fulfillment."Tickets" ("Id" uuid PRIMARY KEY,
            "OrderId" uuid, "CustomerEmail" text, "EventName" text, "Seat" text, "Price" numeric(18,2),
            "Currency" text, "Status" text, "QrCodeData" text, "TicketPdfPath" text,
            "GeneratedAt" timestamp, "CreatedAt" timestamp, "UpdatedAt" timestamp)"#,
        )
        .await?;
    for ticket in &tickets {
        let Earlier(id, order, status, seat) = ticket;
        let sql = format!(
            "INSERT INTO bc_fulfillment.\"Tickets\" VALUES ('{id}', '{order}', 'ada@example.org', 'Gala', '{seat}', \
             59.50, 'EUR', '{status}', '{}', '/app/data/tickets/{id}.pdf', now(), now(), now())",
            ticket.code()
        );
        scene.database()?.execute(&sql).await?;
    }
    let url = scene.database()?.url().to_owned();
    let from = ["import", "--from", &url, "--table", "bc_fulfillment.Tickets"];
    adopted(&scene, &tickets, &from).await?;
    let table = "SELECT count(*) FROM bc_fulfillment.\"Tickets\"";
    assert_eq!(scene.database()?.number(table).await?, 3, "it is only read");
    Ok(())
}

#[tokio::test]
async fn an_earlier_file_is_adopted_before_the_first_poll() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let tickets = tickets();
    let headings =
        "id;order_id;customer_email;event_name;seat;price;currency;status;qr_code_data;ticket_pdf_path";
    let line = |ticket: &Earlier| {
        let (Earlier(id, order, status, seat), code) = (ticket, ticket.code());
        let rest = format!("59.50;EUR;{status};\"{code}\";/app/data/tickets/{id}.pdf");
        format!("{id};{order};ada@example.org;Gala;\"{seat}\";{rest}")
    };
    let lines: Vec<_> = std::iter::once(headings.to_owned()).chain(tickets.iter().map(line)).collect();
    // As a spreadsheet saves it where the comma is the decimal separator.
    let csv = format!("\u{feff}{}", lines.join("\r\n"));
    let file = scene.setup.data().join("tickets.csv");
    std::fs::write(&file, &csv)?;
    let file = file.display().to_string();
    let bad = scene.setup.data().join("bad.csv");
    std::fs::write(&bad, csv.replace("59.50", "much"))?;
    assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0));
    let (code, said) = run(&scene, &["import", "--csv", &bad.display().to_string()]).await?;
    assert_eq!(code, Some(2));
    assert!(said.as_str().is_some_and(|s| s.contains("row 1: price")), "{said}");
    adopted(&scene, &tickets, &["import", "--csv", &file]).await
}

#[tokio::test]
async fn a_row_cannot_make_the_service_serve_a_file_of_this_machine() -> Result<()> {
    let scene = Scene::embedded().await?;
    let folder = scene.setup.data().join("earlier");
    std::fs::create_dir(&folder)?;
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.pdf"))?;
    std::fs::write(folder.join("text.pdf"), "no page")?;
    let paths = ["/etc/passwd", "link.pdf", "text.pdf", "../../../../../../etc/passwd"];
    let tickets: Vec<_> =
        paths.iter().enumerate().map(|(n, path)| (rig::id(), format!("A-0{n}"), *path)).collect();
    let headings =
        "id,order_id,customer_email,event_name,seat,price,currency,status,qr_code_data,ticket_pdf_path";
    let rows = tickets.iter().map(|(id, seat, path)| {
        let order = rig::id();
        format!("{id},{order},ada@example.org,Gala,{seat},59.50,EUR,Generated,{order}:{seat}:{EVENT},{path}")
    });
    let csv: Vec<_> = std::iter::once(headings.to_owned()).chain(rows).collect();
    let file = scene.setup.data().join("tickets.csv");
    std::fs::write(&file, csv.join("\n"))?;
    let (file, folder) = (file.display().to_string(), folder.display().to_string());
    assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0));
    let (code, said) = run(&scene, &["import", "--csv", &file, "--files", &folder]).await?;
    assert_eq!((code, &said["tickets"]), (Some(1), &json!(4)), "{said}");
    let missing = said["withoutFile"].as_array().context("a list")?;
    assert!(missing.len() == 2 && [0, 3].iter().all(|n| missing.contains(&json!(tickets[*n].0))), "{said}");
    let refused = said["refusedFiles"].as_array().context("a list")?;
    assert_eq!(refused.len(), 2, "{said}");
    for (n, why) in [(1, "a link leads out"), (2, "not a PDF")] {
        let of = |file: &&Value| file["ticket"] == tickets[n].0.to_string();
        let reason = refused.iter().find(of).and_then(|file| file["reason"].as_str());
        assert!(reason.is_some_and(|reason| reason.contains(why)), "{said}");
    }

    let service = scene.start().await?;
    scene.leaves("nobody announces the tickets of an earlier service");
    for (id, ..) in &tickets {
        assert_eq!(service.get(&format!("/tickets/{id}.pdf")).await?.status(), 404);
    }
    Ok(())
}

/// A file that has headings alone, or rows alone and the first taken for headings, is not the one that was meant.
#[tokio::test]
async fn a_source_without_rows_is_no_success() -> Result<()> {
    let setup = Setup::new()?;
    assert_eq!(setup.run(&["migrate"]).await?.status.code(), Some(0));
    let file = setup.data().join("tickets.csv");
    let name = file.display().to_string();
    for text in ["", "id,order_id,customer_email,event_name,seat,price\n", "id;seat\n ; \n", "sep=;\n"] {
        std::fs::write(&file, text)?;
        for arguments in [vec!["import", "--csv", &name], vec!["import", "--json", "--csv", &name]] {
            let said = setup.run(&arguments).await?;
            let error = String::from_utf8_lossy(&said.stderr).into_owned();
            assert_eq!(said.status.code(), Some(1), "{text:?}: {error}");
            assert!(error.contains("tickets.csv has no rows") && said.stdout.is_empty(), "{text:?}: {error}");
        }
    }
    assert!(!setup.data().join("keys").exists(), "nothing was begun");
    Ok(())
}

async fn adopted(scene: &Scene, tickets: &[Earlier; 3], import: &[&str]) -> Result<()> {
    let [whole, lost, failed] = tickets;
    let folder = scene.setup.data().join("earlier");
    std::fs::create_dir(&folder)?;
    let pdf = b"%PDF-1.4 as it was printed then";
    std::fs::write(folder.join(format!("{}.pdf", whole.0)), pdf)?;
    let folder = folder.display().to_string();
    let import = [import, &["--files", &folder]].concat();
    assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0));
    // The topic has all payments before the new service is first started.
    let payments: Vec<_> = tickets.iter().map(|t| Payment::of(t.1)).collect();
    for payment in &payments {
        scene.wire()?.pay(payment).await?;
    }
    let (code, said) = run(scene, &import).await?;
    assert_eq!(code, Some(1), "a file was not found: {said}");
    assert_eq!(
        (&said["orders"], &said["tickets"], &said["notIssued"]),
        (&json!(2), &json!(2), &json!(1)),
        "{said}"
    );
    assert_eq!(said["withoutFile"], json!([lost.0]));
    let (code, said) = run(scene, &import).await?;
    assert_eq!((code, &said["known"]), (Some(0), &json!(2)), "again, it changes nothing: {said}");

    scene.ordering.answer(failed.1, [Answer::Json(one_seat(failed.1))]);
    let service = scene.start().await?;
    scene.leaves("this service has not announced the tickets of the earlier one");
    let record = service.order_in(failed.1, "issued").await?;
    assert_ne!(record["tickets"][0]["id"], failed.0.to_string(), "what had failed is issued now");
    for (ticket, payment) in [(whole, &payments[0]), (lost, &payments[1])] {
        let record = service.order_when(ticket.1, "its payment", |r| r["payments"][0].is_object()).await?;
        assert_eq!(record["payments"][0]["key"], payment.payment_id.to_string());
        assert_eq!(
            (&record["state"], record["tickets"].as_array().map(Vec::len)),
            (&json!("issued"), Some(1))
        );
        assert_eq!(record["tickets"][0]["id"], ticket.0.to_string());
        assert_eq!(scene.ordering.calls(ticket.1), 0, "nobody is asked");
    }
    assert_eq!(scene.wire()?.issued(1).await?.len(), 1, "the one that had failed, and no other");
    let path = format!("/tickets/{}.pdf", whole.0);
    assert_eq!(service.get(&path).await?.bytes().await?.as_ref(), pdf);
    assert_eq!(service.get(&format!("/tickets/{}.pdf", lost.0)).await?.status(), 404);

    // Old codes are reported as legacy.
    let (code, verdict) = run(scene, &["verify", &whole.code()]).await?;
    assert_eq!((code, &verdict["verdict"]), (Some(1), &json!("unsigned")));
    assert!(verdict["text"].as_str().is_some_and(|t| t.starts_with("legacy")), "{verdict}");
    let id = whole.0.to_string();
    let (code, shown) = run(scene, &["ticket", "show", &id]).await?;
    assert_eq!(
        (code, &shown["flags"], &shown["qrCodeData"]),
        (Some(0), &json!(["legacy"]), &json!(whole.code()))
    );
    assert_eq!((&shown["price"], &shown["seatNumber"]), (&json!(59.5), &json!("12")));
    let people = scene.setup.run(&["ticket", "show", &id]).await?;
    assert!(String::from_utf8_lossy(&people.stdout).contains("legacy"));

    // A reissue gives it a code of this service, also the lost one.
    for ticket in [whole, lost] {
        let id = ticket.0.to_string();
        let (code, new) = run(scene, &["ticket", "reissue", &id, "--expected-generation", "0"]).await?;
        assert_eq!((code, &new["flags"]), (Some(0), &json!([])), "{new}");
        let signed = new["qrCodeData"].as_str().context("a code")?;
        assert_eq!(scene.setup.run(&["verify", signed]).await?.status.code(), Some(0));
        assert_eq!(service.get(&format!("/tickets/{id}.pdf")).await?.status(), 200);
    }
    let told = scene.wire()?.told(&scene.wire()?.reissued, 2).await?;
    assert!(
        told.iter().all(|m| m.json().is_ok_and(|v| v["sequence"] == 2)),
        "counted on from the earlier event"
    );
    let (_, again) = service.pay(payments[0].json()).await?;
    assert_eq!(again["results"][0]["outcome"], "duplicate");
    Ok(())
}
