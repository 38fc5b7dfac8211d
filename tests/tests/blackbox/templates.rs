//! Tests of templates: which one draws which tickets, changes while the service runs, and keeping them for tickets
//! drawn before.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::tools::{pdf_pages, pdf_text};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use uuid::Uuid;

/// A template that prints this word.
fn template(word: &str) -> String {
    json!({
        "format": 1, "name": word, "page": { "width": 100, "height": 150 },
        "elements": [
            { "type": "text", "text": format!("{word} {{event.name}}"), "x": 10, "y": 10, "width": 80, "height": 20 },
            { "type": "qr", "x": 15, "y": 60, "size": 70 },
        ],
    })
    .to_string()
}

fn configure(scene: &Scene, rest: &str) -> Result<()> {
    Ok(std::fs::write(scene.setup.data().join("fulfillment.toml"), rest)?)
}

/// Pays for an order of this event; returns its only ticket's id, its template's name, and its page's text.
async fn ticket(
    scene: &Scene,
    service: &Service,
    event: Uuid,
    organizer: &str,
) -> Result<(String, String, String)> {
    let order = rig::id();
    let mut answer = one_seat(order);
    answer["eventId"] = json!(event);
    answer["organizerId"] = json!(organizer);
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let (id, name) = (text(&record["tickets"][0]["id"])?, text(&record["tickets"][0]["template"])?);
    let pdf = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
    Ok((id, name, pdf_text(&pdf)?))
}

#[tokio::test]
async fn events_and_organizers_have_their_own_and_changes_need_no_restart() -> Result<()> {
    let scene = Scene::embedded().await?;
    let (event, file) = (rig::id(), scene.setup.data().join("gala.json"));
    std::fs::write(&file, template("First"))?;
    let entry = |event: Uuid| {
        format!(
            "[[template]]\nname = \"gala\"\nbase = \"{}\"\nevents = [\"{event}\"]\n\
             [[template]]\nname = \"house\"\nbase = \"a4\"\norganizers = [\"17\"]\n\
             colors.accent = \"#7a1f2b\"\ntexts.footer = \"Elbe Concerts, at your service\"\n",
            file.display()
        )
    };
    configure(&scene, &entry(event))?;
    let service = scene.start().await?;

    let (old, name, text) = ticket(&scene, &service, event, "17").await?;
    ensure!(name.starts_with("gala/") && text.contains("First Analytical"), "{name}: {text}");
    let (_, house, text) = ticket(&scene, &service, rig::id(), "17").await?;
    ensure!(house.starts_with("house/") && text.contains("at your service"), "{house}: {text}");
    let (_, plain, text) = ticket(&scene, &service, rig::id(), "18").await?;
    ensure!(plain.starts_with("a4/") && !text.contains("at your service"), "{plain}: {text}");

    // An incomplete change is not applied, and is reported.
    std::fs::write(&file, "{\"format\": 1,")?;
    eventually(PATIENCE, "the broken template is named", async || {
        Ok(service.log().contains("gala.json:1:").then_some(()))
    })
    .await?;
    let (_, name, text) = ticket(&scene, &service, event, "17").await?;
    ensure!(text.contains("First Analytical"), "{name}: {text}");

    std::fs::write(&file, template("Second"))?;
    eventually(PATIENCE, "the changed template is used", async || {
        let (_, now, text) = ticket(&scene, &service, event, "17").await?;
        Ok((now != name && text.contains("Second Analytical")).then_some(()))
    })
    .await?;

    // Another event is added to the settings.
    let other = rig::id();
    configure(&scene, &entry(other))?;
    eventually(PATIENCE, "the changed settings are used", async || {
        let (_, _, text) = ticket(&scene, &service, other, "18").await?;
        Ok(text.contains("Second Analytical").then_some(()))
    })
    .await?;

    // The first ticket is drawn again as it was, although only the store still has its template.
    std::fs::remove_file(&file)?;
    let before = service.get_json(&format!("/tickets/{old}")).await?;
    drop(service);
    configure(&scene, "")?;
    let service = scene.start().await?;
    std::fs::remove_file(scene.tickets_folder().join(format!("{old}.pdf")))?;
    let pdf = eventually(PATIENCE, "the file is drawn again", async || {
        let answer = service.get(&format!("/tickets/{old}.pdf")).await?;
        Ok(if answer.status() == 200 { Some(answer.bytes().await?) } else { None })
    })
    .await?;
    ensure!(pdf_text(&pdf)?.contains("First Analytical"));
    let after = service.get_json(&format!("/tickets/{old}")).await?;
    assert_eq!((&after["sha256"], &after["template"]), (&before["sha256"], &before["template"]));
    scene.settled(&service).await
}

