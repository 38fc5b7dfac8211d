//! Tests of the doors of events: each ticket is admitted once, whatever gates race, over HTTP and by command.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use serde_json::{Value, json};

const ADMIN: &str = "an-admin-token-of-at-least-32-characters";
const STEWARD: &str = "a-stewards-token-of-at-least-32-characters";
const SUPERVISOR: &str = "a-supervisors-token-of-at-least-32-characters";

/// An event in whose id every character of a path has to be escaped.
const EVENT: &str = "gala/2026 100% ü";
const EVENT_IN_PATH: &str = "gala%2F2026%20100%25%20%C3%BC";

struct Door<'a> {
    service: &'a Service,
    token: &'static str,
}

impl Door<'_> {
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let url = format!("{}/events/{EVENT_IN_PATH}{path}", self.service.base());
        let mut request = self.service.client().request(method.parse()?, url).bearer_auth(self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).with_context(|| text.clone())?))
    }

    /// The result of one scan.
    async fn scan(&self, scan: Value) -> Result<Value> {
        let (status, answer) = self.ask("POST", "/check-ins", Some(&scan)).await?;
        anyhow::ensure!(status == 200, "{status} {answer}");
        Ok(answer["results"][0].clone())
    }
}

fn with_tokens(scene: &Scene) -> Result<()> {
    let tokens = [
        ("desk", ADMIN, "\"admin\""),
        ("steward", STEWARD, "\"door\""),
        ("supervisor", SUPERVISOR, "\"door\", \"door:names\", \"door:supervise\""),
    ]
    .map(|(name, token, scopes)| {
        format!("[[token]]\nname = \"{name}\"\ntoken = \"{token}\"\nscopes = [{scopes}]\n")
    });
    Ok(std::fs::write(scene.setup.data().join("fulfillment.toml"), tokens.concat())?)
}

/// Sells seats of the event; answers with the tickets' records.
async fn sold(scene: &Scene, service: &Service, count: usize) -> Result<Vec<Value>> {
    let order = rig::id();
    let mut answer = seats(order, count);
    answer["eventId"] = EVENT.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    Ok(record["tickets"].as_array().context("tickets")?.clone())
}

#[tokio::test]
async fn each_ticket_is_admitted_once_whatever_gates_race() -> Result<()> {
    let scene = Scene::embedded().await?;
    with_tokens(&scene)?;
    let mut service = scene.start().await?;
    let tickets = sold(&scene, &service, 3).await?;
    let door = Door { service: &service, token: STEWARD };
    let code = |n: usize| tickets[n]["qrCodeData"].clone();

    let racing = (0..64).map(|n| {
        door.scan(json!({ "code": code(0), "gate": format!("gate {n}"), "nonce": format!("n{n}") }))
    });
    let results = futures::future::try_join_all(racing).await?;
    let admitted: Vec<_> = results.iter().filter(|result| result["verdict"] == "admitted").collect();
    assert_eq!(admitted.len(), 1);
    let winner = results.iter().position(|result| result == admitted[0]).context("a winner")?;
    let winner = format!("gate {winner}");
    for refused in results.iter().filter(|result| result["verdict"] != "admitted") {
        assert_eq!(refused["verdict"], "already_admitted");
        assert_eq!(refused["first"]["gate"].as_str(), Some(winner.as_str()));
        assert!(
            refused["message"].as_str().is_some_and(|text| text.starts_with("already admitted at ")),
            "{refused}"
        );
    }
    assert_eq!(admitted[0]["ticketNumber"], tickets[0]["ticketNumber"]);
    assert!(
        admitted[0]["seat"].is_string() && admitted[0].get("holderName").is_none(),
        "a steward sees no names"
    );

    let id = tickets[0]["id"].as_str().context("an id")?;
    let record = service.get_json(&format!("/tickets/{id}")).await?;
    let of_ticket = record["checkIns"].as_array().context("check-ins")?;
    assert_eq!(
        (of_ticket.len(), record["checkIns"].to_string().contains(&winner)),
        (64, true),
        "the ticket's record"
    );

    // An answer that was lost is asked for again.
    let again = door.scan(json!({ "code": code(0), "gate": "gate 0", "nonce": "n0" })).await?;
    assert_eq!(again, results[0]);
    let other = door.scan(json!({ "code": code(1), "gate": "gate 0", "nonce": "n0" })).await?;
    assert_eq!((&other["verdict"], other.get("checkInId")), (&"nonce_conflict".into(), None));

    // Many at once, of a device that was without a network.
    let late = |n: usize, shown: &str| {
        json!({ "code": code(n), "gate": "tent", "device": "d", "offline": true,
        "shown": shown, "scannedAt": "2026-11-30T10:00:00Z", "nonce": format!("late {n}") })
    };
    let (status, answer) = door
        .ask("POST", "/check-ins", Some(&json!([late(0, "admitted"), late(1, "admitted"), late(2, "full")])))
        .await?;
    assert_eq!(status, 200, "{answer}");
    let verdicts: Vec<_> = answer["results"]
        .as_array()
        .context("results")?
        .iter()
        .map(|r| (r["verdict"].as_str(), r["recorded"].as_bool()))
        .collect();
    let expected = [
        (Some("already_admitted"), Some(true)),
        (Some("admitted"), Some(true)),
        (Some("admitted"), Some(false)),
    ];
    assert_eq!(verdicts, expected);

    let supervisor = Door { service: &service, token: SUPERVISOR };
    let (_, status) = supervisor.ask("GET", "/door/status", None).await?;
    assert_eq!(
        (&status["sold"], &status["admitted"], &status["conflicts"]),
        (&3.into(), &2.into(), &1.into())
    );
    let (_, page) = supervisor.ask("GET", "/check-ins", None).await?;
    assert_eq!(page["checkIns"].as_array().map(Vec::len), Some(67));
    let next = page["next"].as_str().context("next")?;
    let (_, rest) = supervisor.ask("GET", &format!("/check-ins?after={next}"), None).await?;
    assert_eq!((rest["checkIns"].as_array().map(Vec::len), &rest["next"]), (Some(0), &page["next"]));
    let named =
        supervisor.scan(json!({ "ticketNumber": tickets[1]["ticketNumber"], "direction": "check" })).await?;
    assert_eq!(
        (&named["verdict"], &named["holderName"]),
        (&"already_admitted".into(), &tickets[1]["holderName"])
    );
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}

