//! Tests of the devices of doors: enrolled once, bound to an event, gates and a role, and revoked.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

pub(super) const EVENT: &str = "gala";
const OFFLINE: &str = "admitted";

/// The exit code of a command, and what it answers in JSON.
async fn run(setup: &Setup, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut all = vec!["--json", "door", "device"];
    all.extend(arguments);
    let output = setup.run(&all).await?;
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
}

pub(super) async fn scene() -> Result<Scene> {
    Ok(Scene::embedded().await?.set("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example"))
}

/// Sells seats of the event; answers with the tickets' records.
pub(super) async fn sold(scene: &Scene, service: &Service, count: usize) -> Result<Vec<Value>> {
    sold_for(EVENT, scene, service, count).await
}

async fn sold_for(event: &str, scene: &Scene, service: &Service, count: usize) -> Result<Vec<Value>> {
    let order = rig::id();
    let mut answer = seats(order, count);
    answer["eventId"] = event.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    Ok(record["tickets"].as_array().context("tickets")?.clone())
}

/// Makes a device; answers with its code.
pub(super) async fn made(scene: &Scene, name: &str, role: &str, gates: &[&str]) -> Result<String> {
    let mut arguments = vec!["new", "--event", EVENT, "--role", role, "--name", name];
    arguments.extend(gates.iter().flat_map(|gate| ["--gate", gate]));
    let (exit, made) = run(&scene.setup, &arguments).await?;
    assert_eq!((exit, &made["gates"]), (Some(0), &json!(gates)), "{made}");
    let url = made["url"].as_str().context("a URL")?;
    let code = url.strip_prefix("https://tickets.example/door#").context("the code in the fragment")?;
    Ok(code.to_owned())
}

pub(super) async fn enrol(service: &Service, code: &str, secret: &str) -> Result<(u16, Value)> {
    let request = service.client().post(format!("{}/door/enrol", service.base()));
    let body = json!({ "code": code, "secret": secret.repeat(32) }).to_string();
    let answer = request.header("content-type", "application/json").body(body).send().await?;
    Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
}

pub(super) struct Device<'a> {
    pub(super) service: &'a Service,
    pub(super) token: String,
}

impl<'a> Device<'a> {
    async fn enrolled(service: &'a Service, code: &str) -> Result<Self> {
        let (status, answer) = enrol(service, code, "s").await?;
        anyhow::ensure!(status == 200, "{answer}");
        Ok(Self { service, token: answer["token"].as_str().context("a token")?.to_owned() })
    }

    async fn get(&self, path: &str) -> Result<u16> {
        let request = self.service.client().get(format!("{}{path}", self.service.base()));
        Ok(request.bearer_auth(&self.token).send().await?.status().as_u16())
    }

    async fn scan_at(&self, event: &str, scans: &Value) -> Result<(u16, Value)> {
        let request = self.service.client().post(format!("{}/events/{event}/check-ins", self.service.base()));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.header("door-app-version", "7.1").header("door-queue", "3");
        let answer = request.body(scans.to_string()).send().await?;
        Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
    }

    pub(super) async fn scan(&self, scan: Value) -> Result<(u16, Value)> {
        let (status, answer) = self.scan_at(EVENT, &scan).await?;
        Ok((status, if status == 200 { answer["results"][0].clone() } else { answer }))
    }
}

#[expect(clippy::disallowed_methods, reason = "a test plays the device, whose clock runs")]
fn seconds_ago(seconds: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string()
}

