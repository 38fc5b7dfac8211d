//! How the fields of a JSON object are read, and in which spellings.

use super::*;

#[test]
fn reads_every_spelling() {
    for json in [r#"{"orderId":"a"}"#, r#"{"OrderId":"a"}"#, r#"{"order_id":"a"}"#, r#"{"ORDER_ID":"a"}"#] {
        let fields = Fields::parse(json.as_bytes()).unwrap();
        assert_eq!(fields.text("orderId").unwrap().as_deref(), Some("a"), "{json}");
    }
}

#[test]
fn two_spellings_must_agree() {
    let same = br#"{"orderId":"x","order_id":"x","amount":1.0,"Amount":1.00}"#;
    let fields = Fields::parse(same).unwrap();
    assert_eq!(fields.text("orderId").unwrap().as_deref(), Some("x"));
    assert!(fields.amount("amount").unwrap().is_some());
    let differ = Fields::parse(br#"{"orderId":"x","OrderId":"y"}"#).unwrap();
    assert_eq!(differ.text("orderId").unwrap_err().field.as_deref(), Some("orderId"));
}

#[test]
fn amounts_stay_exact() {
    let fields = Fields::parse(br#"{"a":0.1,"b":49.90,"c":"12.50","d":1e2,"e":"x"}"#).unwrap();
    let text = |name| fields.amount(name).unwrap().unwrap().to_string();
    assert_eq!(
        (text("a"), text("b"), text("c"), text("d")),
        ("0.1".into(), "49.90".into(), "12.50".into(), "100".into())
    );
    assert!(fields.amount("e").is_err());
}

#[test]
fn numbers_are_texts_and_texts_are_numbers() {
    let json = r#"{"seatNumber":12,"row":12.0,"floor":-1,"id":5.0,"name":1984,"price":"+12.50","n":2.0,"m":"2",
        "half":1.5,"big":1e3,"list":[1],"yes":"True","no":0}"#;
    let fields = Fields::parse(json.as_bytes()).unwrap();
    let text = |name| fields.text(name).unwrap().unwrap();
    assert_eq!(
        (text("seatNumber"), text("row"), text("floor"), text("name"), text("half"), text("big")),
        ("12".into(), "12".into(), "-1".into(), "1984".into(), "1.5".into(), "1000".into())
    );
    assert_eq!(fields.identifier("id").unwrap().as_deref(), Some("5"), "ids are read alike");
    assert_eq!(fields.amount("price").unwrap().unwrap().to_string(), "12.50");
    assert_eq!((fields.integer("n").unwrap(), fields.integer("m").unwrap()), (Some(2), Some(2)));
    assert_eq!((fields.boolean("yes").unwrap(), fields.boolean("no").unwrap()), (Some(true), Some(false)));
    assert!(fields.integer("half").is_err() && fields.text("list").is_err() && fields.boolean("n").is_err());
}

#[test]
fn what_stands_for_no_id_is_none() {
    for none in [
        r#""00000000-0000-0000-0000-000000000000""#,
        r#""{00000000-0000-0000-0000-000000000000}""#,
        "0",
        "0.0",
        r#""0""#,
        "-1",
        r#""-1""#,
        "null",
        r#""null""#,
        r#""NULL""#,
        r#""None""#,
        r#""n/a""#,
        r#""N/A""#,
        r#""-""#,
        r#""—""#,
        r#""–""#,
        r#""""#,
        r#"" ""#,
    ] {
        let json = format!("{{\"id\":{none}}}");
        let fields = Fields::parse(json.as_bytes()).unwrap();
        assert_eq!(fields.optional_id("id"), Ok(None), "{none}");
        let zero = none.starts_with(['0']) || none == r#""0""#;
        assert_eq!(fields.optional_id_from_zero("id"), Ok(zero.then(|| "0".to_owned())), "{none}");
    }
    let guid = "aa444840-9dc0-11d1-b245-5ffdce74fad2";
    for (id, read) in [
        ("1", "1"),
        ("00", "00"),
        ("-2", "-2"),
        ("x-0", "x-0"),
        ("nonesuch", "nonesuch"),
        (&format!("{{{}}}", guid.to_uppercase()), guid),
        (&guid.replace('-', ""), guid),
        ("12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("{x}", "{x}"),
        ("{aa4448409dc011d1b2455ffdce74fad2}", guid),
    ] {
        let json = format!("{{\"id\":\"{id}\"}}");
        assert_eq!(Fields::parse(json.as_bytes()).unwrap().optional_id("id"), Ok(Some(read.into())), "{id}");
    }
    let both = format!(r#"{{"id":"{guid}","Id":"{{{guid}}}"}}"#);
    assert_eq!(Fields::parse(both.as_bytes()).unwrap().optional_id("id"), Ok(Some(guid.into())));
}

#[test]
fn half_a_surrogate_pair_is_a_replacement_character() {
    let json = r#"{"a":"Zo\ud83d!","b":"\udc00\ud800","c":"\ud83c\udf9f","ke\ud800y":1,"d":"é\ud800é"}"#;
    let fields = Fields::parse(json.as_bytes()).unwrap();
    let text = |name| fields.text(name).unwrap().unwrap();
    assert_eq!((text("a"), text("b")), ("Zo\u{fffd}!".into(), "\u{fffd}\u{fffd}".into()));
    assert_eq!((text("c"), text("d")), ("🎟".into(), "é\u{fffd}é".into()));
    assert_eq!(fields.integer("ke\u{fffd}y").unwrap(), Some(1));
}

#[test]
fn blanks_and_forms_of_a_number_do_not_disagree() {
    let json = br#"{"name":" ","Name":"Ada","price":"12.50","Price":12.5,"row":"007","Row":"7","seat":7,"Seat":"7"}"#;
    let fields = Fields::parse(json).unwrap();
    assert_eq!(fields.text("name").unwrap().as_deref(), Some("Ada"));
    assert_eq!(fields.amount("price").unwrap().unwrap().to_string(), "12.50");
    assert!(fields.text("row").is_err(), "two texts are two texts");
    assert_eq!(fields.text("seat").unwrap().as_deref(), Some("7"));
}

#[test]
fn text_is_limited_as_it_is_kept() {
    let read = |text: &str| {
        let json = format!("{{\"a\":\"{text}\"}}");
        Fields::parse(json.as_bytes()).unwrap().text("a").map(|text| text.map(|t| t.len()))
    };
    assert_eq!(read(&format!("  {}  ", "x".repeat(MAX_TEXT))), Ok(Some(MAX_TEXT)));
    assert!(read(&"x".repeat(MAX_TEXT + 1)).is_err());
}

#[test]
fn what_is_no_object_is_unreadable() {
    for bad in [&b""[..], b"  ", b"[]", b"3", b"{", b"{}x", b"\xff\xfe", b"null"] {
        assert!(Fields::parse(bad).is_err(), "{bad:?}");
    }
    assert!(Fields::parse("\u{feff}{}".as_bytes()).is_ok());
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        if let Ok(fields) = Fields::parse(&bytes) {
            let _ = (fields.text("a"), fields.amount("a"), fields.objects("a"));
        }
    }

    #[test]
    fn every_reader_takes_every_value(value in "\\PC{0,8}|[-0-9.eE+]{1,12}|\"[-0-9.eE+\\\\udDcC8]{0,12}\"") {
        let json = format!("{{\"a\":{value}}}");
        if let Ok(fields) = Fields::parse(json.as_bytes()) {
            let (text, id) = (fields.text("a"), fields.identifier("a"));
            proptest::prop_assert_eq!(text.is_ok(), id.is_ok(), "of one length");
            let _ = (fields.time("a"), fields.boolean("a"), fields.guid("a"), fields.identifiers("a", 9));
            if let Ok(Some(n)) = fields.integer("a") {
                proptest::prop_assert_eq!(fields.amount("a").unwrap().unwrap().0, n.into());
            }
        }
    }

    #[test]
    fn texts_come_back_whatever_is_in_them(text in "\\PC*", half in 0xd800_u32..0xe000) {
        let quoted = serde_json::to_string(&text).unwrap();
        let json = format!("{{\"a\":{quoted},\"b\":\"x\\u{half:04x}\"}}");
        let fields = Fields::parse(json.as_bytes()).unwrap();
        let kept = Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        proptest::prop_assert_eq!(fields.text("a").unwrap(), kept);
        proptest::prop_assert_eq!(fields.text("b").unwrap(), Some("x\u{fffd}".to_owned()));
    }
}

#[test]
fn an_address_is_read_out_of_what_is_around_it() {
    for (json, address) in [
        ("ada@example.org", "ada@example.org"),
        ("Ada <ada@example.org>", "ada@example.org"),
        ("<ada@example.org>", "ada@example.org"),
        (r#"\"Ada <L>\" < ada@example.org >"#, "ada@example.org"),
        ("MailTo:ada@example.org?subject=Tickets", "ada@example.org"),
        ("<mailto:ada@example.org>", "ada@example.org"),
        ("ada@example.org (Ada)", "ada@example.org"),
        ("ada@example.org ; bob@example.org", "ada@example.org"),
        ("ada@example.org, bob@example.org", "ada@example.org"),
        ("ada+tag@example.org.", "ada+tag@example.org"),
        (r#"\"a b\"@example.org"#, r#""a b"@example.org"#),
        ("user-7", "user-7"),
        ("Ada <7>", "Ada <7>"),
        ("mailto:", "mailto:"),
        ("ada@example.org>", "ada@example.org>"),
    ] {
        let object = format!(r#"{{"email":"{json}"}}"#);
        let fields = Fields::parse(object.as_bytes()).unwrap();
        assert_eq!(fields.email("email").unwrap().as_deref(), Some(address), "{json}");
    }
}
