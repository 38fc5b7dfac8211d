use super::*;

fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::from_raw(Raw::file(toml, Path::new("test.toml")), environment)
        .map_err(|e| e.problems.iter().map(ToString::to_string).collect())
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:5004");
    assert_eq!(config.store_url(), "sqlite://./data/fulfillment.db");
    assert_eq!(config.files_url(), "file://./data/tickets");
    assert_eq!(config.public_url(config.http.listen), "http://127.0.0.1:5004");
    assert!(config.tokens.is_empty() && config.webhooks.is_empty());
}

#[test]
fn the_default_file_says_what_the_defaults_are() {
    let file = default_file();
    let uncommented: String = file
        .lines()
        .filter_map(|l| {
            l.strip_prefix("#").filter(|l| !l.starts_with(' ')).or(l.starts_with('[').then_some(l))
        })
        .filter(|l| !l.starts_with("[["))
        .fold(String::new(), |text, l| text + l + "\n");
    assert_eq!(
        uncommented.lines().filter(|l| l.contains(" = ")).count(),
        sections().iter().map(|s| s.1.len()).sum::<usize>()
    );
    assert!(load(&file, &[]).is_ok(), "as written");
    let config = load(&uncommented, &[]).expect("with every default uncommented");
    assert_eq!(format!("{config:?}"), format!("{:?}", load("", &[]).unwrap()));
}

#[test]
fn the_environment_goes_above_the_file() {
    let config = load(
        "[http]\nlisten = \"127.0.0.1:1\"\n[pipeline]\nmax_attempts = 3",
        &[("FULFILLMENT_HTTP_LISTEN", "0.0.0.0:2"), ("FULFILLMENT_KAFKA_PAYMENT_TOPIC", "paid")],
    )
    .unwrap();
    assert_eq!(config.http.listen.port(), 2);
    assert_eq!(config.pipeline.max_attempts, 3);
    assert_eq!(config.kafka.payment_topic, "paid");
}

#[test]
fn secrets_come_from_files_and_stay_hidden() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush\n").unwrap();
    let config = load("", &[("FULFILLMENT_HTTP_TOKEN_FILE", file.path().to_str().unwrap())]).unwrap();
    assert_eq!(config.tokens.len(), 1);
    assert_eq!(config.http.token.as_ref().unwrap().expose(), "hush");
    assert!(!format!("{config:?}").contains("hush"));
    assert!(load("", &[("FULFILLMENT_HTTP_TOKEN_FILE", "/nowhere")]).is_err());
}

#[test]
fn a_secret_in_a_file_is_one_wherever_the_file_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush\n").unwrap();
    let path = file.path().to_str().unwrap();
    // A token has one name.
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), "hush-too\n").unwrap();
    let of_list = other.path().to_str().unwrap();
    let named = format!(
        "[http]\ntoken_file = \"{path}\"\n[ordering]\ntoken_file = \"{path}\"\n[kafka]\nsasl_password_file = \"{path}\"\n\
         [[token]]\nname = \"a\"\ntoken_file = \"{of_list}\"\nscopes = [\"read\"]"
    );
    let config = load(&named, &[]).unwrap();
    for secret in [&config.http.token, &config.ordering.token, &config.kafka.sasl_password] {
        assert_eq!(secret.as_ref().unwrap().expose(), "hush");
    }
    assert_eq!(config.tokens[1].token.as_ref().unwrap().expose(), "hush-too");
    // A variable overrides the file, whichever way either gives the secret.
    let over = load(&named, &[("FULFILLMENT_HTTP_TOKEN", "loud")]).unwrap();
    assert_eq!(over.http.token.unwrap().expose(), "loud");
    let over = load("[http]\ntoken = \"loud\"", &[("FULFILLMENT_HTTP_TOKEN_FILE", path)]).unwrap();
    assert_eq!(over.http.token.unwrap().expose(), "hush");
}

