//! What Ordering may answer, and what is read of it.

use super::*;

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn parse(rest: &str) -> Result<OrderSnapshot, Refusal> {
    let json = format!(
        r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
    );
    OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), MAX_TICKETS)
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
    assert_eq!(OrderSnapshot::parse(json.as_bytes(), other, 10), Err(Refusal::OtherOrder));
    let half = &json.as_bytes()[..20];
    assert!(matches!(OrderSnapshot::parse(half, other, 10), Err(Refusal::Garbled(_))));
}

#[test]
fn a_nul_in_a_name_is_dropped() {
    let order = parse(r#","seatNumber":"1","price":1,"customerName":"Zo\u0000e""#).unwrap();
    assert_eq!(order.customer_name.as_deref(), Some("Zoe"));
}
