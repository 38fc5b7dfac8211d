//! What Ordering may answer, and what is read of it.

use super::*;
use proptest::prelude::*;

use crate::ticket::Flag;

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn parse(rest: &str) -> Result<OrderSnapshot, Refusal> {
    let json = format!(
        r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
    );
    OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &paid())
}

/// As it is read when the payment says its currency.
fn paid() -> Reading {
    Reading { paid_in: Some(Currency::USD), ..Reading::default() }
}

fn misfit(rest: &str) -> Option<String> {
    match parse(rest) {
        Err(Refusal::Misfit(Faults(faults))) => faults[0].field.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_without_items_is_one_ticket() {
    let order =
        parse(r#","seatNumber":"Section A, Row 5, Seat 12","price":49.90,"currency":"EUR","items":[]"#)
            .unwrap();
    let [seat] = &order.seats[..] else { panic!() };
    assert_eq!(seat.label, "Section A, Row 5, Seat 12");
    assert_eq!(
        (seat.section.as_deref(), seat.row.as_deref(), seat.number.as_deref()),
        (Some("A"), Some("5"), Some("12"))
    );
    assert_eq!((seat.line.as_str(), seat.price.to_string().as_str()), ("pos:0", "49.90"));
    for free in ["A-01", "VIP - A1", "N/A"] {
        let order = parse(&format!(r#","seatNumber":"{free}","price":1"#)).unwrap();
        assert_eq!(order.seats[0].label, free);
        assert_eq!(order.seats[0].section, None);
        assert_eq!(order.seats[0].currency, Currency::USD);
    }
}

#[test]
fn every_item_is_its_tickets() {
    let order = parse(
        r#","currency":"EUR","items":[
        {"itemId":"i1","section":"A","row":5,"seatNumber":"12","price":10.00},
        {"seatId":2,"seatLabel":"Box 3","price":20},
        {"quantity":3,"category":"Standing","price":5,"currency":"CHF"}]"#,
    )
    .unwrap();
    let keys: Vec<_> = order.seats.iter().map(|s| (s.line.as_str(), s.unit)).collect();
    assert_eq!(keys, [("item:i1", 0), ("seat:2", 0), ("pos:2", 0), ("pos:2", 1), ("pos:2", 2)]);
    assert_eq!(order.seats[0].label, "Section A, Row 5, Seat 12");
    assert_eq!(order.seats[1].label, "Box 3");
    assert_eq!(order.seats[2].label, "N/A");
    assert_eq!(order.total(), None);
}

#[test]
fn totals_are_exact() {
    let order = parse(r#","items":[{"price":0.1},{"price":0.2}]"#).unwrap();
    assert_eq!(order.total().unwrap().0.to_string(), "0.3");
}

#[test]
fn what_does_not_fit_is_named() {
    assert_eq!(misfit("").as_deref(), Some("price"));
    assert_eq!(misfit(r#","items":[{"price":1,"quantity":0}]"#).as_deref(), Some("items[0].quantity"));
    assert_eq!(
        misfit(r#","items":[{"price":1,"seatNumber":"4","quantity":2}]"#).as_deref(),
        Some("items[0].quantity")
    );
    assert_eq!(misfit(r#","items":[{"price":1,"quantity":10001}]"#).as_deref(), Some("items"));
    assert_eq!(
        misfit(r#","items":[{"itemId":"a","price":1},{"itemId":"a","price":1}]"#).as_deref(),
        Some("items[1].itemId")
    );
    assert_eq!(misfit(r#","items":[{"price":"x"}]"#).as_deref(), Some("items[0].price"));
}

#[test]
fn answers_for_others_and_halves_are_refused() {
    let other = ID.replace('7', "8").parse().unwrap();
    let json = format!(r#"{{"orderId":"{ID}"}}"#);
    assert_eq!(OrderSnapshot::parse(json.as_bytes(), other, &Reading::default()), Err(Refusal::OtherOrder));
    let half = &json.as_bytes()[..20];
    assert!(matches!(OrderSnapshot::parse(half, other, &Reading::default()), Err(Refusal::Garbled(_))));
}

#[test]
fn a_nul_in_a_name_is_dropped() {
    let order = parse(r#","seatNumber":"1","price":1,"customerName":"Zo\u0000e""#).unwrap();
    assert_eq!(order.customer_name.as_deref(), Some("Zoe"));
}

#[test]
fn a_currency_is_the_lines_else_the_orders_else_the_payments_else_the_settings() {
    let read = |rest: &str, paid_in: Option<&str>| {
        let reading = Reading {
            paid_in: paid_in.map(|c| c.parse().unwrap()),
            currency: "CHF".parse().unwrap(),
            ..Reading::default()
        };
        let json = format!(
            r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
        );
        let order = OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &reading).unwrap();
        let currencies: Vec<_> = order.seats.iter().map(|seat| seat.currency.to_string()).collect();
        (currencies.join(","), order.flags.to_stored())
    };
    let expect = |currencies: &str, flags: &str| (currencies.to_owned(), flags.to_owned());
    for absent in ["", r#","currency":"""#, r#","currency":null"#, r#","currency":" ""#] {
        let one = format!(r#","price":1{absent}"#);
        assert_eq!(read(&one, Some("EUR")), expect("EUR", ""), "{absent}");
        assert_eq!(read(&one, None), expect("CHF", "currency_assumed"), "{absent}");
    }
    let items = r#","currency":"usd","items":[{"price":1,"currency":""},{"price":1,"currency":"GBP"}]"#;
    assert_eq!(read(items, Some("EUR")), expect("USD,GBP", ""));
    let items = r#","items":[{"price":1},{"price":1,"currency":"GBP"}]"#;
    assert_eq!(read(items, None), expect("CHF,GBP", "currency_assumed"));
    assert_eq!(read(r#","items":[{"price":1,"currency":"GBP"}]"#, None), expect("GBP", ""));
    // One that cannot be read counts as none, and is noted.
    assert_eq!(read(r#","price":1,"currency":"Euro""#, Some("EUR")), expect("EUR", "detail_left_out"));
    let both = expect("CHF", "detail_left_out,currency_assumed");
    assert_eq!(read(r#","price":1,"currency":"Euro""#, None), both);
}

#[test]
fn locales_are_kept_as_one_tag() {
    for (json, tag, flags) in [
        (r#""de_DE.UTF-8""#, Some("de-DE"), ""),
        (r#""iw""#, Some("he"), ""),
        (r#""C""#, None, ""),
        (r#""""#, None, ""),
        (r#""German please""#, None, "detail_left_out"),
    ] {
        let order = parse(&format!(r#","price":1,"currency":"EUR","locale":{json}"#)).unwrap();
        assert_eq!((order.locale.as_deref(), order.flags.to_stored().as_str()), (tag, flags), "{json}");
    }
}
/// The labels, notes and flags of an answer.
fn read(rest: &str) -> (Vec<String>, Vec<String>, Vec<Flag>) {
    let order = parse(rest).unwrap_or_else(|refusal| panic!("{rest}: {refusal}"));
    let labels = order.seats.iter().map(|s| s.label.clone()).collect();
    (labels, order.notes, order.flags.iter().collect())
}

/// What refuses an answer, in words.
fn refused(rest: &str) -> String {
    match parse(rest) {
        Err(refusal @ Refusal::Misfit(_)) => refusal.to_string(),
        other => panic!("{rest}: {other:?}"),
    }
}

#[test]
fn a_detail_that_cannot_be_read_is_left_out_and_noted() {
    let long = "x".repeat(4_097);
    for (detail, reason) in [
        (r#""doorsAt":"TBA""#, "doorsAt was left out: it is not"),
        (r#""eventStartsAt":{"date":"2026"}"#, "eventStartsAt was left out"),
        (r#""venueName":["Hall"]"#, "venueName was left out: it is not a string"),
        (&format!(r#""venueAddress":"{long}""#), "venueAddress was left out: it is longer than 4096 bytes"),
        (r#""customerName":"Ada","customer_name":"Bob""#, "customerName was left out: it is there in two"),
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
        (r#","items":[{"price":1,"Price":2}]"#.to_owned(), "items[0].price: is there in two spellings"),
        (r#","items":[{"price":1,"quantity":1.5}]"#.to_owned(), "items[0].quantity: is not a whole number"),
        (r#","items":[{"price":1},7]"#.to_owned(), "items[1]: is not a JSON object"),
        (r#","items":{"0":{"price":1}}"#.to_owned(), "items: is not a list"),
        (r#","price":-1"#.to_owned(), "price: is below zero"),
        (format!(r#","price":1,"eventName":"{long}""#), "eventName: is there in two"),
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
    let json = format!(r#"{{"orderId":"{ID}","items":[{{"quantity":0}},{{"price":"x","itemId":[]}}]}}"#);
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
fn notes_are_limited() {
    let many = vec![r#"{"price":1,"category":[]}"#; 100].join(",");
    let (_, notes, _) = read(&format!(r#","items":[{many}]"#));
    assert_eq!((notes.len(), notes[50].as_str()), (51, "50 more notes are not kept"));
}

#[test]
fn more_text_than_all_tickets_may_have_parks() {
    let name = "x".repeat(4_000);
    let items =
        |quantity: u32| format!(r#","items":[{{"price":1,"holderName":"{name}","quantity":{quantity}}}]"#);
    assert!(
        refused(&items(2_100)).contains("items: has tickets with more than 8388608 bytes of text in all")
    );
    assert_eq!(parse(&items(2_000)).unwrap().seats.len(), 2_000);
    let shared = format!(r#","venueAddress":"{name}","items":[{{"price":1,"quantity":9999}}]"#);
    assert!(refused(&shared).contains("of text in all"));
}

#[test]
fn lines_that_admit_nobody_issue_nothing_and_count() {
    let order = parse(
        r#","currency":"EUR","items":[{"price":-10,"type":"voucher"},{"price":60,"seatNumber":"4"},
        {"price":2,"kind":"bookingFee"},{"price":1.50,"quantity":2,"admission":false},{"price":5,"quantity":2}]"#,
    )
    .unwrap();
    let lines: Vec<_> = order.seats.iter().map(|s| (s.line.as_str(), s.unit)).collect();
    assert_eq!(lines, [("pos:1", 0), ("pos:4", 0), ("pos:4", 1)], "positions count every line");
    assert_eq!(order.total().unwrap().0.to_string(), "65.00");
    let kinds: Vec<_> = order.charges.iter().map(|c| (c.line.as_str(), c.kind)).collect();
    assert_eq!(kinds, [("pos:0", "a price below zero"), ("pos:2", "fee"), ("pos:3", "admission: false")]);
    assert_eq!(
        order.notes,
        [
            "items[0] admits nobody and issues no ticket: a price below zero, 1 x -10 EUR",
            "items[2] admits nobody and issues no ticket: fee, 1 x 2 EUR; only its type says so",
            "items[3] admits nobody and issues no ticket: admission: false, 2 x 1.50 EUR",
        ]
    );
    assert_eq!(order.flags.iter().collect::<Vec<_>>(), [Flag::LineLeftOut]);
}

#[test]
fn a_seat_counts_for_more_than_a_word() {
    for seat in
        [r#""seatId":"s""#, r#""row":"5""#, r#""seatNumber":"12""#, r#""seat":12"#, r#""admission":"true""#]
    {
        let order = parse(&format!(r#","items":[{{"price":1,"type":"fee",{seat}}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 0), "{seat}");
    }
    let said = parse(r#","items":[{"price":1,"seatId":"s","admission":false},{"price":0}]"#).unwrap();
    assert_eq!((said.seats.len(), said.charges.len()), (1, 1), "a price of zero is a free ticket");
    assert!(said.flags.iter().next().is_none());
}

#[test]
fn only_lines_that_admit_nobody_are_no_tickets() {
    let order = parse(r#","items":[{"price":5,"type":"merchandise"},{"type":"shipping"}]"#).unwrap();
    assert_eq!((order.seats.len(), order.charges.len()), (0, 2));
    assert_eq!(order.total().unwrap().0.to_string(), "5");
    assert!(refused(r#","items":[{"price":5},{"price":-6}]"#).contains("add up to less than zero"));
}

#[test]
fn more_was_sold_than_was_understood() {
    for name in ["lines", "line_items", "Seats", "tickets", "positions"] {
        let list = format!(r#","price":1,"{name}":[{{"seat":"1"}},{{"seat":"2"}}]"#);
        assert!(refused(&list).contains("more was sold"), "{name}");
        let fee =
            format!(r#","items":[{{"price":1,"type":"fee"}}],"{name}":[{{"seat":"1"}},{{"seat":"2"}}]"#);
        assert!(refused(&fee).contains("more was sold"), "{name} beside a fee alone");
    }
    for count in [r#""quantity":2"#, r#""seatCount":"2""#, r#""ticket_count":2.0"#] {
        assert!(refused(&format!(r#","price":1,{count}"#)).contains("more was sold"), "{count}");
        let two = format!(r#","items":[{{"price":1}},{{"price":1}}],{count}"#);
        assert_eq!(parse(&two).unwrap().seats.len(), 2, "{count}");
    }
    assert!(
        refused(r#","items":[{"price":1,"ticketCount":3}]"#).contains("items[0].ticketCount: is 3, and 1")
    );
    let fee = r#","quantity":2,"items":[{"price":1},{"price":1,"type":"fee"}]"#;
    assert_eq!(parse(fee).unwrap().seats.len(), 1, "a quantity may count fees");
}

#[test]
fn what_may_mean_that_more_was_sold_is_flagged_and_issued() {
    for rest in [
        r#","price":1,"lines":[{"seat":"1"}]"#,
        r#","price":1,"seats":["A1","A2"]"#,
        r#","price":1,"basket":[{"price":1},{"price":1}]"#,
        r#","items":[{"price":1}],"tickets":[{},{}]"#,
        r#","items":[{"price":1,"seats":[{"row":"A"},{"row":"B"}]}]"#,
    ] {
        let (labels, notes, flags) = read(rest);
        assert_eq!((labels.len(), notes.len(), flags), (1, 1, vec![Flag::MoreWasSold]), "{rest}");
    }
    for fine in [
        r#","price":1,"lines":[],"seats":null,"payments":[{"amount":1},{"amount":2}]"#,
        r#","items":[{"price":1},{"price":1}],"seats":["A1","A2"],"quantity":2,"ticketCount":1"#,
        r#","items":[{"price":1,"quantity":2,"tickets":[{},{}],"lines":"x"}]"#,
    ] {
        let (_, notes, flags) = read(fine);
        assert_eq!((notes.len(), flags), (0, vec![]), "{fine}");
    }
}

#[test]
fn labels_are_taken_apart_whole_or_not_at_all() {
    let place = |item: &str| {
        let order = parse(&format!(r#","items":[{{"price":1,{item}}}]"#)).unwrap();
        let Seat { section, row, number, label, .. } = order.seats[0].clone();
        [section, row, number].map(Option::unwrap_or_default).join("|") + "|" + &label
    };
    for (item, expected) in [
        (r#""seatNumber":"Section A, Row 5, Seat 12""#, "A|5|12|Section A, Row 5, Seat 12"),
        (r#""seatNumber":"row 5, seat 12""#, "|5|12|Row 5, Seat 12"),
        (r#""seatNumber":"Row F""#, "|F||Row F"),
        (r#""seatLabel":"Section Upper Tier""#, "Upper Tier|||Section Upper Tier"),
        (r#""seatNumber":"Row 5, Seat 12, Seat 13""#, "||Row 5, Seat 12, Seat 13|Row 5, Seat 12, Seat 13"),
        (r#""seatNumber":"Row 5 Seat 12""#, "||Row 5 Seat 12|Row 5 Seat 12"),
        (r#""seatNumber":"Block B, Seat 12""#, "||Block B, Seat 12|Block B, Seat 12"),
        (r#""section":"A","seatNumber":"Row 5, Seat 12""#, "A|5|12|Section A, Row 5, Seat 12"),
        (r#""row":"6","seatNumber":"Row 5, Seat 12""#, "|6|Row 5, Seat 12|Row 6, Seat Row 5, Seat 12"),
        (r#""seatLabel":"Row F","seatNumber":3"#, "|F|3|Row F"),
        (r#""seatNumber":"n/a""#, "|||N/A"),
        (r#""seatLabel":"-""#, "|||N/A"),
        (r#""seat":"A1""#, "||A1|A1"),
    ] {
        assert_eq!(place(item), expected, "{item}");
    }
    let one = |seat: &str| {
        let order = parse(&format!(r#","price":1,"seatNumber":"{seat}""#)).unwrap();
        let Seat { section, row, number, label, .. } = order.seats[0].clone();
        [section, row, number].map(Option::unwrap_or_default).join("|") + "|" + &label
    };
    for (seat, expected) in [
        ("Row F", "|F||Row F"),
        ("Row 5, Seat 12, Seat 13", "||Row 5, Seat 12, Seat 13|Row 5, Seat 12, Seat 13"),
        ("N/A", "|||N/A"),
        ("VIP - A1", "||VIP - A1|VIP - A1"),
    ] {
        assert_eq!(one(seat), expected);
    }
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
    "somethingElse",
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
            "{\"a\":[1]}"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "Row 5, Seat 1",
            "\\ud800",
            "TBA",
            "0001-01-01",
            "2026-12-22T19:30:00",
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
    fn a_label_taken_apart_loses_nothing(
        section in prop::option::of("[A-Z]{1,3}( Tier)?"),
        row in prop::option::of("[A-Z0-9]{1,3}"),
        seat in prop::option::of("[0-9]{1,3}[a-z]?"),
        other in prop::option::of("[A-Za-z ]{0,12}"),
    ) {
        let parts = [("Section", &section), ("Row", &row), ("Seat", &seat), ("", &other)];
        let label = parts.iter().filter_map(|(word, part)| part.as_ref().map(|p| format!("{word} {p}"))).collect::<Vec<_>>();
        let label = label.join(", ");
        let order = parse(&format!(r#","price":1,"seatNumber":"{label}""#)).unwrap();
        let found = &order.seats[0];
        if found.section.is_some() || found.row.is_some() {
            let known = [&found.section, &found.row, &found.number].map(Clone::clone);
            let [section, row, number] = known;
            let again = label_of(section.as_deref(), row.as_deref(), number.as_deref());
            prop_assert_eq!(again.to_lowercase(), label.trim().to_lowercase());
        } else if let Some(number) = &found.number {
            let seat = format!("Seat {number}");
            prop_assert!(number == label.trim() || seat.eq_ignore_ascii_case(label.trim()), "{} of {}", seat, label);
        }
    }
}

#[test]
fn a_label_alone_is_a_seat_once() {
    let numbers = |items: &str| {
        let order = parse(&format!(r#","items":[{items}]"#)).unwrap();
        order.seats.into_iter().map(|seat| seat.number).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        numbers(r#"{"price":1,"seatLabel":"A-12"},{"price":1,"seatNumber":"A-13"}"#),
        [some("A-12"), some("A-13")]
    );
    assert_eq!(
        numbers(r#"{"price":1,"seatNumber":"Box 4"},{"price":1,"seatNumber":"box  4"}"#),
        [some("Box 4"), some("box  4")]
    );
    assert_eq!(numbers(r#"{"price":1,"seatNumber":"T 4"},{"price":1,"seatNumber":"t  4"}"#), [None, None]);
    assert_eq!(numbers(r#"{"price":1,"seatLabel":"T 4","quantity":2}"#), [None, None]);
}
