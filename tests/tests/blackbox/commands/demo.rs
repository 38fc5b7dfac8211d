//! Tests of the demo: what it issues, shows and does not touch.

use anyhow::{Context, Result};
use fulfillment_tests::scene::PATIENCE;
use fulfillment_tests::service::Setup;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

use super::err;

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
        let command = outcome["checkIn"].as_str().context("a command")?;
        for exit in [0, 1] {
            let shell =
                std::process::Command::new("sh").args(["-c", command]).current_dir(setup.data()).output()?;
            assert_eq!(shell.status.code(), Some(exit), "{command}: {} {}", super::out(&shell), err(&shell));
        }
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
    // It refuses the folder of a real installation.
    let folder = setup.data().display().to_string();
    let real = setup.run(&["demo", "--exit", "--count", "2", "--data", &folder]).await?;
    assert_eq!(real.status.code(), Some(2), "{}", err(&real));
    assert!(err(&real).contains("a configured installation"), "{}", err(&real));
    let wrong = setup.env("FULFILLMENT_DOCUMENT_TEMPLATE", "fone").run(&["demo", "--exit"]).await?;
    assert_eq!(wrong.status.code(), Some(2), "{}", err(&wrong));
    Ok(())
}

#[tokio::test]
async fn a_demo_says_where_it_is_and_drains_when_it_is_stopped() -> Result<()> {
    // A port of its own: demos of other tests take the usual one.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let setup = Setup::new()?.env("FULFILLMENT_HTTP_LISTEN", format!("127.0.0.1:{port}"));
    let first = setup.launch_demo(&["--count", "20"])?;
    eventually(PATIENCE, "the first one serves", async || Ok(first.log().contains("Serving").then_some(())))
        .await?;
    let second = setup.run(&["demo", "--exit", "--count", "2"]).await?;
    assert_eq!(second.status.code(), Some(2), "{}", err(&second));
    assert!(err(&second).contains("another demo is running in ./data-demo"), "{}", err(&second));
    let beside = setup.run(&["demo", "--exit", "--count", "2", "--data", "beside"]).await?;
    assert_eq!(beside.status.code(), Some(0), "{}", err(&beside));
    assert!(err(&beside).contains("is in use; listening on 127.0.0.1:"), "{}", err(&beside));
    let mut first = first;
    assert!(first.stop(PATIENCE).await?.success(), "{}", first.log());
    // It is stopped in the middle of the work.
    let mut busy = setup.launch_demo(&["--count", "5000"])?;
    let begun = async || Ok(setup.data().join("data-demo/tickets").read_dir()?.nth(200).map(|_| ()));
    eventually(PATIENCE, "it is at work", begun).await?;
    assert!(!busy.log().contains("tickets issued"), "it is not done: {}", busy.log());
    assert!(busy.stop(PATIENCE).await?.success(), "{}", busy.log());
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
