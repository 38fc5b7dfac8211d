//! What may be missing, what holds an order back, and how each is reported.

use proptest::prelude::*;

use super::*;

#[test]
fn a_detail_that_cannot_be_read_is_left_out_and_noted() {
    let long = "x".repeat(4_097);
    for (detail, reason) in [
        (r#""doorsAt":"TBA""#, "doorsAt was left out: it is not"),
        (r#""eventStartsAt":{"date":"2026"}"#, "eventStartsAt was left out"),
        (r#""venueName":["Hall"]"#, "venueName was left out: it is not a string"),
        (&format!(r#""venueAddress":"{long}""#), "venueAddress was left out: it is longer than 4096 bytes"),
        (r#""customerName":"Ada","customer_name":"Bob""#, "customerName was left out: it appears in two"),
        (r#""locale":true"#, "locale was left out"),
        (r#""organizerId":{}"#, "organizerId was left out"),
        (r#""holderName":[]"#, "holderName was left out"),
    ] {
        let (labels, notes, flags) = read(&format!(r#","seatNumber":"A-1","price":1,{detail}"#));
        assert_eq!((labels.len(), flags), (1, vec![Flag::DetailLeftOut]), "{detail}");
        assert!(notes.len() == 1 && notes[0].starts_with(reason), "{notes:?}");
        assert!(!notes[0].contains("Ada") && !notes[0].contains(&long), "no value of it: {notes:?}");
    }
    let (_, notes, _) = read(r#","items":[{"price":1},{"price":1,"holderName":{},"category":[1]}]"#);
    assert_eq!(notes.len(), 2);
    assert!(notes[0].starts_with("items[1].holderName was left out"), "{notes:?}");
}

#[test]
fn numbers_and_texts_are_read_as_each_other() {
    let order = parse(
        r#","items":[{"seatNumber":12.0,"row":5,"section":-1,"price":"+12.50","category":1},
        {"quantity":"2","price":"3"},{"quantity":2.0,"price":4}],"customerName":1984,"venueName":"\ud800!""#,
    )
    .unwrap();
    assert_eq!(order.seats[0].label, "Section -1, Row 5, Seat 12");
    assert_eq!((order.seats.len(), order.total().unwrap().0.to_string()), (5, "26.50".into()));
    assert_eq!(order.customer_name.as_deref(), Some("1984"));
    assert_eq!(order.event.venue_name.as_deref(), Some("\u{fffd}!"));
    assert!(order.notes.is_empty() && order.flags == Flags::default());
    let all = format!(r#"{{"orderId":"{ID}","customerEmail":"a@b","eventId":7,"eventName":1984,"price":1}}"#);
    let order = OrderSnapshot::parse(all.as_bytes(), ID.parse().unwrap(), &paid()).unwrap();
    assert_eq!((order.event.id.as_str(), order.event.name.as_str()), ("7", "1984"));
}

#[test]
fn what_decides_what_is_issued_parks() {
    let long = "x".repeat(4_097);
    for (rest, why) in [
        (r#","items":[{"price":1,"itemId":{}}]"#.to_owned(), "items[0].itemId: is not a string"),
        (r#","items":[{"price":1,"itemId":"a","item_id":"b"}]"#.to_owned(), "two spellings"),
        (r#","items":[{"price":1,"Price":2}]"#.to_owned(), "items[0].price: appears in two spellings"),
        (r#","items":[{"price":1,"quantity":1.5}]"#.to_owned(), "items[0].quantity: is not a whole number"),
        (r#","items":[{"price":1},7]"#.to_owned(), "items[1]: is not a JSON object"),
        (r#","items":{"0":{"price":1}}"#.to_owned(), "items: is not a list"),
        (r#","price":-1"#.to_owned(), "price: is below zero"),
        (format!(r#","price":1,"eventName":"{long}""#), "eventName: appears in two"),
    ] {
        assert!(refused(&rest).contains(why), "{rest}: {}", refused(&rest));
    }
    let named =
        format!(r#"{{"orderId":"{ID}","customerEmail":"a@b","eventId":7,"eventName":"{long}","price":1}}"#);
    let refusal = OrderSnapshot::parse(named.as_bytes(), ID.parse().unwrap(), &paid()).unwrap_err();
    assert!(refusal.to_string().contains("eventName: is longer than 4096 bytes"), "{refusal}");
}

#[test]
fn all_faults_are_listed_at_once() {
    let json = format!(r#"{{"orderId":"{ID}","items":[{{"quantity":-1}},{{"price":"x","itemId":[]}}]}}"#);
    let refusal =
        OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &paid()).unwrap_err().to_string();
    for fault in [
        "eventId: is missing",
        "eventName: is missing",
        "customerEmail: is missing",
        "items[0].price: is missing",
        "items[0].quantity: is below 1",
        "items[1].price: is not a decimal number",
        "items[1].itemId: is not a string",
    ] {
        assert!(refusal.contains(fault), "{fault} not in {refusal}");
    }
    let many = vec![r#"{"price":"x"}"#; 100].join(",");
    assert!(refused(&format!(r#","items":[{many}]"#)).ends_with("and 80 more"));
}

#[test]
fn an_address_is_the_address_alone() {
    let all = format!(
        r#"{{"orderId":"{ID}","customerEmail":"Ada <ada@example.org>","eventId":7,"eventName":"Gala",
        "items":[{{"price":1,"holderEmail":"mailto:bob@example.org"}}]}}"#
    );
    let order = OrderSnapshot::parse(all.as_bytes(), ID.parse().unwrap(), &paid()).unwrap();
    assert_eq!((order.customer_email.as_str(), order.customer_name), ("ada@example.org", None));
    assert_eq!(order.seats[0].holder_email.as_deref(), Some("bob@example.org"));
}

#[test]
fn notes_are_limited() {
    let many = vec![r#"{"price":1,"category":[]}"#; 100].join(",");
    let (_, notes, _) = read(&format!(r#","items":[{many}]"#));
    assert_eq!((notes.len(), notes[50].as_str()), (51, "50 more notes are not kept"));
}

const DETAILS: &[&str] = &[
    "eventStartsAt",
    "eventEndsAt",
    "doorsAt",
    "timeZone",
    "venueName",
    "venueAddress",
    "organizerId",
    "organizerName",
    "customerName",
    "locale",
    "seatNumber",
    "seat_number",
    "seat",
    "seatLabel",
    "section",
    "row",
    "holderName",
    "HolderName",
    "holderEmail",
    "category",
    "admission",
    "type",
    "kind",
    "itemType",
    "somethingElse",
];

const OF_CHARGES: &[&str] = &[
    "itemId",
    "item_id",
    "seatId",
    "seatNumber",
    "price",
    "Price",
    "quantity",
    "Quantity",
    "currency",
    "ticketCount",
    "seatCount",
    "tickets",
    "type",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "0",
            "-1",
            "1",
            "1.50",
            "1e400",
            "{}",
            "[]",
            "[1]",
            "[\"fee\",null]",
            "[\"fee\"]",
            "{\"a\":[1]}"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "Row 5, Seat 1",
            "\\ud800",
            "TBA",
            "0001-01-01",
            "2026-12-22T19:30:00",
            "2026-12-22T19:30[Europe/Vienna]",
            "(UTC+01:00) Berlin",
            "Golden Circle 1",
            "fee",
            "N/A"
        ])
        .prop_map(|text| format!("\"{text}\"")),
        "\\PC{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap_or_default()),
        Just(format!("\"{}\"", "é".repeat(2_049))),
    ]
}

proptest! {
    #[test]
    fn no_value_of_a_detail_holds_a_ticket_back(
        details in prop::collection::vec((prop::sample::select(DETAILS), value()), 0..8),
        item in prop::collection::vec((prop::sample::select(DETAILS), value()), 0..8),
    ) {
        let spelled = |fields: &[(&str, String)]| {
            fields.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect::<Vec<_>>().concat()
        };
        let json = format!(r#"{},"items":[{{"price":1{}}}]"#, spelled(&details), spelled(&item));
        let order = parse(&json).map_err(|refusal| TestCaseError::fail(format!("{json}: {refusal}")))?;
        prop_assert_eq!(order.seats.len() + order.charges.len(), 1);
        prop_assert!(order.seats.iter().all(|seat| !seat.label.is_empty()));
        prop_assert_eq!(order.notes.is_empty(), order.flags == Flags::default() && order.charges.is_empty());
        let json = format!(r#","price":1{}"#, spelled(&details));
        let order = parse(&json).map_err(|refusal| TestCaseError::fail(format!("{json}: {refusal}")))?;
        prop_assert_eq!(order.seats.len(), 1);
    }

    #[test]
    fn no_value_of_a_line_that_admits_nobody_holds_a_ticket_back(
        details in prop::collection::vec((prop::sample::select(OF_CHARGES), value()), 0..8),
    ) {
        let spelled: Vec<_> = details.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        let spelled = spelled.concat();
        let json = format!(r#","items":[{{"itemId":"1","price":100000}},{{"admission":false{spelled}}}]"#);
        let order = parse(&json).map_err(|refusal| TestCaseError::fail(format!("{json}: {refusal}")))?;
        prop_assert_eq!((order.seats.len(), order.charges.len()), (1, 1));
        prop_assert!(order.charges[0].quantity >= 0 && !order.notes.is_empty());
    }
}
