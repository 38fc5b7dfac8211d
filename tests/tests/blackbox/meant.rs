//! Tests how the ticket's page shows Ordering's times, currency and locale.

use anyhow::{Context, Result, ensure};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Service;
use fulfillment_tests::tools::pdf_text;
use serde_json::{Value, json};

/// Pays for an order with these fields beside the usual ones; returns its ticket, and its page's text.
async fn ticket(scene: &Scene, service: &Service, fields: &Value) -> Result<(Value, String)> {
    let order = rig::id();
    let mut answer = one_seat(order);
    let given = fields.as_object().context("an object")?;
    answer.as_object_mut().context("an object")?.extend(given.clone());
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ticket = record["tickets"][0].clone();
    let id = ticket["id"].as_str().context("an id")?;
    let pdf = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
    let text = pdf_text(&pdf)?.replace(['\u{a0}', '\u{202f}'], " ");
    Ok((ticket, text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

#[tokio::test]
async fn pages_say_times_and_prices_as_ordering_means_them() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let berlin = "W. Europe Standard Time";
    for (fields, says, not, flags) in [
        // Local time with a Windows time zone, a POSIX locale, and no currency, so the payment's.
        (
            json!({ "eventStartsAt": "2026-12-22T19:30:00", "timeZone": berlin, "locale": "de_DE.UTF-8",
                    "currency": "" }),
            &["Dienstag, 22. Dezember 2026 um 19:30 MEZ", "59,50 €"][..],
            "20:30",
            json!([]),
        ),
        // A start, and an end whose value means none.
        (
            json!({ "eventStartsAt": "2026-12-22T18:30:00Z", "eventEndsAt": "0001-01-01T00:00:00",
                    "timeZone": "Europe/Berlin", "locale": "en-GB" }),
            &["Tuesday, 22 December 2026 at 19:30 CET"],
            "Ends",
            json!(["detail_left_out"]),
        ),
        (
            json!({ "eventStartsAt": "9999-12-31T23:59:59.9999999", "locale": "en" }),
            &["€59.50"],
            "9999",
            json!(["detail_left_out"]),
        ),
        // A date without a time, far from UTC.
        (
            json!({ "eventStartsAt": "2026-12-22", "timeZone": "Pacific/Kiritimati", "locale": "de-DE@euro" }),
            &["Dienstag, 22. Dezember 2026 "],
            "12:00",
            json!(["start_without_hour"]),
        ),
        // An offset without a zone, in milliseconds of ASP.NET; free.
        (
            json!({ "eventStartsAt": "/Date(1797964200000-0500)/", "locale": "en-GB", "price": 0 }),
            &["Tuesday, 22 December 2026 at 13:30 GMT-5", "Free"],
            "18:30",
            json!(["amount_mismatch"]),
        ),
        // The repeated hour at the end of summer time is between doors and start.
        (
            json!({ "eventStartsAt": "2026-10-25T02:30:00+01:00", "doorsAt": "2026-10-25T02:15:00+02:00",
                    "timeZone": "Europe/Berlin", "locale": "en-GB" }),
            &["25 October 2026 at 02:30 CET", "02:15 CEST"],
            "01:15",
            json!([]),
        ),
        (
            json!({ "eventStartsAt": "2026-12-22T19:30:00+02:00", "timeZone": "Middle Earth" }),
            &["Tue 22 Dec 2026, 19:30 UTC+02:00", "59.50 EUR"],
            "17:30",
            json!(["time_zone_unknown"]),
        ),
    ] {
        let (ticket, text) = ticket(&scene, &service, &fields).await?;
        for said in says {
            ensure!(text.contains(said), "{fields}: {said:?} is not in {text}");
        }
        // The page also has the time of issue.
        let event = text.split("Order").next().unwrap_or_default();
        ensure!(!event.contains(not), "{fields}: {not:?} is in {text}");
        assert_eq!(ticket["flags"], flags, "{fields}");
        assert_eq!(ticket["currency"], "EUR", "{fields}");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn local_times_are_utc_where_the_setting_says_so() -> Result<()> {
    let scene = Scene::embedded().await?;
    let settings = "[ordering]\nlocal_times = \"utc\"\n[document]\ncurrency = \"chf\"\n";
    std::fs::write(scene.setup.data().join("fulfillment.toml"), settings)?;
    let service = scene.start().await?;
    let fields =
        json!({ "eventStartsAt": "2026-12-22T19:30:00", "timeZone": "Europe/Berlin", "locale": "en-GB" });
    let (ticket, text) = ticket(&scene, &service, &fields).await?;
    ensure!(text.contains("22 December 2026 at 20:30 CET"), "{text}");
    assert_eq!(ticket["eventStartsAt"], "2026-12-22T19:30:00Z");
    scene.settled(&service).await
}