#[tokio::test]
async fn a_device_is_enrolled_once_works_at_its_gates_and_is_revoked() -> Result<()> {
    let scene = scene().await?;
    let mut service = scene.start().await?;
    let tickets = sold(&scene, &service, 4).await?;
    let code = |n: usize| tickets[n]["qrCodeData"].clone();

    let one_time = made(&scene, "n1", "steward", &["North"]).await?;
    let (status, enrolled) = enrol(&service, &one_time, "a").await?;
    assert_eq!((status, &enrolled["eventId"], &enrolled["gates"]), (200, &EVENT.into(), &json!(["North"])));
    assert_eq!((&enrolled["name"], &enrolled["role"]), (&"n1".into(), &"steward".into()));
    // The start, as no end is known, and a day and a half.
    assert_eq!(enrolled["expiresAt"], "2027-05-16T05:30:00Z");
    assert!(enrolled["serverTime"].is_string());
    // An answer that was lost is asked for again; whoever else has seen the code is too late.
    let (status, again) = enrol(&service, &one_time, "a").await?;
    assert_eq!((status, &again["token"]), (200, &enrolled["token"]));
    let begun = Instant::now();
    for (code, secret) in [(one_time.as_str(), "b"), ("0123", "a")] {
        let (status, refused) = enrol(&service, code, secret).await?;
        assert_eq!((status, &refused["type"]), (401, &"urn:fulfillment:problem:unauthorized".into()));
    }
    assert!(begun.elapsed() >= Duration::from_secs(1), "guessing is slow");
    let token = enrolled["token"].as_str().context("a token")?.to_owned();
    assert!(token.starts_with("fdt_"));
    let device = Device { service: &service, token };

    // It is good at once, for its own gate, name and event.
    let (status, first) = device.scan(json!({ "code": code(0), "nonce": "1", "feedVersion": 1 })).await?;
    assert_eq!((status, &first["verdict"]), (200, &"admitted".into()), "{first}");
    assert_eq!(first.get("holderName"), None);
    assert_eq!(
        (&first["first"]["gate"], &first["first"]["device"]),
        (&"North".into(), &"n1".into()),
        "it need not say who and where it is"
    );
    for (scan, field) in [
        (json!({ "code": code(1), "gate": "South" }), "gate"),
        (json!({ "code": code(1), "device": "n2" }), "device"),
        (json!({ "code": code(1), "override": { "reason": "please" } }), ""),
    ] {
        let (status, refused) = device.scan(scan).await?;
        assert_eq!((status, refused["field"].as_str().unwrap_or_default()), (403, field), "{refused}");
    }
    let (status, refused) = device.scan_at("other", &json!({ "code": code(1) })).await?;
    assert_eq!((status, &refused["field"]), (403, &"eventId".into()), "{refused}");
    for (path, status) in [
        ("/events/gala/door", 200),
        ("/events/gala/door/status", 200),
        ("/events/other/door", 403),
        ("/events/other/door/status", 403),
        ("/events/gala/check-ins", 403),
        ("/events/gala/door/rules", 403),
        ("/events/gala", 403),
        ("/codes/c0ffee00010203040506", 403),
        ("/event-records", 403),
        ("/events", 403),
        ("/metrics", 403),
    ] {
        assert_eq!(device.get(path).await?, status, "{path}");
    }

    // A supervisor with several gates has to say at which one it is.
    let supervisor =
        Device::enrolled(&service, &made(&scene, "desk", "supervisor", &["North", "South"]).await?).await?;
    let (status, refused) = supervisor.scan(json!({ "code": code(1) })).await?;
    assert_eq!((status, &refused["field"]), (400, &"gate".into()));
    let scan = json!({ "code": code(0), "gate": "South", "override": { "reason": "was outside" } });
    let (status, overridden) = supervisor.scan(scan).await?;
    assert_eq!((status, &overridden["verdict"]), (200, &"admitted".into()), "{overridden}");
    assert_eq!(overridden["holderName"], tickets[0]["holderName"]);
    assert_eq!(supervisor.get("/events/gala/check-ins").await?, 200);
    assert_eq!(supervisor.get("/events/other/check-ins").await?, 403);
    assert_eq!(supervisor.get("/events/gala/door/rules").await?, 403);
    // Who goes to another event is no business of this one's door.
    let elsewhere = sold_for("other", &scene, &service, 1).await?;
    let scan = json!({ "ticketNumber": elsewhere[0]["ticketNumber"], "gate": "South", "direction": "check" });
    let (_, other) = supervisor.scan(scan).await?;
    assert_eq!(other["verdict"], "other_event", "{other}");
    assert!(other["seat"].is_null() && other["holderName"].is_null(), "{other}");

    // What it says of itself is listed soon.
    let listed = eventually(PATIENCE, "a contact", async || {
        let (_, list) = run(&scene.setup, &["list", "--event", EVENT]).await?;
        let device = list.as_array().and_then(|list| list.iter().find(|device| device["name"] == "n1"));
        Ok(device.filter(|device| device["lastContactAt"].is_string()).cloned())
    });
    let listed = listed.await?;
    assert_eq!((&listed["appVersion"], &listed["queue"]), (&"7.1".into(), &3.into()));
    assert_eq!((&listed["feedVersion"], &listed["clockOffsetMs"]), (&1.into(), &0.into()));
    assert_eq!(listed["state"], "enrolled");

    revoked(&scene, &device, &tickets).await?;
    a_revoked_supervisor_lifts_nothing(&scene, &supervisor, &tickets[0]).await?;
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}

