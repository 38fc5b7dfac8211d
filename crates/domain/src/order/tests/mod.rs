//! What Ordering may answer, and how it is read.

mod details;
mod labels;
mod lines;
mod money;

use super::*;
use crate::ticket::Flag;

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn parse(rest: &str) -> Result<OrderSnapshot, Refusal> {
    let json = format!(
        r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
    );
    OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &paid())
}

/// The settings when the payment has a currency.
fn paid() -> Reading {
    Reading { paid_in: Some(Currency::USD), ..Reading::default() }
}

fn misfit(rest: &str) -> Option<String> {
    match parse(rest) {
        Err(Refusal::Misfit(Faults(faults))) => faults[0].field.clone(),
        other => panic!("{other:?}"),
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
