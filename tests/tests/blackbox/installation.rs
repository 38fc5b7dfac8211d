//! Tests that a start detects store, keys and files that do not belong together, before it does harm.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};

#[tokio::test]
async fn two_first_starts_at_once_agree_on_keys_and_schema() -> Result<()> {
    let scene = Scene::platform().await?;
    let (mut one, mut other) = (scene.setup.launch()?, scene.setup.launch()?);
    one.ready(PATIENCE).await?;
    other.ready(PATIENCE).await?;
    let jwks = one.get_json("/.well-known/ticket-keys.json").await?;
    assert_eq!(jwks, other.get_json("/.well-known/ticket-keys.json").await?);
    assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(1), "{jwks}");
    assert_eq!((&jwks["keys"][0]["kty"], &jwks["keys"][0]["crv"]), (&"OKP".into(), &"Ed25519".into()));
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    for service in [&one, &other] {
        let order = rig::id();
        service.pay(Payment::of(order).json()).await?;
        service.order_in(order, "issued").await?;
    }
    scene.settled(&one).await
}

#[tokio::test]
async fn other_keys_than_the_stores_are_refused() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let strangers = tempfile::tempdir()?;
    // No keys at all: none are created, because the store has records of others.
    let empty = scene.setup.clone().env("FULFILLMENT_CREDENTIAL_KEYS_DIR", path(strangers.path()));
    let (code, said) = empty.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("mount"), "it says what to do: {said}");
    assert!(std::fs::read_dir(strangers.path())?.all(|e| e.is_ok_and(|e| e.path().extension().is_none())));
    // The keys of another installation.
    let elsewhere = Scene::embedded().await?;
    drop(elsewhere.start().await?);
    let keys = elsewhere.setup.data().join("keys");
    let (code, said) =
        scene.setup.clone().env("FULFILLMENT_CREDENTIAL_KEYS_DIR", path(&keys)).refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("do not belong to this store"), "{said}");
    assert_eq!(scene.record.number("SELECT count(*) FROM keys").await?, 1, "strangers leave nothing behind");
    scene.settled(&service).await
}

#[tokio::test]
async fn another_file_storage_is_refused_and_nothing_is_healed_into_it() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    assert!(service.stop(PATIENCE).await?.success());
    drop(service);
    // An empty folder, as when a volume was not mounted.
    let empty = tempfile::tempdir()?;
    let wrong = scene.setup.clone().env("FULFILLMENT_FILES_URL", format!("file://{}", path(empty.path())));
    let (code, said) = wrong.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is not the storage"), "{said}");
    // The folder of another installation.
    let elsewhere = Scene::embedded().await?;
    drop(elsewhere.start().await?);
    let folder = path(&elsewhere.tickets_folder());
    let (code, said) =
        scene.setup.clone().env("FULFILLMENT_FILES_URL", format!("file://{folder}")).refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        std::fs::read_dir(empty.path())?.flatten().all(|e| e.path().extension().is_none_or(|x| x != "pdf"))
    );
    // The right one with a damaged marker.
    let marker = scene.tickets_folder().join(".fulfillment-storage");
    let whole = std::fs::read(&marker)?;
    std::fs::write(&marker, "not this\n")?;
    let (code, said) = scene.setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("holds no UUID"), "{said}");
    std::fs::write(&marker, whole)?;
    // The right one is still accepted.
    let service = scene.start().await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn another_place_in_a_bucket_is_another_storage() -> Result<()> {
    let (right, wrong) = (rig::s3()?, rig::s3()?);
    let scene = Scene::embedded().await?;
    let setup = scene.setup.clone().files(&right);
    let mut service = setup.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    assert!(service.stop(PATIENCE).await?.success());
    drop(service);
    let (code, said) = scene.setup.clone().files(&wrong).refused().await?;
    assert_eq!(code, Some(2), "{said}");
    scene.settled(&setup.start().await?).await
}

#[tokio::test]
async fn one_embedded_store_has_one_server() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let (code, said) = scene.setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    // The running one is not affected, and commands may run beside it.
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    let shown = scene.setup.run(&["order", "show", &order.to_string()]).await?;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    scene.settled(&service).await
}

#[tokio::test]
async fn an_earlier_services_tables_are_named_and_left_alone() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let database = scene.database()?;
    database
        .execute(
            "CREATE SCHEMA bc_fulfillment;
             CREATE TABLE bc_fulfillment.\"Tickets\" (\"Id\" uuid PRIMARY KEY, \"OrderId\" uuid, \"Status\" int);
             INSERT INTO bc_fulfillment.\"Tickets\" VALUES (gen_random_uuid(), gen_random_uuid(), 3)",
        )
        .await?;
    let said = scene.setup.run(&["migrate"]).await?;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{text}");
    assert!(text.contains("Tickets") && text.contains("nothing was altered"), "{text}");
    let (code, _) = scene.setup.refused().await?;
    assert_eq!(code, Some(2));
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'bc_fulfillment'";
    assert_eq!(database.number(tables).await?, 1, "nothing was added");
    let columns = "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) AS names \
                   FROM information_schema.columns WHERE table_schema = 'bc_fulfillment'";
    assert_eq!(database.rows(columns).await?[0]["names"], "Id,OrderId,Status");
    assert_eq!(database.number("SELECT count(*) FROM bc_fulfillment.\"Tickets\"").await?, 1);
    // Another schema is not in use.
    let beside = scene.setup.clone().env("FULFILLMENT_STORE_SCHEMA", "fulfillment_new");
    assert_eq!(beside.run(&["migrate"]).await?.status.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn the_parts_of_the_work_can_be_processes_of_their_own() -> Result<()> {
    let scene = Scene::platform().await?;
    let public = scene.setup.clone().roles("http").start().await?;
    // Links must lead to the process that serves them.
    let hidden = scene.setup.clone().env("FULFILLMENT_HTTP_PUBLIC_URL", public.base());
    let mut others = Vec::new();
    for role in ["ingest", "issue", "relay"] {
        others.push(hidden.clone().roles(role).start().await?);
    }
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let (by_topic, by_http) = (rig::id(), rig::id());
    scene.wire()?.pay(&Payment::of(by_topic)).await?;
    public.pay(Payment::of(by_http).json()).await?;
    for event in scene.wire()?.issued(2).await? {
        let event = event.json()?;
        let link = event["ticketPdfUrl"].as_str().context("a link")?;
        assert_eq!(public.client().get(link).send().await?.status(), 200);
    }
    for other in &others {
        assert_eq!(other.get(&format!("/orders/{by_topic}")).await?.status(), 404, "not its role");
        assert_eq!(other.get("/metrics").await?.status(), 200);
    }
    scene.settled(&public).await
}

#[tokio::test]
async fn servers_that_cannot_be_reached_end_the_start_with_3() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_STORE_URL", "postgres://nobody@127.0.0.1:9/none")
        .set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "1s");
    let (code, said) = scene.setup.refused().await?;
    assert_eq!(code, Some(3), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_unknown_broker_does_not_keep_tickets_from_being_served() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_KAFKA_BROKERS", "127.0.0.1:9");
    let mut service = scene.start().await?;
    scene.leaves("no broker takes the event");
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?;
    assert_eq!(service.get(&format!("/tickets/{id}.pdf")).await?.status(), 200);
    assert!(service.stop(PATIENCE).await?.success(), "it stops within its time");
    Ok(())
}

fn path(path: &std::path::Path) -> String {
    path.display().to_string()
}
