//! Tests of configuration: settings that are written, checked and refused, and what `serve` reports about them.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result};
use fulfillment_tests::scene::PATIENCE;
use fulfillment_tests::service::Setup;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

use super::{err, out};

#[tokio::test]
async fn a_configuration_is_written_checked_and_its_faults_are_named() -> Result<()> {
    let setup = Setup::new()?;
    let written = setup.run(&["config", "init"]).await?;
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let file = setup.data().join("fulfillment.toml");
    let text = std::fs::read_to_string(&file)?;
    let mode = std::fs::metadata(&file)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it will have tokens and passwords");
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
    // Those that a start would find only afterwards are named with them.
    let later = bad
        .clone()
        .env("FULFILLMENT_LOG_LEVEL", "verbose")
        .env("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example")
        .without("FULFILLMENT_HTTP_TOKEN")
        .env("FULFILLMENT_DATA_DIR", "/dev/null/data");
    let said = later.run(&["config", "check"]).await?;
    for fault in ["http.listen", "log.level", "http.public_url", "data.dir"] {
        assert!(out(&said).contains(fault), "{fault} is not named: {}", out(&said));
    }
    let json: Value = serde_json::from_slice(&bad.run(&["config", "check", "--json"]).await?.stdout)?;
    assert_eq!((&json["ok"], json["problems"].as_array().map(Vec::len)), (&json!(false), Some(5)), "{json}");
    let (code, said) = bad.refused().await?;
    assert_eq!(code, Some(2), "serve does not start with it: {said}");
    Ok(())
}

#[tokio::test]
async fn what_will_hurt_is_warned_of() -> Result<()> {
    let setup = Setup::new()?;
    let token = setup.data().join("token");
    std::fs::write(&token, "a-token-of-thirty-two-characters-or-more")?;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644))?;
    let gone = setup.data().join("volume").display().to_string();
    let setup = setup
        .without("FULFILLMENT_HTTP_TOKEN")
        .env("FULFILLMENT_HTTP_TOKEN_FILE", token.display().to_string())
        .env("FULFILLMENT_HTTP_LISTEN", "0.0.0.0:5004")
        .env("FULFILLMENT_FILES_URL", format!("file://{gone}"))
        .env("FULFILLMENT_CREDENTIAL_FORM", "platform")
        .env("FULFILLMENT_HTTP_ALLOW_ANONYMOUS", "true")
        .env("FULFILLMENT_HTTP_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0");
    let said = setup.run(&["config", "check", "--json"]).await?;
    assert_eq!(said.status.code(), Some(0), "a warning stops nothing: {}", out(&said));
    let said: Value = serde_json::from_slice(&said.stdout)?;
    let keys: Vec<_> =
        said["warnings"].as_array().context("warnings")?.iter().filter_map(|w| w["key"].as_str()).collect();
    let expected = [
        "http.public_url",
        "http.allow_anonymous",
        "http.trusted_proxies",
        "ordering.url",
        "credential.form",
        "files.url",
        "FULFILLMENT_HTTP_TOKEN_FILE",
    ];
    assert_eq!(keys, expected, "{said}");
    let printed = setup.run(&["config", "check"]).await?;
    let printed = out(&printed);
    assert!(printed.contains("warning: files.url: ") && printed.contains("(mode 0644)"), "{printed}");
    assert!(printed.ends_with("the configuration is valid\n"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn keys_that_everybody_can_read_stop_the_start_unless_accepted() -> Result<()> {
    let setup = Setup::new()?;
    let mut service = setup.start().await?;
    service.stop(PATIENCE).await?;
    let secret = setup.data().join("keys/secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644))?;
    let (code, said) = setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("chmod 600") && said.contains("credential.allow_readable_keys"), "{said}");
    let checked = setup.run(&["config", "check"]).await?;
    assert_eq!(checked.status.code(), Some(1));
    assert!(out(&checked).contains("credential.keys_dir: "), "{}", out(&checked));
    let accepting = setup.env("FULFILLMENT_CREDENTIAL_ALLOW_READABLE_KEYS", "true");
    assert_eq!(accepting.run(&["config", "check"]).await?.status.code(), Some(0));
    accepting.start().await?;
    Ok(())
}

/// What `serve` refuses with exit code 2 because of its settings alone, `config check` also reports, under the same
/// key.
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
        ("data.dir", &[("DATA_DIR", "/dev/null/data")]),
        ("store.url", &[("STORE_URL", "sqlite:///dev/null/fulfillment.db")]),
        ("files.url", &[("FILES_URL", "file:///dev/null/tickets")]),
        ("credential.keys_dir", &[("CREDENTIAL_KEYS_DIR", "/dev/null/keys")]),
        ("FULFILLMENT_HTTP_HOSTS", &[("HTTP_HOSTS", "box.example,*")]),
        ("log.level", &[("LOG_LEVEL", "info=info=info")]),
        ("log.level", &[("LOG_LEVEL", "verbose")]),
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
    let printed = out(&said);
    let mut lines: Vec<_> = printed.lines().filter(|line| !line.starts_with("warning: ")).collect();
    lines.sort_unstable();
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
    // It can be reached slightly before it prints its address.
    let line = eventually(PATIENCE, "a line of JSON", async || {
        Ok(service.log().lines().find(|line| line.starts_with('{')).map(str::to_owned))
    })
    .await?;
    let said: Value = serde_json::from_str(&line)?;
    let address = service.base().trim_start_matches("http://");
    assert_eq!(said, json!({ "address": address, "roles": ["http", "relay"] }));
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
