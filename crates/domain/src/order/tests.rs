//! What Ordering may answer, and what is read of it.

use super::*;

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn parse(rest: &str) -> Result<OrderSnapshot, Refusal> {
    let json = format!(
        r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
    );
    OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &Reading::default())
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
    // One that cannot be read is as good as none, and said.
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