/// Revokes it: it is refused within five seconds, and uploads what it has.
async fn revoked(scene: &Scene, device: &Device<'_>, tickets: &[Value]) -> Result<()> {
    let code = |n: usize| tickets[n]["qrCodeData"].clone();
    let before = seconds_ago(30);
    assert_eq!(
        run(&scene.setup, &["revoke", "n1"]).await?,
        (Some(0), json!({ "name": "n1", "revoked": true }))
    );
    let begun = Instant::now();
    while device.get("/events/gala/door").await? != 401 {
        assert!(begun.elapsed() < Duration::from_secs(5), "it is refused everywhere");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, refused) = device.scan(json!({ "code": code(1) })).await?;
    assert_eq!(status, 401, "{refused}");
    let late = |n: usize, at: &str| {
        json!({ "code": code(n), "offline": true, "shown": OFFLINE, "scannedAt": at,
            "nonce": format!("late {n}") })
    };
    let mixed = json!([late(1, &before), { "code": code(2) }]);
    assert_eq!(device.scan_at(EVENT, &mixed).await?.0, 401, "an upload is nothing else");
    assert_eq!(device.scan_at("other", &late(1, &before)).await?.0, 403);
    let (status, answer) =
        device.scan_at(EVENT, &json!([late(1, &before), late(2, &seconds_ago(0))])).await?;
    let recorded: Vec<_> = answer["results"].as_array().context("results")?.iter().collect();
    assert_eq!((status, recorded.len()), (200, 2));
    for result in recorded {
        assert_eq!((&result["verdict"], &result["recorded"]), (&"admitted".into(), &true.into()));
        for field in ["ticketId", "ticketNumber", "category", "seat", "holderName", "first", "entries"] {
            assert!(result[field].is_null(), "it learns nothing of tickets and people: {result}");
        }
    }
    let mut check = late(3, &before);
    check["direction"] = "check".into();
    assert_eq!(device.scan_at(EVENT, &json!([check])).await?.0, 401, "there is nothing to upload");
    let page = device.service.get_json("/events/gala/check-ins").await?;
    let conflicts: Vec<_> = page["checkIns"]
        .as_array()
        .context("check-ins")?
        .iter()
        .filter(|check_in| check_in["nonce"].is_null() && check_in["shown"].is_string())
        .map(|check_in| {
            (check_in["ticketId"].clone(), check_in["conflict"].clone(), check_in["device"].clone())
        })
        .collect();
    assert_eq!(
        conflicts,
        [
            (tickets[1]["id"].clone(), Value::Null, "n1".into()),
            (tickets[2]["id"].clone(), "device_revoked".into(), "n1".into())
        ],
        "{page}"
    );
    Ok(())
}

/// Whoever took the device of a supervisor is none, and may have set its clock back.
async fn a_revoked_supervisor_lifts_nothing(scene: &Scene, desk: &Device<'_>, ticket: &Value) -> Result<()> {
    let scan = json!([{ "code": ticket["qrCodeData"], "gate": "South", "offline": true, "shown": OFFLINE,
        "scannedAt": seconds_ago(60), "nonce": "taken", "override": { "reason": "was outside" } }]);
    assert_eq!(run(&scene.setup, &["revoke", "desk"]).await?.0, Some(0));
    eventually(PATIENCE, "the device is refused", async || {
        Ok((desk.get("/events/gala/door").await? == 401).then_some(()))
    })
    .await?;
    let (status, answer) = desk.scan_at(EVENT, &scan).await?;
    assert_eq!((status, &answer["results"][0]["recorded"]), (200, &true.into()), "{answer}");
    let page = desk.service.get_json("/events/gala/check-ins").await?;
    let last = page["checkIns"].as_array().and_then(|all| all.last()).context("a check-in")?;
    assert_eq!(last["conflict"], "device_revoked", "{last}");
    // A cursor from before a restored backup may be beyond the last check-in.
    let epoch = page["next"].as_str().and_then(|next| next.split_once('-')).context("a cursor")?.0;
    let beyond = desk.service.get(&format!("/events/gala/check-ins?after={epoch}-99999")).await?;
    assert_eq!(beyond.status(), 410);
    // The command takes what the routes take.
    let code = ticket["qrCodeData"].as_str().context("a code")?;
    for wrong in [["--gate", ""], ["--gate", "a\u{1b}[31m"], ["--override", ""]] {
        let ran = scene.setup.run(&[&["check-in", code][..], &wrong[..]].concat()).await?;
        assert_eq!(ran.status.code(), Some(2), "{wrong:?}");
    }
    Ok(())
}