#[tokio::test]
async fn the_record_of_an_event_is_shown_and_set() -> Result<()> {
    let scene = Scene::embedded().await?;
    with_tokens(&scene)?;
    let mut service = scene.start().await?;
    let tickets = sold(&scene, &service, 2).await?;
    let desk = Door { service: &service, token: ADMIN };
    let (status, event) = desk.ask("GET", "", None).await?;
    assert_eq!((status, &event["eventId"], &event["issued"]), (200, &EVENT.into(), &2.into()), "{event}");
    assert_eq!((&event["status"], &event["overrides"]), (&"scheduled".into(), &json!({})));
    let moved = json!({ "startsAt": "2099-01-10T19:30:00+01:00", "status": "postponed" });
    let (status, set) = desk.ask("PUT", "", Some(&moved)).await?;
    assert_eq!(
        (status, &set["startsAt"], &set["status"]),
        (200, &"2099-01-10T18:30:00Z".into(), &"postponed".into())
    );
    let (_, event) = desk.ask("GET", "", None).await?;
    assert_eq!(
        (&event["ordering"]["name"], event["overrides"]["startsAt"].is_string()),
        (&event["name"], true)
    );
    for (body, field) in [(json!({ "startsAt": "tomorrow" }), "startsAt"), (json!({ "nmae": "x" }), "nmae")] {
        let (status, problem) = desk.ask("PUT", "", Some(&body)).await?;
        assert_eq!((status, &problem["field"]), (400, &field.into()), "{problem}");
    }
    let steward = Door { service: &service, token: STEWARD };
    assert_eq!(steward.ask("PUT", "", Some(&moved)).await?.0, 403);
    let made = async |path: &str| {
        let request =
            service.client().put(format!("{}/events/ball-2026{path}", service.base())).bearer_auth(ADMIN);
        let request = request.header("content-type", "application/json").body("{}");
        anyhow::Ok(request.send().await?.status().as_u16())
    };
    assert_eq!((made("").await?, made("").await?), (201, 200), "a mistyped id is noticed");
    assert_eq!(made("/door/rules").await?, 200);
    let stream = service.client().get(format!("{}/events?after=0", service.base()));
    let mut stream = stream
        .bearer_auth(fulfillment_tests::service::TOKEN)
        .header("accept", "text/event-stream")
        .send()
        .await?;
    let mut seen = String::new();
    while !seen.contains("event: event-updated") {
        seen.push_str(&String::from_utf8_lossy(&stream.chunk().await?.context("the stream ended")?));
    }
    drop(stream);
    service.stop(Duration::from_secs(20)).await?;

    let run = async |arguments: &[&str]| scene.setup.run(arguments).await;
    let lifted = run(&["event", "set", EVENT, "--lift", "startsAt,status", "--json"]).await?;
    let lifted: Value = serde_json::from_slice(&lifted.stdout)?;
    assert_eq!((&lifted["overrides"], &lifted["status"]), (&json!({}), &"scheduled".into()), "{lifted}");
    let list = run(&["event", "list"]).await?;
    assert!(String::from_utf8_lossy(&list.stdout).contains("2 tickets, 0 void"), "{list:?}");
    assert_eq!(run(&["event", "show", "nothing"]).await?.status.code(), Some(1));
    assert_eq!(run(&["event", "set", EVENT]).await?.status.code(), Some(2));
    // A mistyped id makes no event.
    let mistyped = ["event", "set", "gala-2062", "--name", "Gala"];
    let refused = run(&mistyped).await?;
    assert!(
        refused.status.code() == Some(1) && String::from_utf8_lossy(&refused.stderr).contains("--create")
    );
    assert_eq!(run(&["event", "show", "gala-2062"]).await?.status.code(), Some(1));
    assert!(run(&[&mistyped[..], &["--create"]].concat()).await?.status.success());
    // Cancelling it voids what was sold, once it is confirmed.
    let refused = run(&["event", "cancel", EVENT]).await?;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(2) && why.contains("voids 2 tickets") && why.contains("--yes"),
        "{why}"
    );
    assert_eq!(run(&["event", "cancel", "nothing", "--yes"]).await?.status.code(), Some(1));
    let done = run(&["event", "cancel", EVENT, "--reason", "ill", "--yes", "--json"]).await?;
    let done: Value = serde_json::from_slice(&done.stdout)?;
    assert_eq!((&done["done"], &done["total"], done["finishedAt"].is_string()), (&2.into(), &2.into(), true));
    let shown: Value = serde_json::from_slice(&run(&["event", "show", EVENT, "--json"]).await?.stdout)?;
    assert_eq!((&shown["status"], &shown["voided"]), (&"cancelled".into(), &2.into()), "{shown}");
    let ticket = tickets[0]["ticketNumber"].as_str().context("a number")?;
    let ticket: Value = serde_json::from_slice(&run(&["ticket", "show", ticket, "--json"]).await?.stdout)?;
    assert_eq!(ticket["voidReason"], "ill", "{ticket}");
    let rules = scene.setup.data().join("rules.json");
    std::fs::write(&rules, "{}")?;
    let rules = ["door", "rules", "ball", "--set", rules.to_str().context("a path")?];
    assert_eq!(run(&rules).await?.status.code(), Some(1));
    assert!(run(&[&rules[..], &["--create"]].concat()).await?.status.success());
    Ok(())
}