#[tokio::test]
async fn an_order_is_one_file() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let service = scene.start().await?;
    for count in [1, 3, 700] {
        let order = rig::id();
        scene.ordering.answer(order, [Answer::Json(seats(order, count))]);
        service.pay(Payment::of(order).json()).await?;
        service.order_in(order, "issued").await?;
        let answer = service.get(&format!("/orders/{order}/tickets.pdf")).await?.error_for_status()?;
        assert_eq!(answer.headers()["content-type"], "application/pdf");
        let pdf = answer.bytes().await?;
        assert_eq!(pdf_pages(&pdf)?, count);
        if count == 3 {
            let file = scene.setup.data().join("order.pdf");
            std::fs::write(&file, &pdf)?;
            let judged = scene.setup.run(&["verify", "--json", &file.display().to_string()]).await?;
            let verdicts: Value = serde_json::from_slice(&judged.stdout)?;
            let valid = verdicts.as_array().context("verdicts")?.iter().filter(|v| v["verdict"] == "valid");
            assert_eq!(valid.count(), 3, "every page has a code of its own: {verdicts}");
        }
    }
    let unknown = service.get(&format!("/orders/{}/tickets.pdf", rig::id())).await?;
    assert_eq!(unknown.status(), 404);
    scene.settled(&service).await
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn templates_are_shown_checked_previewed_and_imported() -> Result<()> {
    let setup = Setup::new()?;
    let file = |name: &str| setup.data().join(name);
    let path = |name: &str| file(name).display().to_string();
    let shown = setup.run(&["template", "show", "phone"]).await?;
    std::fs::write(file("mine.json"), &shown.stdout)?;
    let checked = setup.run(&["template", "check", &path("mine.json"), "a4"]).await?;
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));

    std::fs::write(file("bad.json"), String::from_utf8(shown.stdout)?.replacen("\"page\"", "\"pages\"", 1))?;
    let checked = setup.run(&["template", "check", "--json", &path("bad.json")]).await?;
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    let json: Value = serde_json::from_slice(&checked.stdout)?;
    let first = &json[0]["problems"][0];
    assert_eq!((&json[0]["usable"], &first["severity"]), (&json!(false), &json!("error")), "{json}");
    assert!(first["line"].as_u64() > Some(0) && first["message"].is_string(), "{json}");
    assert_eq!(setup.run(&["template", "check", "/nowhere.json"]).await?.status.code(), Some(2));

    for (out, begins) in [("page.pdf", &b"%PDF-"[..]), ("page.png", b"\x89PNG")] {
        let arguments = ["template", "preview", &path("mine.json"), "--language", "de", "--out", &path(out)];
        let drawn = setup.run(&arguments).await?;
        assert_eq!(drawn.status.code(), Some(0), "{}", said(&drawn));
        assert!(std::fs::read(file(out))?.starts_with(begins));
    }
    let refused = setup.run(&["template", "preview", &path("mine.json"), "--out", &path("page.jpg")]).await?;
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains(".pdf or .png") && !file("page.jpg").exists(), "{}", said(&refused));
    let schema = setup.run(&["template", "schema"]).await?;
    let schema: Value = serde_json::from_slice(&schema.stdout)?;
    let mine: Value = serde_json::from_slice(&std::fs::read(file("mine.json"))?)?;
    assert!(schema["$schema"].is_string() && mine["$schema"] == "template.schema.json", "{schema}");

    let refused = setup.run(&["template", "preview", &path("bad.json")]).await?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("bad.json:"), "{}", said(&refused));

    let layout = json!([
        { "type": "textarea", "left": "20.00", "bottom": "250.00", "fontsize": "16.0", "color": [0, 0, 0, 1],
          "fontfamily": "Open Sans", "bold": true, "italic": false, "width": "170.00", "content": "event_name",
          "text": "Sample", "align": "left" },
        { "type": "barcodearea", "left": "20.00", "bottom": "120.00", "size": "70.00", "content": "secret" },
    ]);
    std::fs::write(file("layout.json"), layout.to_string())?;
    let arguments = [
        "template",
        "import-pretix",
        &path("layout.json"),
        "--background",
        &path("page.pdf"),
        "--out",
        &path("im"),
    ];
    let imported = setup.run(&arguments).await?;
    assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
    let template = Path::new("im").join("template.json").display().to_string();
    let checked = setup.run(&["template", "check", &path(&template)]).await?;
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert_eq!(setup.run(&arguments).await?.status.code(), Some(2), "never over another");
    Ok(())
}

#[tokio::test]
async fn a_template_that_cannot_be_used_stops_the_start_and_the_check() -> Result<()> {
    let setup = Setup::new()?;
    let toml = "[document]\ntemplate = \"gala\"\n[[template]]\nname = \"gala\"\nbase = \"gala.json\"\n";
    std::fs::write(setup.data().join("fulfillment.toml"), toml)?;
    std::fs::write(setup.data().join("gala.json"), "{\"format\": 1,\n\"page\": 7}")?;
    let (code, log) = setup.refused().await?;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("gala.json:2:9"), "{log}");
    let checked = setup.run(&["config", "check"]).await?;
    assert_eq!(checked.status.code(), Some(1));
    assert!(said(&checked).contains("gala.json:2:9"), "{}", said(&checked));
    std::fs::write(setup.data().join("fulfillment.toml"), "[document]\ntemplate = \"gala\"\n")?;
    assert!(said(&setup.run(&["config", "check"]).await?).contains("document.template"));
    Ok(())
}
