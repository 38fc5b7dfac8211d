//! Tests of legacy code formats for other systems' scanners: zbar reads the configured format from the page.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::tools::scan;
use serde_json::{Value, json};
use uuid::Uuid;

/// One ticket with a code of this format: its order, its code as recorded and as scanned, and `verify`'s answer.
async fn ticket(form: &str, seat: &str) -> Result<(Uuid, String, Value)> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_CREDENTIAL_FORM", form);
    let service = scene.start().await?;
    let order = rig::id();
    let mut answer = one_seat(order);
    answer["seatNumber"] = json!(seat);
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let text = |name: &str| record["tickets"][0][name].as_str().map(str::to_owned).context("no text");
    let (id, code) = (text("id")?, text("qrCodeData")?);
    let pdf = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
    assert_eq!(scan(&pdf)?, std::slice::from_ref(&code), "{form}: what zbarimg reads on the page");
    let file = scene.setup.data().join("ticket.pdf");
    std::fs::write(&file, &pdf)?;
    let said = scene.setup.run(&["verify", "--json", &file.to_string_lossy()]).await?;
    let verdict: Value = serde_json::from_slice(&said.stdout)
        .with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())?;
    assert_eq!(said.status.code(), Some(i32::from(verdict["verdict"] != "valid")), "{verdict}");
    scene.settled(&service).await?;
    Ok((order, code, verdict))
}

#[tokio::test]
async fn the_platforms_old_form_names_order_seat_and_event() -> Result<()> {
    let (order, code, verdict) = ticket("platform", "Loge Sued: 12").await?;
    assert_eq!(code, format!("{order}:Loge Sued: 12:6f1c1f0e-53a1-4c5e-9a52-0c5d7f3f1a11"));
    assert_eq!(verdict["verdict"], "unsigned");
    Ok(())
}

#[tokio::test]
async fn a_pretix_code_is_signed_with_our_keys() -> Result<()> {
    let (_, code, verdict) = ticket("pretix", "12").await?;
    assert!(
        code.len() >= 120 && code.ends_with("QA"),
        "base64 that begins with the byte 1, backwards: {code}"
    );
    assert_eq!(verdict["verdict"], "valid", "{verdict}");
    Ok(())
}

#[tokio::test]
async fn our_own_form_can_be_named_too() -> Result<()> {
    let (_, code, verdict) = ticket("tk1", "12").await?;
    assert!(code.starts_with("TK1:"), "{code}");
    assert_eq!(verdict["verdict"], "valid", "{verdict}");
    Ok(())
}
