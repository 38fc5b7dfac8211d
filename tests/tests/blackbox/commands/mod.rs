//! Tests of the command line: exit codes and output.

mod config;
mod demo;
mod files;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Setup;
use serde_json::Value;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Only `serve`, `migrate` and `demo` create files; these are accessible to the owner and the group.
#[tokio::test]
async fn a_command_that_asks_a_store_makes_none() -> Result<()> {
    let setup = Setup::new()?;
    let data = setup.data().join("new");
    let setup = setup.env("FULFILLMENT_DATA_DIR", data.display().to_string());
    std::fs::write(setup.data().join("payments.ndjson"), "{}\n")?;
    let nobody = rig::id().to_string();
    for command in [
        vec!["ticket", "show", &nobody],
        vec!["order", "show", &nobody],
        vec!["retry", "--all"],
        vec!["retry", "--order", &nobody],
        vec!["ingest", "payments.ndjson"],
    ] {
        let said = setup.run(&command).await?;
        assert_eq!(said.status.code(), Some(3), "{command:?}: {}", err(&said));
        assert!(
            err(&said).contains("new/fulfillment.db") && err(&said).contains("migrate"),
            "{}",
            err(&said)
        );
    }
    for command in [vec!["keys", "list"], vec!["keys", "new"], vec!["migrate", "--check"]] {
        assert_eq!(setup.run(&command).await?.status.code(), Some(1), "{command:?}");
    }
    let adopt = setup.run(&["keys", "adopt-secret", "--yes-the-old-one-is-lost"]).await?;
    assert_eq!(adopt.status.code(), Some(1), "{}", err(&adopt));
    assert!(!data.exists(), "nothing was made");

    assert_eq!(setup.run(&["migrate"]).await?.status.code(), Some(0));
    let mode =
        |name: &str| -> Result<u32> { Ok(std::fs::metadata(data.join(name))?.permissions().mode() & 0o777) };
    assert_eq!((mode("")?, mode("fulfillment.db")?), (0o750, 0o640));
    let service = setup.start().await?;
    for beside in ["fulfillment.db-wal", "fulfillment.db-shm"] {
        assert_eq!(mode(beside)?, 0o640, "{beside}");
    }
    drop(service);
    Ok(())
}

#[tokio::test]
async fn tickets_and_orders_are_shown_by_id_and_by_number() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    scene.wire()?.pay(&Payment::of(order)).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?;
    let by_id: Value =
        serde_json::from_slice(&scene.setup.run(&["ticket", "show", "--json", id]).await?.stdout)?;
    // The service was started on a port of its own, which the command's settings do not name.
    let mut over_http = service.get_json(&format!("/tickets/{id}")).await?;
    let path = |record: &Value| {
        let url = record["ticketPdfUrl"].as_str().and_then(|url| url.split_once("/tickets/"));
        url.map(|(_, path)| path.to_owned())
    };
    assert!(path(&by_id).is_some() && path(&by_id) == path(&over_http), "{by_id} {over_http}");
    over_http["ticketPdfUrl"] = by_id["ticketPdfUrl"].clone();
    assert_eq!(by_id, over_http, "the same record as over HTTP");
    let number = by_id["ticketNumber"].as_str().context("a number")?;
    for spelled in [number.to_owned(), number.to_lowercase(), format!("{}-{}", &number[..5], &number[5..])] {
        let shown = scene.setup.run(&["ticket", "show", &spelled]).await?;
        assert_eq!(shown.status.code(), Some(0), "{spelled}: {}", err(&shown));
        assert!(out(&shown).contains(id), "{spelled}");
    }
    // Nothing waits, which is the answer for a known number.
    let idle = scene.setup.run(&["retry", "--ticket", number]).await?;
    assert_eq!(idle.status.code(), Some(1), "{}", err(&idle));
    assert!(out(&idle).contains("nothing to retry"), "{}", out(&idle));
    let nobody = rig::id().to_string();
    assert_eq!(scene.setup.run(&["retry", "--ticket", "x"]).await?.status.code(), Some(2));
    assert_eq!(scene.setup.run(&["ticket", "show", &nobody]).await?.status.code(), Some(1));
    assert_eq!(scene.setup.run(&["ticket", "show", "x"]).await?.status.code(), Some(2));
    assert_eq!(scene.setup.run(&["order", "show", &nobody]).await?.status.code(), Some(1));
    assert_eq!(scene.setup.run(&["order", "show", "x"]).await?.status.code(), Some(2));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_door_needs_the_published_keys_alone() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let code = record["tickets"][0]["qrCodeData"].as_str().context("a code")?;
    let published = scene.setup.data().join("jwks.json");
    std::fs::write(&published, service.get_json("/.well-known/ticket-keys.json").await?.to_string())?;
    let door = Setup::new()?;
    let keys = published.display().to_string();
    assert_eq!(door.run(&["verify", "--keys", &keys, code]).await?.status.code(), Some(0));
    assert_eq!(door.run(&["verify", code]).await?.status.code(), Some(2), "no keys at all");
    // Or with the key files, but not the secret.
    std::fs::create_dir_all(door.data().join("keys"))?;
    let listed: Value = serde_json::from_slice(&scene.setup.run(&["keys", "list", "--json"]).await?.stdout)?;
    for made in listed.as_array().context("keys")? {
        let file = std::path::PathBuf::from(made["file"].as_str().context("a file")?);
        std::fs::copy(&file, door.data().join("keys").join(file.file_name().context("a name")?))?;
    }
    let said = door.run(&["verify", code]).await?;
    assert_eq!(said.status.code(), Some(0));
    assert!(out(&said).contains("voids and reissues were not checked"), "{}", out(&said));
    assert!(out(&said).contains(&format!("keys: {}/keys", door.data().display())), "{}", out(&said));
    // A file that lies where it runs does not name the keys to judge by; one that is named does.
    let stranger = Setup::new()?.without("FULFILLMENT_DATA_DIR");
    let planted = stranger.data().join("fulfillment.toml");
    std::fs::write(&planted, format!("[data]\ndir = {:?}\n", door.data()))?;
    let said = stranger.run(&["verify", code]).await?;
    assert_eq!(said.status.code(), Some(2), "{}", out(&said));
    assert!(err(&said).contains("--config"), "{}", err(&said));
    let named = ["verify", "--json", "--config", "fulfillment.toml", code];
    let said: Value = serde_json::from_slice(&stranger.run(&named).await?.stdout)?;
    assert_eq!(said["keysFrom"], door.data().join("keys").display().to_string(), "{said}");
    scene.settled(&service).await
}