#[test]
fn an_empty_secret_file_and_a_secret_given_twice_are_problems() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let said = |toml: &str, environment: &[(&str, &str)]| load(toml, environment).unwrap_err().join("\n");
    let empty = said("", &[("FULFILLMENT_HTTP_TOKEN_FILE", path)]);
    assert!(empty.starts_with("FULFILLMENT_HTTP_TOKEN_FILE: ") && empty.contains("is empty"), "{empty}");
    std::fs::write(file.path(), " \n").unwrap();
    assert!(said(&format!("[http]\ntoken_file = \"{path}\""), &[]).starts_with("http.token_file: "));
    let listed = format!("[[token]]\nname = \"a\"\nscopes = [\"read\"]\ntoken_file = \"{path}\"");
    assert_eq!(load(&listed, &[]).unwrap_err().len(), 1);
    std::fs::write(file.path(), "hush").unwrap();
    let twice = said("", &[("FULFILLMENT_HTTP_TOKEN_FILE", path), ("FULFILLMENT_HTTP_TOKEN", "x")]);
    assert_eq!(
        twice,
        "FULFILLMENT_HTTP_TOKEN_FILE: cannot be combined with FULFILLMENT_HTTP_TOKEN; keep one of them"
    );
    assert!(said(&format!("[http]\ntoken = \"x\"\ntoken_file = \"{path}\""), &[]).contains("http.token;"));
    assert!(said(&format!("{listed}\ntoken = \"x\""), &[]).contains("token[0].token;"));
    // An empty variable is not set, as where a composition passes one on.
    let passed_on = [("FULFILLMENT_HTTP_TOKEN_FILE", path), ("FULFILLMENT_HTTP_TOKEN", "")];
    assert_eq!(load("", &passed_on).unwrap().http.token.unwrap().expose(), "hush");
    // A value that cannot be read is reported once, not also as missing.
    let unreadable = [
        ("FULFILLMENT_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
        ("FULFILLMENT_KAFKA_SASL_USERNAME", "user"),
        ("FULFILLMENT_KAFKA_SASL_PASSWORD_FILE", "/nowhere"),
    ];
    assert_eq!(load("", &unreadable).unwrap_err().len(), 1);
}

#[test]
fn variables_that_are_nearly_ours_are_named_and_stop_nothing() {
    let strays = |environment: &[(&str, &str)]| -> Vec<String> {
        load("", environment).unwrap().strays.iter().map(ToString::to_string).collect()
    };
    for (misspelt, meant) in [
        ("FULFILLMENT_TOKEN", "FULFILLMENT_HTTP_TOKEN"),
        ("FULFILLMENT_TOKEN_FILE", "FULFILLMENT_HTTP_TOKEN_FILE"),
        ("FULFILLMENT_KAFAK_BROKERS", "FULFILLMENT_KAFKA_BROKERS"),
        ("FULFILLMENT_PUBLIC_URL", "FULFILLMENT_HTTP_PUBLIC_URL"),
        ("FULFILLMENT_PORT", "FULFILLMENT_HTTP_"),
    ] {
        let said = strays(&[(misspelt, "5004")]).join("\n");
        assert!(said.starts_with(&format!("{misspelt}: is unknown")), "{said}");
        assert!(
            misspelt == "FULFILLMENT_PORT" || said.ends_with(&format!("did you mean {meant}?")),
            "{said}"
        );
    }
    assert!(strays(&[("FULFILLMENTS", "x"), ("PATH", "/bin")]).is_empty());
    let links = [
        ("FULFILLMENT_SERVICE_HOST", "10.0.0.11"),
        ("FULFILLMENT_SERVICE_PORT", "5004"),
        ("FULFILLMENT_SERVICE_PORT_HTTP", "5004"),
        ("FULFILLMENT_PORT", "tcp://10.0.0.11:5004"),
        ("FULFILLMENT_PORT_5004_TCP", "tcp://10.0.0.11:5004"),
        ("FULFILLMENT_PORT_5004_TCP_PROTO", "tcp"),
        ("FULFILLMENT_PORT_5004_TCP_PORT", "5004"),
        ("FULFILLMENT_PORT_5004_TCP_ADDR", "10.0.0.11"),
        ("FULFILLMENT_HTTP_SERVICE_HOST", "10.0.0.11"),
        ("FULFILLMENT_HTTP_PORT", "tcp://10.0.0.11:5004"),
        ("FULFILLMENT_HTTP_PORT_5004_TCP_ADDR", "10.0.0.11"),
    ];
    assert_eq!(strays(&links), [""; 0]);
}

