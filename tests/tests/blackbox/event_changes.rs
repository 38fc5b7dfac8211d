//! Tests of changes of events by the topic `event-changed`: each has the effects of an operator's, once.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

const STOP: Duration = Duration::from_secs(20);

/// Sends a change of an event as the system that plans events does: the event's id is the key.
async fn send(scene: &Scene, event: &str, change: &Value) -> Result<(i32, i64)> {
    let wire = scene.wire()?;
    wire.kafka.send(&wire.event_changed, Some(event), &[], Some(change.to_string().as_bytes())).await
}

/// Waits until the event has this name, and answers with its record.
async fn named(service: &Service, event: &str, name: &str) -> Result<Value> {
    let mut last = Value::Null;
    let found = eventually(PATIENCE, "the event has its name", async || {
        let response = service.get(&format!("/events/{event}")).await?;
        if response.status().as_u16() == 404 {
            return Ok(None);
        }
        last = response.error_for_status()?.json().await?;
        Ok((last["name"] == name).then(|| last.clone()))
    })
    .await;
    found.with_context(|| format!("event {event}: {last}"))
}

/// Waits until the group has committed all of the topic.
async fn caught_up(scene: &Scene) -> Result<()> {
    let wire = scene.wire()?;
    let end = wire.kafka.ends(&wire.event_changed).await?[&0].1;
    eventually(PATIENCE, "the topic is read", async || {
        let committed = wire.kafka.committed(&wire.group, &wire.event_changed).await?;
        Ok((committed.get(&0) == Some(&end)).then_some(()))
    })
    .await
}