#[tokio::test]
async fn migrate_says_what_is_missing_and_does_it() -> Result<()> {
    for scene in [Scene::embedded().await?, Scene::embedded().await?.with_postgres().await?] {
        let check = scene.setup.run(&["migrate", "--check", "--json"]).await?;
        assert_eq!(check.status.code(), Some(1), "{}", err(&check));
        let pending: Value = serde_json::from_slice(&check.stdout)?;
        assert!(pending["pending"].as_array().is_some_and(|p| !p.is_empty()), "{pending}");
        let early = scene.setup.run(&["order", "show", &rig::id().to_string()]).await?;
        // A missing file is not a store; a database without the schema is a store in another state.
        let code = if scene.database().is_ok() { 2 } else { 3 };
        assert_eq!(early.status.code(), Some(code));
        assert!(err(&early).contains("fulfillment migrate"), "{}", err(&early));
        assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0));
        assert_eq!(scene.setup.run(&["migrate"]).await?.status.code(), Some(0), "again");
        assert_eq!(scene.setup.run(&["migrate", "--check"]).await?.status.code(), Some(0));
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_judged_as_a_file_is_judged_as_a_code() -> Result<()> {
    let setup = Setup::new()?;
    let blank = setup.data().join("blank.png");
    // One white pixel.
    let png = "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55\
               0000000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082";
    std::fs::write(&blank, hex::decode(png)?)?;
    let broken = setup.data().join("broken.pdf");
    std::fs::write(&broken, "%PDF-1.7\nand nothing more")?;
    let text = setup.data().join("text.txt");
    std::fs::write(&text, "hello")?;
    let large = setup.data().join("large.pdf");
    std::fs::File::create(&large)?.set_len((64 << 20) + 1)?;
    for (input, code, verdict) in [
        ("ticket.pdf", 1, "malformed"),
        ("TK1:GARBAGE", 1, "malformed"),
        ("blank.png", 1, "no_code"),
        ("broken.pdf", 1, "unreadable"),
        ("text.txt", 2, "unreadable"),
        ("large.pdf", 2, "unreadable"),
    ] {
        let said = setup.run(&["verify", "--json", input]).await?;
        assert_eq!(said.status.code(), Some(code), "{input}: {}", err(&said));
        let said: Value = serde_json::from_slice(&said.stdout).context(input)?;
        assert_eq!(said["verdict"], verdict, "{input}: {said}");
    }
    let said = setup.run(&["verify", "ticket.pdf"]).await?;
    assert!(out(&said).contains("no file has this name"), "{}", out(&said));
    Ok(())
}

#[tokio::test]
async fn wrong_use_ends_with_2_and_every_command_has_help() -> Result<()> {
    let setup = Setup::new()?;
    for wrong in
        [vec!["fly"], vec!["serve", "--roles", "cook"], vec!["retry"], vec!["serve", "--config", "/nowhere"]]
    {
        assert_eq!(setup.run(&wrong).await?.status.code(), Some(2), "{wrong:?}");
    }
    let mut commands = vec![Vec::new()];
    let mut leaves = Vec::new();
    while let Some(command) = commands.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = setup.run(&arguments).await?;
        assert_eq!(help.status.code(), Some(0), "{arguments:?}");
        let help = out(&help);
        let below = subcommands(&help);
        if !command.is_empty() {
            assert!(help.contains("Example"), "{arguments:?} has no example");
            assert!(help.contains(&format!("fulfillment {}", command.join(" "))), "{arguments:?}: {help}");
        }
        if below.is_empty() {
            leaves.push(command.join(" "));
        }
        commands.extend(below.into_iter().map(|name| [&command[..], &[name]].concat()));
    }
    for leaf in ["demo", "serve", "ticket show", "keys adopt-secret", "config check", "health"] {
        assert!(leaves.iter().any(|l| l == leaf), "{leaf} is not among {leaves:?}");
    }
    Ok(())
}

/// The names under "Commands:", except clap's own.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