#[test]
fn too_little_and_too_much_are_refused() {
    for (variable, bad, bounds) in [
        ("PIPELINE_LEASE", "999ms", "from 1s to 1day"),
        ("PIPELINE_IDLE_POLL", "4ms", "from 5ms to 1h"),
        ("PIPELINE_WORKERS", "2305843009213693952", "from 1 to 256"),
        ("PIPELINE_CLAIM_BATCH", "0", "from 1 to 1000"),
        ("PIPELINE_MAX_ATTEMPTS", "0", "from 1 to 1000000"),
        ("PIPELINE_PARKED_RETRY_EVERY", "0s", "from 100ms to 30days"),
        ("PIPELINE_MAX_MESSAGE", "18446744073709551615", "from 64KiB to 1GiB"),
        ("ORDERING_TIMEOUT", "0s", "from 1ms to 1h"),
        ("ORDERING_CONCURRENCY", "2305843009213693952", "from 1 to 10000"),
        ("STORE_MAX_CONNECTIONS", "0", "from 1 to 1000"),
        ("KAFKA_SESSION_TIMEOUT", "301s", "from 1s to 5min"),
    ] {
        let variable = format!("FULFILLMENT_{variable}");
        let said = load("", &[(&variable, bad)]).unwrap_err();
        assert_eq!(said, [format!("{variable}: must be {bounds}, not {bad:?}")]);
    }
    assert!(
        load("", &[("FULFILLMENT_PIPELINE_LEASE", "1s"), ("FULFILLMENT_PIPELINE_IDLE_POLL", "5ms")]).is_ok()
    );
    let most = sections().iter().flat_map(|s| s.1).find(|k| k.name == "max_tickets").unwrap().bounds[1];
    assert_eq!(most, fulfillment_domain::order::MAX_TICKETS.to_string());
}

#[test]
fn every_bound_can_be_read_and_holds_its_default() {
    for key in sections().iter().flat_map(|s| s.1).filter(|k| !k.bounds.is_empty()) {
        for text in [key.bounds[0], key.bounds[1], key.default] {
            let fine = load(
                "",
                &[
                    ("FULFILLMENT_PIPELINE_RETRY_FIRST", "1ms"),
                    ("FULFILLMENT_PIPELINE_RETRY_LONGEST", "30days"),
                    (&key.variable(), text),
                ],
            );
            assert!(fine.is_ok(), "{}: {text}: {fine:?}", key.variable());
        }
    }
}

/// Each setting is valid by itself; the key that is reported, and what it is about.
#[test]
fn what_a_start_would_refuse_is_said_beforehand() {
    let brokers = ("KAFKA_BROKERS", "a:1");
    let secret = ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("PIPELINE_RETRY_FIRST", "2s"), ("PIPELINE_RETRY_LONGEST", "1s")], "pipeline.retry_first"),
        (&[brokers, ("PIPELINE_DRAIN", "45s")], "pipeline.drain"),
        (&[brokers, ("KAFKA_GROUP_PROTOCOL", "consumer"), ("PIPELINE_DRAIN", "5min")], "pipeline.drain"),
        (&[("KAFKA_SSL_CERTIFICATE", "/c.pem")], "kafka.ssl_key"),
        (&[("KAFKA_SSL_KEY", "/k.pem")], "kafka.ssl_certificate"),
        (
            &[("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"), ("KAFKA_SASL_USERNAME", "u")],
            "kafka.sasl_password",
        ),
        (&[("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"), ("KAFKA_SASL_PASSWORD", "p")], "kafka.sasl_username"),
        (&[("KAFKA_DEAD_LETTER_TOPIC", "payment-succeeded")], "kafka.dead_letter_topic"),
        (&[("KAFKA_PAYMENT_TOPIC", "a b")], "kafka.payment_topic"),
        (&[("KAFKA_GROUP_ID", "")], "kafka.group_id"),
        (&[secret], "webhook.url"),
        (&[("WEBHOOK_URL", "http://a")], "webhook.secret"),
        (&[("STORE_SCHEMA", "Tickets")], "store.schema"),
        (&[("STORE_SCHEMA", "pg_tickets")], "store.schema"),
        (&[("FILES_URL", "file://")], "files.url"),
        (&[("FILES_URL", "s3:///prefix")], "files.url"),
        (&[("FILES_URL", "ftp://a")], "files.url"),
        (&[("LOG_LEVEL", "info,fulfillment=loud")], "log.level"),
        (&[("LOG_LEVEL", "verbose")], "log.level"),
        (&[("LOG_LEVEL", "")], "log.level"),
        (&[("LOG_LEVEL", "info,fulfillment_pipeline")], "log.level"),
        (&[("HTTP_TOKEN", "two words")], "http.token"),
        (&[("ORDERING_TOKEN", "caf\u{e9}")], "ordering.token"),
        (&[("IDENTITY_TOKEN", "a\u{7}b")], "identity.token"),
    ];
    for (variables, key) in cases {
        let named: Vec<_> = variables.iter().map(|(k, v)| (format!("FULFILLMENT_{k}"), *v)).collect();
        let named: Vec<_> = named.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let said = load("", &named).unwrap_err();
        assert_eq!(said.len(), 1, "{variables:?}: {said:?}");
        assert!(said[0].starts_with(&format!("{key}: must ")), "{variables:?}: {said:?}");
    }
    // Without brokers the Kafka group delays nothing; with the other protocol the broker sets the session.
    assert!(load("", &[("FULFILLMENT_PIPELINE_DRAIN", "10min")]).is_ok());
    let consumer = [
        ("FULFILLMENT_KAFKA_BROKERS", "a:1"),
        ("FULFILLMENT_KAFKA_GROUP_PROTOCOL", "consumer"),
        ("FULFILLMENT_PIPELINE_DRAIN", "4min"),
    ];
    assert!(load("", &consumer).is_ok());
}