async fn put(service: &Service, event: &str, change: &Value) -> Result<()> {
    let request = service.client().put(format!("{}/events/{event}", service.base()));
    let request = request.bearer_auth(fulfillment_tests::service::TOKEN);
    request
        .header("content-type", "application/json")
        .body(change.to_string())
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

async fn moved(scene: Scene) -> Result<()> {
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let mut service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    wire.pay(&Payment::of(order)).await?;
    let sold = service.order_in(order, "issued").await?;
    let event = sold["tickets"][0]["eventId"].as_str().context("an event")?.to_owned();
    let before = service.get_json(&format!("/events/{event}")).await?;

    let change = json!({
        "eventId": event, "name": "Gala, moved", "startsAt": "2099-01-10T19:30:00+01:00",
        "venueName": "Hall 2", "status": "postponed", "somethingElse": { "a": 1 },
    });
    send(&scene, &event, &change).await?;
    let after = named(&service, &event, "Gala, moved").await?;
    assert_eq!(
        (&after["startsAt"], &after["status"], &after["overrides"]["venueName"]),
        (&json!("2099-01-10T18:30:00Z"), &json!("postponed"), &json!("Hall 2"))
    );
    assert!(after["feedVersion"].as_u64() > before["feedVersion"].as_u64(), "{after}");
    assert_eq!(after["ordering"], before["ordering"]);
    let told = wire.told(&wire.event_updated, 1).await?.remove(0).json()?;
    assert_eq!((&told["eventId"], &told["name"]), (&json!(event), &json!("Gala, moved")));
    assert_eq!(told["sequence"], after["feedVersion"], "what scanners load has it");

    // One that arrives twice, and one that says what is so already.
    send(&scene, &event, &change).await?;
    send(&scene, &event, &json!({ "eventId": event, "status": "postponed" })).await?;
    // An operator's is later than it. What was planned before that comes late and loses; what is planned later counts.
    put(&service, &event, &json!({ "name": "Gala, by hand" })).await?;
    let late = json!({ "eventId": event, "name": "Gala, late", "changedAt": "2026-01-01T00:00:00Z" });
    send(&scene, &event, &late).await?;
    send(&scene, "unknown to us", &json!({ "eventId": "unknown to us", "name": "Ball" })).await?;
    named(&service, "unknown%20to%20us", "Ball").await?;
    assert_eq!(named(&service, &event, "Gala, by hand").await?["venueName"], "Hall 2");

    // The group's offsets are lost: everything is read again, and nothing changes.
    caught_up(&scene).await?;
    let stood = service.get_json(&format!("/events/{event}")).await?;
    assert!(service.stop(STOP).await?.success(), "{}", service.log());
    let updates = wire.kafka.all(&wire.event_updated).await?.len();
    assert_eq!(updates, 3, "moved, by hand, and the unknown one");
    wire.kafka.commit(&wire.group, &wire.event_changed, &BTreeMap::from([(0, 0)])).await?;
    let service = scene.start().await?;
    caught_up(&scene).await?;
    assert_eq!(service.get_json(&format!("/events/{event}")).await?, stood);
    send(&scene, &event, &json!({ "eventId": event, "name": null })).await?;
    named(&service, &event, before["name"].as_str().context("a name")?).await?;
    let next = wire.told(&wire.event_updated, updates + 1).await?.remove(updates).json()?;
    assert_eq!(next["name"], before["name"], "nothing was published in between");
    let audit = service.get_json("/audit?action=event.set").await?;
    let audited = audit["records"].as_array().context("the audit")?;
    let by: HashSet<_> = audited.iter().filter_map(|entry| entry["actor"].as_str()).collect();
    assert!(by.contains("event-changed") && by.len() == 2, "{by:?}");
    scene.settled(&service).await
}

#[tokio::test]
async fn a_change_by_topic_moves_the_event_once() -> Result<()> {
    moved(Scene::platform().await?).await
}

#[tokio::test]
async fn a_change_by_topic_moves_the_event_of_an_embedded_store_once() -> Result<()> {
    moved(Scene::embedded().await?.with_kafka().await?).await
}

async fn refused(scene: Scene) -> Result<()> {
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let run = async |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let output = scene.setup.run(&[&["--json"], arguments].concat()).await?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
    };
    wire.kafka.send(&wire.event_changed, Some("e"), &[("x-origin", "planner")], Some(b"no JSON")).await?;
    let early = json!({
        "eventId": "e", "name": "Gala", "startsAt": "2099-01-10T18:00:00Z", "endsAt": "2099-01-10T12:00:00Z",
    });
    send(&scene, "e", &early).await?;
    send(&scene, "e", &json!({ "eventId": "e", "name": "Ball" })).await?;
    named(&service, "e", "Ball").await?;
    let dead = wire.dead(2).await?;
    assert!(
        dead.iter().all(|letter| letter.header("dlq-topic").as_deref() == Some(wire.event_changed.as_str()))
    );
    assert!(dead.iter().any(|letter| letter.header("x-origin").as_deref() == Some("planner")));
    assert!(dead.iter().any(|letter| letter.header("dlq-field").as_deref() == Some("endsAt")));

    let (_, listed) = run(&["dlq", "list"]).await?;
    let letters = listed["letters"].as_array().context("letters")?;
    assert_eq!(letters.len(), 2, "{listed}");
    assert!(letters.iter().all(|letter| letter["about"] == "event_change"), "{listed}");
    let id = |wanted: &dyn Fn(&Value) -> bool| {
        letters.iter().find(|letter| wanted(&letter["field"])).map(|letter| letter["id"].to_string())
    };
    let contradiction = id(&|field| field == "endsAt").context("the contradiction")?;
    let no_json = id(&Value::is_null).context("what is no JSON")?;
    assert_eq!(run(&["dlq", "show", &contradiction]).await?.1["field"], "endsAt");
    assert_eq!(run(&["dlq", "replay", &contradiction]).await?.0, Some(1), "it contradicts itself as before");
    // The planner corrects the start. The rest of what was refused counts then, but for what was said since.
    send(&scene, "e", &json!({ "eventId": "e", "startsAt": "2099-01-10T10:00:00Z", "venueName": "Hall" }))
        .await?;
    eventually(PATIENCE, "the start", async || {
        Ok((service.get_json("/events/e").await?["venueName"] == "Hall").then_some(()))
    })
    .await?;
    let (code, replayed) = run(&["dlq", "replay", &contradiction]).await?;
    assert_eq!((code, &replayed[0]["outcome"]), (Some(0), &json!("the event was changed")), "{replayed}");
    let now = service.get_json("/events/e").await?;
    assert_eq!(
        (&now["name"], &now["startsAt"], &now["endsAt"]),
        (&json!("Ball"), &json!("2099-01-10T10:00:00Z"), &json!("2099-01-10T12:00:00Z"))
    );
    let told = wire.told(&wire.event_updated, 3).await?;
    assert_eq!(told[2].json()?["endsAt"], "2099-01-10T12:00:00Z");
    assert_eq!(run(&["dlq", "replay", &no_json]).await?.0, Some(1), "it is no JSON this time either");
    assert_eq!(run(&["dlq", "drop", &no_json, "--reason", "a test", "--yes"]).await?.0, Some(0));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_refused_change_is_a_dead_letter_and_replayed() -> Result<()> {
    refused(Scene::platform().await?).await
}

#[tokio::test]
async fn a_refused_change_is_a_dead_letter_of_the_embedded_store_too() -> Result<()> {
    refused(Scene::embedded().await?.with_kafka().await?).await
}

#[tokio::test]
async fn changes_outlive_a_service_that_is_killed_and_one_that_is_away() -> Result<()> {
    const EVENTS: usize = 20;
    let scene = Scene::platform().await?;
    let wire = scene.wire()?;
    let mut service = scene.start().await?;
    for round in 1..=3 {
        for n in 0..EVENTS {
            let change = json!({ "eventId": format!("e{n}"), "name": format!("round {round}") });
            send(&scene, &format!("e{n}"), &change).await?;
        }
        // In the first round while it reads, in the second while it is away.
        if round == 1 {
            service.kill()?;
        }
    }
    let service = scene.start().await?;
    for n in 0..EVENTS {
        named(&service, &format!("e{n}"), "round 3").await?;
    }
    caught_up(&scene).await?;
    scene.settled(&service).await?;
    // Each event's changes were published in their order, the last of them as it is in force.
    let mut last: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for update in wire.kafka.all(&wire.event_updated).await? {
        let update = update.json()?;
        let event = update["eventId"].as_str().context("an id")?.to_owned();
        let sequence = update["sequence"].as_u64().context("a sequence")?;
        let name = update["name"].as_str().context("a name")?.to_owned();
        if let Some((before, former)) = last.insert(event, (sequence, name.clone())) {
            assert!(before < sequence && former < name || (before, &former) == (sequence, &name));
        }
    }
    assert_eq!(last.len(), EVENTS);
    assert!(last.values().all(|(_, name)| name == "round 3"), "{last:?}");
    Ok(())
}

#[tokio::test]
async fn a_topic_that_does_not_exist_or_is_not_wanted_holds_nothing_up() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    for topic in [rig::unique("not-there"), String::new()] {
        let scene_setup = scene.setup.clone().env("FULFILLMENT_KAFKA_EVENT_CHANGED_TOPIC", topic);
        let mut service = scene_setup.start().await?;
        let order = rig::id();
        scene.wire()?.pay(&Payment::of(order)).await?;
        service.order_in(order, "issued").await?;
        assert_eq!(service.get("/health/ready").await?.status().as_u16(), 200);
        scene.settled(&service).await?;
        assert!(service.stop(STOP).await?.success(), "{}", service.log());
    }
    Ok(())
}