#[tokio::test]
async fn devices_are_made_and_listed_by_command() -> Result<()> {
    let scene = scene().await?;
    let mut service = scene.start().await?;
    sold(&scene, &service, 1).await?;
    let new = ["door", "device", "new", "--event", EVENT, "--role", "steward"];
    let shown = scene.setup.run(&new).await?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains('█') && text.contains("https://tickets.example/door#"), "{text}");
    let without = scene.setup.clone().without("FULFILLMENT_HTTP_PUBLIC_URL");
    let refused = without.run(&new).await?;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("http.public_url") && error.contains("FULFILLMENT_HTTP_PUBLIC_URL"), "{error}");

    made(&scene, "n1", "steward", &["North"]).await?;
    for (wrong, exit) in [
        (vec!["new", "--event", "nothing", "--role", "steward"], 1),
        (vec!["new", "--event", EVENT, "--role", "steward", "--name", "n1"], 1),
        (vec!["new", "--event", EVENT, "--role", "steward", "--name", "a b"], 2),
        (vec!["new", "--event", EVENT, "--role", "usher"], 2),
        (vec!["new", "--event", EVENT, "--role", "steward", "--gate", " x"], 2),
        (vec!["new", "--event", EVENT, "--role", "steward", "--gate", "x", "--gate", "x"], 2),
        (vec!["revoke", "n2"], 1),
        (vec!["list", "--event", "nothing"], 1),
    ] {
        assert_eq!(run(&scene.setup, &wrong).await?.0, Some(exit), "{wrong:?}");
    }
    let one_time = made(&scene, "n2", "steward", &[]).await?;
    assert_eq!(run(&scene.setup, &["revoke", "n2"]).await?.0, Some(0));
    assert_eq!(enrol(&service, &one_time, "a").await?.0, 401, "it was revoked before it was used");
    let (_, list) = run(&scene.setup, &["list"]).await?;
    let states: Vec<_> = list.as_array().context("a list")?.iter().map(|device| &device["state"]).collect();
    assert_eq!(states, ["waiting", "waiting"]);
    assert_eq!(run(&scene.setup, &["list", "--all"]).await?.1.as_array().map(Vec::len), Some(3));
    let people = scene.setup.run(&["door", "device", "list"]).await?.stdout;
    let people = String::from_utf8_lossy(&people);
    assert!(people.contains("n1") && people.contains("waits to be enrolled until"), "{people}");

    // The event is moved into the past, and its devices end with it.
    let device = Device::enrolled(&service, &made(&scene, "n3", "steward", &[]).await?).await?;
    assert_eq!(device.get("/events/gala/door").await?, 200);
    let set = ["event", "set", EVENT, "--starts-at", "2026-01-10T19:30:00+01:00", "--ends-at"];
    let over = seconds_ago(13 * 3600);
    let set: Vec<_> = set.into_iter().chain([over.as_str()]).collect();
    let set = scene.setup.run(&set).await?;
    assert_eq!(set.status.code(), Some(0), "{}", String::from_utf8_lossy(&set.stderr));
    eventually(PATIENCE, "the device's end", async || {
        Ok((device.get("/events/gala/door").await? == 401).then_some(()))
    })
    .await?;
    assert_eq!(run(&scene.setup, &["new", "--event", EVENT, "--role", "steward"]).await?.0, Some(1));
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}
