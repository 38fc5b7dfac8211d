//! The command line, by exit codes and what it prints.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Setup;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_configuration_is_written_checked_and_its_faults_are_named() -> Result<()> {
    let setup = Setup::new()?;
    let written = setup.run(&["config", "init"]).await?;
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let file = setup.data().join("fulfillment.toml");
    let text = std::fs::read_to_string(&file)?;
    for name in ["FULFILLMENT_HTTP_LISTEN", "FULFILLMENT_KAFKA_BROKERS", "FULFILLMENT_PIPELINE_MAX_ATTEMPTS"]
    {
        assert!(text.contains(name), "{name} is documented");
    }
    assert_eq!(setup.run(&["config", "check"]).await?.status.code(), Some(0), "as written it is good");
    assert_eq!(setup.run(&["config", "init"]).await?.status.code(), Some(2), "never over another");
    assert_eq!(std::fs::read_to_string(&file)?, text);
    assert_eq!(out(&setup.run(&["config", "init", "-"]).await?), text);
    let elsewhere = setup.data().join("other.toml").display().to_string();
    let written = setup.run(&["config", "init", "--json", &elsewhere]).await?;
    assert_eq!(serde_json::from_slice::<Value>(&written.stdout)?, json!({ "file": elsewhere }));

    std::fs::write(
        &file,
        "[http]\nlisten = \"here\"\nlistne = 1\n[pipeline]\nlease = \"soon\"\n[kafak]\na = 1\n",
    )?;
    let bad = setup.clone().env("FULFILLMENT_STORE_ULR", "x");
    let said = bad.run(&["config", "check"]).await?;
    assert_eq!(said.status.code(), Some(1));
    for fault in [
        "http.listen",
        "did you mean listen",
        "pipeline.lease",
        "kafak",
        "did you mean FULFILLMENT_STORE_URL",
    ] {
        assert!(out(&said).contains(fault), "{fault} is not named: {}", out(&said));
    }
    let json: Value = serde_json::from_slice(&bad.run(&["config", "check", "--json"]).await?.stdout)?;
    assert_eq!((&json["ok"], json["problems"].as_array().map(Vec::len)), (&json!(false), Some(5)), "{json}");
    let (code, said) = bad.refused().await?;
    assert_eq!(code, Some(2), "serve does not start with it: {said}");
    Ok(())
}