#[test]
fn every_bad_key_is_named_with_what_would_be_right() {
    let problems = load(
        "[http]\nlisten = \"here\"\nlistne = 1\n[kafak]\nbrokers = \"x\"\n[pipeline]\nlease = \"soon\"",
        &[("FULFILLMENT_STORE_ULR", "x"), ("FULFILLMENT_HTTP_ALLOW_ANONYMOUS", "maybe")],
    )
    .unwrap_err()
    .join("\n");
    for expected in [
        "http.listen: must be an address and a port, like 127.0.0.1:5004, not \"here\"",
        "http.listne: is unknown; did you mean listen?",
        "kafak.brokers: is unknown; did you mean kafka?",
        "pipeline.lease: must be a duration",
        "FULFILLMENT_STORE_ULR: is unknown; did you mean FULFILLMENT_STORE_URL?",
        "FULFILLMENT_HTTP_ALLOW_ANONYMOUS: must be true or false",
    ] {
        assert!(problems.contains(expected), "{expected}\nnot in\n{problems}");
    }
}

#[test]
fn tokens_and_webhooks_are_lists() {
    let config = load(
        r#"
        [http]
        token = "all"
        [[token]]
        name = "door"
        token = "d"
        scopes = ["read", "deliver"]
        [[webhook]]
        name = "crm"
        url = "https://crm.example/hook"
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        "#,
        &[],
    )
    .unwrap();
    assert_eq!(config.tokens.len(), 2);
    assert!(
        config.tokens[1].scopes.contains(&Scope::Deliver) && !config.tokens[1].scopes.contains(&Scope::Admin)
    );
    assert_eq!(config.webhooks[0].name, "crm");
    let bad =
        load("[[token]]\nname = \"x\"\nscopes = [\"fly\"]\n[[webhook]]\nurl = \"no\"", &[]).unwrap_err();
    assert!(bad.len() >= 3, "{bad:?}");
    let token = |name: &str| format!("[[token]]\nname = \"{name}\"\ntoken = \"t\"\nscopes = [\"read\"]\n");
    let twice = load(&token("a").repeat(2), &[]).unwrap_err();
    assert_eq!(twice, ["token[1].name: name \"a\" is used twice"]);
    let twice = load(&token("http.token"), &[("FULFILLMENT_HTTP_TOKEN", "x")]).unwrap_err();
    assert_eq!(twice.len(), 1, "{twice:?}");
}

#[test]
fn doors_name_an_event_and_a_file_each() {
    let config = load("[[door]]\nevent = \" gala \"\nrules = \"gala.json\"", &[]).unwrap();
    assert_eq!(config.doors, [DoorEntry { event: "gala".into(), rules: "gala.json".into() }]);
    let toml = "[[door]]\nevent = \"gala\"\nrules = \"a\"\nrule = \"b\"\n[[door]]\nevent = \"gala \"\nrules = \"c\"\n[[door]]\nevent = \"x\"";
    let problems = load(toml, &[]).unwrap_err();
    assert_eq!(
        problems,
        [
            "door[0].rule: is unknown; known keys are event and rules",
            "door[1].event: must not name \"gala\", which has rules already",
            "door[2].rules: must be set",
        ]
    );
}