#[tokio::test]
async fn rules_overrides_and_refused_requests() -> Result<()> {
    let scene = Scene::embedded().await?;
    with_tokens(&scene)?;
    let mut service = scene.start().await?;
    let tickets = sold(&scene, &service, 2).await?;
    let code = |n: usize| tickets[n]["qrCodeData"].clone();
    let steward = Door { service: &service, token: STEWARD };
    let supervisor = Door { service: &service, token: SUPERVISOR };
    let desk = Door { service: &service, token: ADMIN };

    let (status, wrong) =
        desk.ask("PUT", "/door/rules", Some(&json!({ "gates": { "North": { "area": "Hall" } } }))).await?;
    assert_eq!((status, &wrong["field"]), (400, &"gates.North.area".into()), "{wrong}");
    let rules = json!({ "areas": { "Hall": { "limit": 1 } }, "gates": { "North": { "area": "Hall" } } });
    assert_eq!(desk.ask("PUT", "/door/rules", Some(&rules)).await?, (200, rules.clone()));
    assert_eq!(steward.ask("GET", "/door/rules", None).await?, (200, rules));
    assert_eq!(steward.scan(json!({ "code": code(0), "gate": "North" })).await?["verdict"], "admitted");
    assert_eq!(steward.scan(json!({ "code": code(1), "gate": "North" })).await?["verdict"], "full");
    let forced = json!({ "code": code(1), "gate": "North", "override": { "reason": "the band's guest" } });
    let (status, refused) = steward.ask("POST", "/check-ins", Some(&forced)).await?;
    assert_eq!((status, &refused["scope"]), (403, &"door:supervise".into()), "{refused}");
    assert_eq!(supervisor.scan(forced).await?["verdict"], "admitted");

    for (body, field) in [
        (json!({}), "code"),
        (json!({ "code": "x", "ticketNumber": "y" }), "code"),
        (json!({ "code": "x", "gaet": "North" }), "gaet"),
        (json!({ "code": "x", "gate": "a\nb" }), "gate"),
        (json!({ "code": "x", "nonce": "n".repeat(65) }), "nonce"),
        (json!({ "code": "x", "offline": true }), "shown"),
        (json!({ "code": "x", "clockOffsetMs": 99_999_999_999_i64 }), "clockOffsetMs"),
        (json!([{ "code": "x" }, { "code": "y", "direction": "up" }]), "[1].direction"),
    ] {
        let (status, problem) = steward.ask("POST", "/check-ins", Some(&body)).await?;
        assert_eq!((status, &problem["field"]), (400, &field.into()), "{problem}");
    }
    let many = json!(vec![json!({ "code": "x" }); 1_001]);
    assert_eq!(steward.ask("POST", "/check-ins", Some(&many)).await?.0, 413);
    assert_eq!(steward.ask("GET", "/check-ins", None).await?.0, 403, "a steward has no list");
    let elsewhere = service.client().post(format!("{}/events/nothing/check-ins", service.base()));
    let elsewhere =
        elsewhere.bearer_auth(STEWARD).header("content-type", "application/json").body(r#"{"code":"x"}"#);
    assert_eq!(elsewhere.send().await?.status(), 404);
    service.stop(Duration::from_secs(20)).await?;

    // And by command.
    let run = async |arguments: &[&str]| scene.setup.run(arguments).await;
    let number = tickets[0]["ticketNumber"].as_str().context("a number")?;
    let again = run(&["check-in", number]).await?;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(
        String::from_utf8_lossy(&again.stdout).starts_with("already_admitted: already admitted at "),
        "{again:?}"
    );
    let out = run(&["check-in", "--exit", "--gate", "North", code(0).as_str().context("a code")?]).await?;
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    let status = run(&["door", "status", EVENT, "--json"]).await?;
    let status: Value = serde_json::from_slice(&status.stdout)?;
    assert_eq!((&status["sold"], &status["admitted"]), (&2.into(), &2.into()), "{status}");
    assert_eq!(run(&["door", "status", "nothing"]).await?.status.code(), Some(1));
    let shown = run(&["ticket", "show", number]).await?;
    assert!(String::from_utf8_lossy(&shown.stdout).contains("admitted by gate North"), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn rules_of_the_configuration_are_set_at_each_start() -> Result<()> {
    let scene = Scene::embedded().await?;
    with_tokens(&scene)?;
    let config = scene.setup.data().join("fulfillment.toml");
    let declared =
        format!("{}[[door]]\nevent = {EVENT:?}\nrules = \"rules.json\"\n", std::fs::read_to_string(&config)?);
    std::fs::write(&config, &declared)?;
    let rules = scene.setup.data().join("rules.json");

    std::fs::write(&rules, r#"{"reEntry": "sometimes"}"#)?;
    let (code, log) = scene.setup.refused().await?;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("rules.json: reEntry"), "{log}");
    let checked = scene.setup.run(&["config", "check", "--json"]).await?;
    let checked: Value = serde_json::from_slice(&checked.stdout)?;
    assert_eq!(checked["problems"][0]["key"], format!("[[door]] {EVENT}"), "{checked}");

    // Nobody writes into this pipe.
    std::fs::remove_file(&rules)?;
    let (here, mode) = (rustix::fs::CWD, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(here, &rules, rustix::fs::FileType::Fifo, mode, 0)?;
    let (code, log) = scene.setup.refused().await?;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("no plain file"), "{log}");
    std::fs::remove_file(&rules)?;

    // The event is known by its door before anything is sold for it.
    std::fs::write(&rules, r#"{"gates": {"South": {}}, "reEntry": "afterExit"}"#)?;
    let mut service = scene.start().await?;
    let desk = Door { service: &service, token: ADMIN };
    assert_eq!(desk.ask("GET", "/door/rules", None).await?.1["reEntry"], "afterExit");
    let (status, _) = desk.ask("PUT", "/door/rules", Some(&json!({ "reEntry": "always" }))).await?;
    assert_eq!(status, 200);
    let (_, feed) = desk.ask("GET", "", None).await?;
    service.stop(PATIENCE).await?;

    let set = scene.setup.run(&["door", "rules", EVENT, "--set", "rules.json"]).await?;
    assert!(String::from_utf8_lossy(&set.stderr).contains("[[door]]"), "{set:?}");
    std::fs::write(&rules, r#"{"reEntry": "never", "limits": {"day": 7}}"#)?;
    let mut service = scene.start().await?;
    assert!(service.log().contains("the rules of the configuration"), "{}", service.log());
    let desk = Door { service: &service, token: ADMIN };
    assert_eq!(desk.ask("GET", "/door/rules", None).await?.1["limits"]["day"], 7);
    let (_, changed) = desk.ask("GET", "", None).await?;
    assert!(changed["feedVersion"].as_u64() > feed["feedVersion"].as_u64(), "{feed} {changed}");
    service.stop(PATIENCE).await?;

    // The same rules change nothing.
    let service = scene.start().await?;
    let desk = Door { service: &service, token: ADMIN };
    assert_eq!(desk.ask("GET", "", None).await?.1["feedVersion"], changed["feedVersion"]);
    assert!(!service.log().contains("the rules of the configuration"), "{}", service.log());
    Ok(())
}