/// What `serve` refuses with 2 because of its settings alone, `config check` says too, and by the same key.
#[tokio::test]
async fn whatever_serve_refuses_is_said_by_config_check() -> Result<()> {
    let setup = Setup::new()?;
    let empty = setup.data().join("empty");
    std::fs::write(&empty, "")?;
    let empty = empty.display().to_string();
    let faults: &[(&str, &[(&str, &str)])] = &[
        ("FULFILLMENT_PIPELINE_LEASE", &[("PIPELINE_LEASE", "1ms")]),
        ("FULFILLMENT_PIPELINE_WORKERS", &[("PIPELINE_WORKERS", "4611686018427387904")]),
        ("FULFILLMENT_STORE_MAX_CONNECTIONS", &[("STORE_MAX_CONNECTIONS", "0")]),
        ("FULFILLMENT_ORDERING_TOKEN_FILE", &[("ORDERING_TOKEN_FILE", &empty)]),
        ("FULFILLMENT_HTTP_TOKEN_FILE", &[("HTTP_TOKEN_FILE", "/dev/null")]),
        ("store.schema", &[("STORE_URL", "postgres://127.0.0.1:9/x"), ("STORE_SCHEMA", "Tickets")]),
        ("store.url", &[("STORE_URL", "postgres://127.0.0.1:port/x")]),
        ("files.url", &[("FILES_URL", "s3://")]),
        ("files.url", &[("FILES_URL", "az://tickets")]),
        ("log.level", &[("LOG_LEVEL", "info=info=info")]),
        ("webhook.url", &[("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]),
        ("ordering.token", &[("ORDERING_URL", "http://127.0.0.1:9"), ("ORDERING_TOKEN", "a\u{1}b")]),
        (
            "kafka.sasl_username",
            &[
                ("KAFKA_BROKERS", "127.0.0.1:9"),
                ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
                ("KAFKA_SASL_PASSWORD", "x"),
            ],
        ),
        (
            "kafka.ssl_ca",
            &[
                ("KAFKA_BROKERS", "127.0.0.1:9"),
                ("KAFKA_SECURITY_PROTOCOL", "ssl"),
                ("KAFKA_SSL_CA", "/nowhere/ca.pem"),
            ],
        ),
    ];
    for (key, variables) in faults {
        let bad = variables
            .iter()
            .fold(setup.clone(), |setup, (name, value)| setup.env(&format!("FULFILLMENT_{name}"), *value));
        let said = bad.run(&["config", "check", "--json"]).await?;
        assert_eq!(said.status.code(), Some(1), "{key}: {}", out(&said));
        let said: Value = serde_json::from_slice(&said.stdout)?;
        let keys: Vec<_> =
            said["problems"].as_array().context("problems")?.iter().map(|p| &p["key"]).collect();
        assert_eq!(keys, [*key], "{said}");
        let (code, said) = bad.refused().await?;
        assert_eq!(code, Some(2), "{key}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_misspelt_section_is_named_and_stops_nothing() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_TOKEN", "x")
        .env("FULFILLMENT_KAFAK_BROKERS", "a:1")
        .env("FULFILLMENT_SERVICE_HOST", "10.0.0.11")
        .env("FULFILLMENT_SERVICE_PORT", "5004")
        .env("FULFILLMENT_PORT", "tcp://10.0.0.11:5004")
        .env("FULFILLMENT_PORT_5004_TCP_ADDR", "10.0.0.11");
    let said = setup.run(&["config", "check"]).await?;
    assert_eq!(said.status.code(), Some(1));
    let mut lines: Vec<_> = out(&said).lines().map(str::to_owned).collect();
    lines.sort();
    let expected = [
        "FULFILLMENT_KAFAK_BROKERS: is unknown; did you mean FULFILLMENT_KAFKA_BROKERS?",
        "FULFILLMENT_TOKEN: is unknown; did you mean FULFILLMENT_HTTP_TOKEN?",
    ];
    assert_eq!(lines, expected);
    let service = setup.start().await?;
    let log = service.log();
    assert!(log.contains("WARN") && log.contains("FULFILLMENT_KAFAK_BROKERS"), "{log}");
    assert!(!log.contains("SERVICE_HOST"), "{log}");
    Ok(())
}

#[tokio::test]
async fn serve_says_to_machines_where_it_serves() -> Result<()> {
    let service = Setup::new()?.roles("http,relay").machine_readable().start().await?;
    // It can be reached a moment before it says so.
    let line = eventually(PATIENCE, "a line of JSON", async || {
        Ok(service.log().lines().find(|line| line.starts_with('{')).map(str::to_owned))
    })
    .await?;
    let said: Value = serde_json::from_str(&line)?;
    let address = service.base().trim_start_matches("http://");
    assert_eq!(said, json!({ "address": address, "roles": ["http", "relay"] }));
    Ok(())
}

/// Only `serve`, `migrate` and `demo` make anything; and what they make is for the owner and the group.
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
        // What breaks off is refused as a whole.
        if n == 0 {
            std::fs::write(&file, &bytes[..bytes.len() - 10])?;
            let said = scene.setup.run(&["ingest", &name]).await?;
            assert_eq!(said.status.code(), Some(2));
            assert!(err(&said).contains("the file's end comes at line 3"), "{}", err(&said));
            assert!(err(&said).contains("nothing was taken"), "{}", err(&said));
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
    assert_eq!(by_id, service.get_json(&format!("/tickets/{id}")).await?, "the same record as over HTTP");
    let number = by_id["ticketNumber"].as_str().context("a number")?;
    for spelled in [number.to_owned(), number.to_lowercase(), format!("{}-{}", &number[..5], &number[5..])] {
        let shown = scene.setup.run(&["ticket", "show", &spelled]).await?;
        assert_eq!(shown.status.code(), Some(0), "{spelled}: {}", err(&shown));
        assert!(out(&shown).contains(id), "{spelled}");
    }
    // Nothing waits, which is the answer to a number that is known.
    let idle = scene.setup.run(&["retry", "--ticket", number]).await?;
    assert_eq!(idle.status.code(), Some(1), "{}", err(&idle));
    assert!(out(&idle).contains("nothing to set going"), "{}", out(&idle));
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
    // Or with the key files, and not the secret.
    std::fs::create_dir_all(door.data().join("keys"))?;
    let listed: Value = serde_json::from_slice(&scene.setup.run(&["keys", "list", "--json"]).await?.stdout)?;
    for made in listed.as_array().context("keys")? {
        let file = std::path::PathBuf::from(made["file"].as_str().context("a file")?);
        std::fs::copy(&file, door.data().join("keys").join(file.file_name().context("a name")?))?;
    }
    let said = door.run(&["verify", code]).await?;
    assert_eq!(said.status.code(), Some(0));
    assert!(out(&said).contains("voids and reissues were not checked"), "{}", out(&said));
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
        // A file that is not there is no store; a database without the schema is one of another state.
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
async fn the_demo_issues_its_tickets_and_ends() -> Result<()> {
    let setup = Setup::new()?;
    let mut total = 0;
    for _ in 0..2 {
        let said = setup.run(&["demo", "--exit", "--json", "--count", "20"]).await?;
        assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        let outcome: Value = serde_json::from_slice(&said.stdout)?;
        assert_eq!((&outcome["orders"], &outcome["retrying"]), (&json!(20), &json!(1)), "{outcome}");
        assert_eq!(outcome["deadLettered"], 1, "{outcome}");
        let path = outcome["ticketPath"].as_str().context("a ticket's path")?;
        assert_eq!(setup.run(&["verify", path]).await?.status.code(), Some(2), "the keys are the demo's own");
        let command = outcome["verify"].as_str().context("a command")?;
        assert!(command.ends_with(path), "{command}");
        let verified =
            std::process::Command::new("sh").args(["-c", command]).current_dir(setup.data()).output()?;
        assert_eq!(verified.status.code(), Some(0), "{command}: {}", err(&verified));
        assert_eq!((&outcome["parked"], outcome["missingGlyphs"].is_u64()), (&json!(0), true), "{outcome}");
        let issued = outcome["issued"].as_u64().context("a count")?;
        assert!((19..=152).contains(&issued), "{outcome}");
        total += issued;
        let files = std::fs::read_dir(setup.data().join("data-demo/tickets"))?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pdf"))
            .count();
        assert_eq!(u64::try_from(files)?, total, "every run draws fresh orders");
    }
    Ok(())
}

#[tokio::test]
async fn a_demo_shows_what_the_settings_say_and_leaves_the_real_ones_alone() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_DOCUMENT_TEMPLATE", "phone")
        .env("FULFILLMENT_STORE_URL", "postgres://nobody:x@127.0.0.1:9/real")
        .env("FULFILLMENT_FILES_URL", "file:///real/tickets")
        .env("FULFILLMENT_KAFKA_BROKERS", "127.0.0.1:9")
        .env("FULFILLMENT_ORDERING_URL", "http://127.0.0.1:9")
        .env("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example");
    let said = setup.run(&["demo", "--exit", "--json", "--count", "2"]).await?;
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    let outcome: Value = serde_json::from_slice(&said.stdout)?;
    assert!(outcome["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{outcome}");
    let own = setup.data().join("data-demo/fulfillment.db");
    let ticket = outcome["ticketPath"].as_str().and_then(|path| path.rsplit('/').next()).context("a file")?;
    let own = format!("sqlite://{}", own.display());
    let beside = setup.clone().without("FULFILLMENT_KAFKA_BROKERS").env("FULFILLMENT_STORE_URL", own);
    let shown = beside.run(&["ticket", "show", "--json", ticket.trim_end_matches(".pdf")]).await?;
    let shown: Value = serde_json::from_slice(&shown.stdout).with_context(|| err(&shown))?;
    assert!(shown["template"].as_str().is_some_and(|t| t.starts_with("phone/")), "{shown}");
    // A real installation is not played with.
    let folder = setup.data().display().to_string();
    let real = setup.run(&["demo", "--exit", "--count", "2", "--data", &folder]).await?;
    assert_eq!(real.status.code(), Some(2), "{}", err(&real));
    assert!(err(&real).contains("a real installation"), "{}", err(&real));
    let wrong = setup.env("FULFILLMENT_DOCUMENT_TEMPLATE", "fone").run(&["demo", "--exit"]).await?;
    assert_eq!(wrong.status.code(), Some(2), "{}", err(&wrong));
    Ok(())
}

#[tokio::test]
async fn a_demo_says_where_it_is_and_drains_when_it_is_stopped() -> Result<()> {
    let setup = Setup::new()?;
    let first = setup.launch_demo(&["--count", "20"])?;
    eventually(PATIENCE, "the first one serves", async || Ok(first.log().contains("Serving").then_some(())))
        .await?;
    let second = setup.run(&["demo", "--exit", "--count", "2"]).await?;
    assert_eq!(second.status.code(), Some(2), "{}", err(&second));
    assert!(err(&second).contains("another demo is at work in ./data-demo"), "{}", err(&second));
    let beside = setup.run(&["demo", "--exit", "--count", "2", "--data", "beside"]).await?;
    assert_eq!(beside.status.code(), Some(0), "{}", err(&beside));
    assert!(err(&beside).contains("is taken; listening on 127.0.0.1:"), "{}", err(&beside));
    let mut first = first;
    assert!(first.stop(PATIENCE).await?.success(), "{}", first.log());
    // In the middle of the work.
    let mut busy = setup.launch_demo(&["--count", "5000"])?;
    let begun = async || Ok(setup.data().join("data-demo/tickets").read_dir()?.nth(200).map(|_| ()));
    eventually(PATIENCE, "it is at work", begun).await?;
    assert!(!busy.log().contains("tickets issued"), "it is not done: {}", busy.log());
    assert!(busy.stop(PATIENCE).await?.success(), "{}", busy.log());
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
async fn a_seed_draws_the_same_demo_again_and_finds_only_duplicates() -> Result<()> {
    let setup = Setup::new()?;
    let run = async || -> Result<Value> {
        let said = setup.run(&["demo", "--exit", "--json", "--count", "10", "--seed", "7"]).await?;
        assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        Ok(serde_json::from_slice(&said.stdout)?)
    };
    let (first, second) = (run().await?, run().await?);
    assert!(first["issued"].as_u64().is_some_and(|issued| issued >= 9), "{first}");
    assert_eq!((&second["issued"], &second["retrying"]), (&json!(0), &json!(0)), "{second}");
    assert!(second["duplicate"].as_u64().is_some_and(|duplicates| duplicates >= 10), "{second}");
    assert_eq!(first["ticketPath"], second["ticketPath"]);
    Ok(())
}

#[tokio::test]
async fn a_drain_that_outlasts_the_session_is_refused() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_KAFKA_BROKERS", "127.0.0.1:9")
        .env("FULFILLMENT_KAFKA_SESSION_TIMEOUT", "10s")
        .env("FULFILLMENT_PIPELINE_DRAIN", "10s");
    let (code, said) = setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("pipeline.drain") && said.contains("kafka.session_timeout"), "{said}");
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

/// The names under "Commands:", but for clap's own.
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
