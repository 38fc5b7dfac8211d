//! Tests of rules documents: what is read, what is written, and what each refusal says.

use fulfillment_door::{
    MAX_AREAS, MAX_CATEGORIES, MAX_GATES, MAX_JSON_BYTES, MAX_NAME_CHARS, ReEntry, Rules, StaleFeed,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::common::{RULES, rules, time};

fn refused(json: &str) -> (String, String) {
    let error = Rules::read(json).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: {}", error.field(), error.problem()));
    (error.field().to_owned(), error.problem().to_owned())
}

#[test]
fn no_rules_admit_each_ticket_once() {
    let rules = Rules::read("{}").unwrap();
    assert_eq!(rules, Rules::default());
    assert_eq!((rules.re_entry, rules.stale_feed), (ReEntry::Never, StaleFeed::Warn));
    assert_eq!(rules.to_json(), "{}");
    // What is written out is the same as what is left out.
    let written = r#"{ "reEntry": "never", "staleFeed": "warn", "from": null, "until": null,
        "categories": {}, "gates": {}, "areas": {}, "limits": { "day": null } }"#;
    assert_eq!(Rules::read(written).unwrap().to_json(), "{}");
}

#[test]
fn every_field_is_read() {
    let rules = rules();
    assert_eq!(rules.from, Some(time("2026-12-22T18:00:00Z")));
    assert_eq!(rules.until, Some(time("2026-12-22T23:00:00Z")));
    assert_eq!(rules.limits.day, Some(2000));
    assert_eq!((rules.gates["South"].limit, rules.areas["Floor"].limit), (Some(500), Some(300)));
    assert_eq!(
        (rules.area_of("South"), rules.area_of("Yard"), rules.area_of("None")),
        (Some("Floor"), None, None)
    );
    let standing = &rules.categories["Standing"];
    assert_eq!(standing.from, Some(time("2026-12-22T18:30:00Z")));
    assert_eq!(standing.until, Some(time("2026-12-22T22:00:00Z")));
    assert!(standing.gates.contains("South") && standing.areas.contains("Floor"));
    for (word, re_entry) in
        [("never", ReEntry::Never), ("afterExit", ReEntry::AfterExit), ("always", ReEntry::Always)]
    {
        assert_eq!(Rules::read(&format!(r#"{{"reEntry":"{word}"}}"#)).unwrap().re_entry, re_entry);
    }
    assert_eq!(Rules::read(r#"{"staleFeed":"stop"}"#).unwrap().stale_feed, StaleFeed::Stop);
}

#[test]
fn the_same_rules_have_the_same_text() {
    let written = rules().to_json();
    assert_eq!(
        written,
        concat!(
            r#"{"from":"2026-12-22T18:00:00Z","until":"2026-12-22T23:00:00Z","#,
            r#""categories":{"Standing":{"from":"2026-12-22T18:30:00Z","until":"2026-12-22T22:00:00Z","#,
            r#""gates":["South"],"areas":["Floor"]}},"#,
            r#""gates":{"East":{"area":"Floor"},"North":{"area":"Hall"},"South":{"area":"Floor","limit":500},"#,
            r#""Yard":{}},"areas":{"Floor":{"limit":300},"Hall":{}},"limits":{"day":2000}}"#
        )
    );
    assert_eq!(Rules::read(&written).unwrap(), rules());
    let other_spelling = RULES
        .replace("2026-12-22T18:00:00Z", "2026-12-22t19:00:00.000+01:00")
        .replace("Standing", "Stand\\u0069ng")
        .replace(r#""Hall": {}, "Floor": { "limit": 300 }"#, r#""Floor": { "limit": 300 }, "Hall": {}"#);
    assert_ne!(other_spelling, RULES);
    assert_eq!(Rules::read(&other_spelling).unwrap().to_json(), written);
    // serde reads and writes the same, and checks it.
    assert_eq!(serde_json::from_str::<Rules>(RULES).unwrap(), rules());
    assert_eq!(serde_json::to_string(&rules()).unwrap(), written);
    for wrong in [r#"{"gates":{"North":{"area":"Hall"}}}"#, "[]", r#"["never"]"#] {
        serde_json::from_str::<Rules>(wrong).unwrap_err();
    }
}

#[test]
fn a_field_that_is_not_known_is_named() {
    for (json, field) in [
        (r#"{ "reentry": "never" }"#, "reentry"),
        (r#"{ "categories": { "VIP": { "gate": [] } } }"#, "categories.VIP.gate"),
        (r#"{ "gates": { "North": { "limits": 1 } } }"#, "gates.North.limits"),
        (r#"{ "areas": { "Hall": { "area": "Hall" } } }"#, "areas.Hall.area"),
        (r#"{ "limits": { "hour": 1 } }"#, "limits.hour"),
    ] {
        let (named, problem) = refused(json);
        assert_eq!(named, field, "{problem}");
        assert!(problem.contains("unknown field"), "{problem}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_named() {
    let wanted = "a time like 2026-12-22T19:30:00+01:00 is wanted here";
    for (json, field, part) in [
        ("", "rules", "EOF"),
        ("[]", "rules", "invalid type: sequence"),
        ("null", "rules", "invalid type: null"),
        ("{} {}", "rules", "trailing characters"),
        (r#"{ "reEntry": "once" }"#, "reEntry", "unknown variant `once`"),
        (r#"{ "staleFeed": true }"#, "staleFeed", "line 1"),
        (r#"{ "from": 1 }"#, "from", "expected a string"),
        (r#"{ "from": "tomorrow" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22 19:30:00Z" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30Z" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00+01" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00.Z" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00.1234567890Z" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00+01:00[Europe/Berlin]" }"#, "from", wanted),
        (r#"{ "from": "2026-13-22T19:30:00Z" }"#, "from", wanted),
        (r#"{ "from": "2026-12-22T19:30:00+99:00" }"#, "from", wanted),
        (r#"{ "until": "1999-12-31T23:59:59Z" }"#, "until", "2000 to 2199"),
        (r#"{ "until": "2200-01-01T00:00:00Z" }"#, "until", "2000 to 2199"),
        (r#"{ "categories": { "A": { "until": "x" } } }"#, "categories.A.until", wanted),
        (r#"{ "limits": [5] }"#, "limits", "expected an object"),
        (r#"{ "areas": { "Hall": [5] } }"#, "areas.Hall", "expected an object"),
        (r#"{ "categories": { "A": [] } }"#, "categories.A", "expected an object"),
        (r#"{ "gates": [] }"#, "gates", "an object with a name for each entry"),
        (r#"{ "gates": { "North": 5 } }"#, "gates.North", "invalid type: integer"),
        (r#"{ "gates": { "North": { "limit": -1 } } }"#, "gates.North.limit", "invalid value: integer `-1`"),
        (r#"{ "gates": { "North": { "limit": 1.5 } } }"#, "gates.North.limit", "floating point"),
        (r#"{ "limits": { "day": 4294967296 } }"#, "limits.day", "expected u32"),
        (r#"{ "categories": { "A": { "gates": "North" } } }"#, "categories.A.gates", "a list of names"),
        (r#"{ "categories": { "A": { "gates": [1] } } }"#, "categories.A.gates[0]", "expected a string"),
        (r#"{ "categories": { "A": { "gates": [] } } }"#, "categories.A.gates", "the list is empty"),
        (r#"{ "categories": { "A": { "areas": [] } } }"#, "categories.A.areas", "the list is empty"),
    ] {
        let (named, problem) = refused(json);
        assert_eq!(named, field, "{json}: {problem}");
        assert!(problem.contains(part), "{json}: {problem}");
    }
}

#[test]
fn a_name_is_one_that_people_can_tell_apart() {
    for (name, part) in [
        ("", "empty"),
        ("  ", "empty"),
        (" North", "begins or ends with a space"),
        ("North\u{a0}", "begins or ends with a space"),
        ("No\\nrth", "control characters"),
    ] {
        for json in
            [format!(r#"{{"gates":{{"{name}":{{}}}}}}"#), format!(r#"{{"categories":{{"{name}":{{}}}}}}"#)]
        {
            let (field, problem) = refused(&json);
            assert!(["gates", "categories"].iter().any(|list| field.starts_with(list)), "{field}");
            assert!(problem.contains(part), "{problem}");
        }
    }
    let longest = "ü".repeat(MAX_NAME_CHARS);
    Rules::read(&format!(r#"{{"gates":{{"{longest}":{{}}}}}}"#)).unwrap();
    let (_, problem) = refused(&format!(r#"{{"gates":{{"{longest}ü":{{}}}}}}"#));
    assert!(problem.contains("longer than 100 characters"), "{problem}");
}

#[test]
fn nothing_is_declared_twice() {
    for (json, part) in [
        (r#"{ "reEntry": "never", "reEntry": "always" }"#, "duplicate field"),
        (r#"{ "gates": { "North": {}, "North": { "limit": 1 } } }"#, "\"North\" is declared twice"),
        (r#"{ "areas": { "a": {}, "\u0061": {} } }"#, "\"a\" is declared twice"),
        (r#"{ "categories": { "A": {}, "A": {} } }"#, "\"A\" is declared twice"),
        (
            r#"{ "gates": { "North": {} }, "categories": { "A": { "gates": ["North", "North"] } } }"#,
            "listed twice",
        ),
    ] {
        let (_, problem) = refused(json);
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn what_is_referred_to_is_declared() {
    for (json, wanted) in [
        (
            r#"{ "gates": { "North": { "area": "Hall" } } }"#,
            "gates.North.area: area \"Hall\" is not declared in `areas`",
        ),
        (
            r#"{ "categories": { "A": { "gates": ["North"] } } }"#,
            "categories.A.gates: gate \"North\" is not declared in `gates`",
        ),
        (
            r#"{ "categories": { "A": { "areas": ["Hall"] } } }"#,
            "categories.A.areas: area \"Hall\" is not declared in `areas`",
        ),
        (
            r#"{ "gates": { "North": { "area": "Hall" } }, "areas": { "Hall": {}, "Floor": {} },
                "categories": { "A": { "areas": ["Floor"], "gates": ["North"] } } }"#,
            "categories.A.gates: gate \"North\" leads to area \"Hall\", which is not in `areas` here",
        ),
        (
            r#"{ "gates": { "North": {} }, "areas": { "Floor": {} },
                "categories": { "A": { "areas": ["Floor"], "gates": ["North"] } } }"#,
            "categories.A.gates: gate \"North\" has no area, but the category is limited to some",
        ),
    ] {
        assert_eq!(Rules::read(json).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn times_leave_some_time() {
    let early = "2026-12-22T18:00:00Z";
    let late = "2026-12-22T18:00:00.001Z";
    let rules = |event: [&str; 2], category: [&str; 2]| {
        let fields = |[from, until]: [&str; 2]| {
            let field = |name: &str, time: &str| (!time.is_empty()).then(|| format!(r#""{name}":"{time}""#));
            [field("from", from), field("until", until)].into_iter().flatten().collect::<Vec<_>>().join(",")
        };
        let (event, category) = (fields(event), fields(category));
        let comma = if event.is_empty() { "" } else { "," };
        format!(r#"{{{event}{comma}"categories":{{"A":{{{category}}}}}}}"#)
    };
    for (event, category) in [
        ([early, late], ["", ""]),
        (["", ""], [early, late]),
        ([early, late], [early, late]),
        ([early, ""], ["", late]),
        (["", late], [early, ""]),
    ] {
        Rules::read(&rules(event, category)).unwrap();
    }
    for (event, category, field, part) in [
        ([late, early], ["", ""], "from", "not before `until`"),
        ([late, late], ["", ""], "from", "not before `until`"),
        (["", ""], [late, early], "categories.A.from", "not before `until`"),
        (["", ""], [late, late], "categories.A.from", "not before `until`"),
        ([late, ""], [early, ""], "categories.A.from", "before the event's `from`"),
        (["", early], ["", late], "categories.A.until", "after the event's `until`"),
        ([late, ""], ["", early], "categories.A.until", "not after the event's `from`"),
        (["", early], [late, ""], "categories.A.from", "not before `until`"),
    ] {
        let (named, problem) = refused(&rules(event, category));
        assert_eq!(named, field, "{problem}");
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn sizes_have_limits() {
    let with = |list: &str, count: usize| {
        let entries: Vec<String> = (0..count).map(|index| format!(r#""{index}":{{}}"#)).collect();
        format!(r#"{{"{list}":{{{}}}}}"#, entries.join(","))
    };
    for (list, most) in [("gates", MAX_GATES), ("areas", MAX_AREAS), ("categories", MAX_CATEGORIES)] {
        Rules::read(&with(list, most)).unwrap();
        let (field, problem) = refused(&with(list, most + 1));
        assert_eq!(field, list);
        assert_eq!(problem, format!("{} are declared, of {most} allowed", most + 1));
    }
    let padded = |len: usize| format!("{{{}}}", " ".repeat(len - 2));
    Rules::read(&padded(MAX_JSON_BYTES)).unwrap();
    let (field, problem) = refused(&padded(MAX_JSON_BYTES + 1));
    assert_eq!(
        (field.as_str(), problem.as_str()),
        ("rules", "the document has 65537 bytes, of 65536 allowed")
    );
    // A message about a long text is short.
    let (field, problem) = refused(&format!(r#"{{"{}":1}}"#, "ü".repeat(20_000)));
    assert!(field.len() < 700 && problem.len() < 700);
}

/// Documents that are nearly rules: right names and wrong ones, right values and wrong ones.
fn any_document() -> impl Strategy<Value = serde_json::Value> {
    let word = prop::sample::select(vec![
        "reEntry",
        "staleFeed",
        "from",
        "until",
        "categories",
        "gates",
        "areas",
        "limits",
        "limit",
        "area",
        "day",
        "North",
        "Hall",
        "VIP",
        "always",
        "stop",
        "2026-12-22T19:30:00Z",
        "2026-12-23T00:30:00+01:00",
        "",
        " x",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (0..600_i64).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.clone().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let key = prop_oneof![word.clone().prop_map(str::to_owned), any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Documents of the right form, whose references and times may or may not fit.
fn likely_document() -> impl Strategy<Value = String> {
    let name =
        || prop::sample::select(vec!["North", "South", "Hall", "Floor", "VIP", "Sitzplätze \\\"A\\\""]);
    let time = || {
        (10..24_u8, 0..60_u8, 0..3_u8)
            .prop_map(|(hour, minute, zone)| format!("\"2026-12-22T{hour}:{minute:02}:00+0{zone}:00\""))
    };
    let field = |name: &'static str, value: BoxedStrategy<String>| {
        prop::option::weighted(0.6, value.prop_map(move |value| format!("\"{name}\":{value}")))
    };
    let object = |fields: Vec<Option<String>>| {
        format!("{{{}}}", fields.into_iter().flatten().collect::<Vec<_>>().join(","))
    };
    let quoted = move || name().prop_map(|name| format!("\"{name}\"")).boxed();
    let number = || any::<u32>().prop_map(|n| n.to_string()).boxed();
    let list = move || {
        prop::collection::btree_set(name(), 1..3)
            .prop_map(|names| {
                format!(
                    "[{}]",
                    names.into_iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
                )
            })
            .boxed()
    };
    let map = move |entry: BoxedStrategy<String>| {
        prop::collection::btree_map(name(), entry, 0..5)
            .prop_map(|map| {
                let entries: Vec<String> =
                    map.into_iter().map(|(name, entry)| format!("\"{name}\":{entry}")).collect();
                format!("{{{}}}", entries.join(","))
            })
            .boxed()
    };
    let gate = (field("area", quoted()), field("limit", number()))
        .prop_map(move |(a, b)| object(vec![a, b]))
        .boxed();
    let area = field("limit", number()).prop_map(move |limit| object(vec![limit])).boxed();
    let category = (
        field("from", time().boxed()),
        field("until", time().boxed()),
        field("gates", list()),
        field("areas", list()),
    )
        .prop_map(move |(a, b, c, d)| object(vec![a, b, c, d]))
        .boxed();
    let re_entry = prop::sample::select(vec!["\"never\"", "\"afterExit\"", "\"always\""])
        .prop_map(str::to_owned)
        .boxed();
    (
        field("reEntry", re_entry),
        field("from", time().boxed()),
        field("until", time().boxed()),
        field("categories", map(category)),
        field("gates", map(gate)),
        field("areas", map(area)),
    )
        .prop_map(move |(a, b, c, d, e, f)| object(vec![f, e, d, c, b, a]))
}

fn keeps(json: &str) -> Result<bool, TestCaseError> {
    let Ok(rules) = Rules::read(json) else { return Ok(false) };
    let written = rules.to_json();
    prop_assert!(written.len() <= json.len(), "{written}");
    let again = Rules::read(&written).unwrap();
    prop_assert_eq!(again.to_json(), written);
    prop_assert_eq!(again, rules);
    Ok(true)
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(document in any_document()) {
        keeps(&document.to_string())?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        keeps(&text)?;
    }

    #[test]
    fn what_is_read_is_written_and_read_again(json in likely_document()) {
        keeps(&json)?;
    }
}

#[test]
fn likely_documents_are_often_good() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let good = (0..500).filter(|_| {
        let json = likely_document().new_tree(&mut runner).unwrap().current();
        keeps(&json).unwrap()
    });
    let good = good.count();
    assert!(good > 25, "{good} of 500");
}
