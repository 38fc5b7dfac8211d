//! Lines and their tickets, and signs that more was sold.

use super::*;

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
    // Also beside lists of seats that are not read.
    let read = |rest: &str| {
        let (labels, mut notes, mut flags) = read(rest);
        notes.retain(|note| !note.contains("the page says nothing"));
        flags.retain(|flag| *flag != Flag::SeatLeftOut);
        (labels, notes, flags)
    };
    for rest in [
        r#","price":1,"lines":[{"seat":"1"}]"#,
        r#","price":1,"seats":["A1","A2"]"#,
        r#","price":1,"basket":[{"price":1},{"price":1}]"#,
        r#","price":1,"basket":{"items":[{"price":1},{"price":1}]}"#,
        r#","price":1,"groups":[{"items":[{"price":1},{"price":1}]},{"items":[{"price":1}]}]"#,
        r#","price":1,"events":[{"tickets":[{"seat":"1"},{"seat":"2"}]}]"#,
        r#","items":[{"price":1}],"tickets":[{},{}]"#,
        r#","items":[{"price":1,"seats":[{"row":"A"},{"row":"B"}]}]"#,
        r#","items":[{"price":1,"items":[{"price":1},{"price":1}]}]"#,
        r#","items":[{"price":1,"addons":[{"itemId":"x"}]}]"#,
        r#","items":[{"price":1,"add_ons":["parking"]}]"#,
        r#","items":[{"price":1,"attendees":[{"name":"a"},{"name":"b"}]}]"#,
        r#","items":[{"price":1,"Guests":["a","b","c"]}]"#,
        r#","items":[{"price":1,"seatLabels":["A1","A2"]}]"#,
        r#","items":[{"price":1,"seatNumbers":[1,2]}]"#,
        r#","items":[{"price":1,"numTickets":2}]"#,
        r#","price":1,"attendees":[{"name":"a"},{"name":"b"}]"#,
        r#","price":1,"guests":[{"price":1},{"price":1}]"#,
        r#","items":[{"price":1}],"participants":["a","b"]"#,
        r#","price":1,"numberOfTickets":2"#,
        r#","price":1,"tickets_count":"2""#,
        r#","price":1,"numTickets":2.0"#,
    ] {
        let (labels, notes, flags) = read(rest);
        assert_eq!((labels.len(), notes.len(), flags), (1, 1, vec![Flag::MoreWasSold]), "{rest}");
    }
    for fine in [
        r#","price":1,"lines":[],"seats":null,"payments":[{"amount":1},{"amount":2}]"#,
        r#","items":[{"price":1},{"price":1}],"seats":["A1","A2"],"quantity":2,"ticketCount":1"#,
        r#","items":[{"price":1,"quantity":2,"tickets":[{},{}],"lines":"x"}]"#,
        r#","items":[{"price":1,"quantity":2,"attendees":["a","b"],"seatLabels":["x","y"],"addons":[],"guests":2}]"#,
        r#","items":[{"price":1}],"attendees":["a"],"numberOfTickets":1,"guests":{"a":1},"numTickets":"some""#,
        r#","items":[{"price":1,"seatNumbers":[1,null]},{"price":1,"seatNumbers":"A1,A2"}],"guests":["a","b"]"#,
    ] {
        let (_, notes, flags) = read(fine);
        assert_eq!((notes.len(), flags), (0, vec![]), "{fine}");
    }
}

#[test]
fn placeholders_are_no_ids_and_no_seats() {
    const ZERO: &str = "00000000-0000-0000-0000-000000000000";
    // Two standing places without a seat are two lines, with no seat in common.
    for none in ["0", "-1", "\"null\"", "\"N/A\"", "\"—\"", &format!("\"{ZERO}\"")] {
        let item = format!(r#"{{"price":1,"seatId":{none}}}"#);
        let order = parse(&format!(r#","items":[{item},{item}]"#)).unwrap();
        let seats: Vec<_> = order.seats.iter().map(|s| (s.line.as_str(), s.seat_id.as_deref())).collect();
        assert_eq!(seats, [("pos:0", None), ("pos:1", None)], "{none}");
    }
    let two =
        format!(r#","items":[{{"itemId":1,"price":1,"seatId":"{ZERO}","seatNumber":"N/A","quantity":2}}]"#);
    let (labels, notes, _) = read(&two);
    assert_eq!((labels, notes.len()), (vec![NO_SEAT.to_owned(); 2], 0));
    let (labels, ..) = read(r#","items":[{"price":1,"seatNumber":"General Admission","quantity":2}]"#);
    assert_eq!(labels, ["General Admission", "General Admission"]);
    let order =
        parse(r#","items":[{"price":1,"seatNumber":"Standing"},{"price":1,"section":"A","seat":"GA"}]"#)
            .unwrap();
    let numbers: Vec<_> = order.seats.iter().map(|s| (s.number.as_deref(), s.label.as_str())).collect();
    assert_eq!(numbers, [(None, "Standing"), (Some("GA"), "Section A, Seat GA")]);
    // Lists may be numbered from 0.
    let order =
        parse(r#","items":[{"itemId":0,"price":1},{"itemId":"N/A","price":1},{"itemId":-1,"price":1}]"#);
    let lines: Vec<_> = order.unwrap().seats.into_iter().map(|seat| seat.line).collect();
    assert_eq!(lines, ["item:0", "pos:1", "pos:2"]);
}

#[test]
fn a_fee_is_not_seated_by_a_placeholder() {
    for seat in [
        r#""seatId":0"#,
        r#""row":"-""#,
        r#""row":"N/A","section":"none""#,
        r#""seatNumber":"General Admission""#,
        r#""seatNumber":"Free seating","section":"A""#,
        r#""seat":"Standing""#,
        r#""seatLabel":"—""#,
    ] {
        let order = parse(&format!(r#","items":[{{"price":9}},{{"price":1,"type":"fee",{seat}}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{seat}");
    }
    for seat in [r#""row":0"#, r#""seatNumber":0"#, r#""seatNumber":"Table 5""#] {
        let order = parse(&format!(r#","items":[{{"price":1,"type":"fee",{seat}}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 0), "{seat}");
    }
}

#[test]
fn a_line_that_was_edited_away_holds_no_other_back() {
    for line in [
        r#""itemId":"b","price":1,"quantity":0"#,
        r#""itemId":"b","quantity":0.0"#,
        r#""itemId":"a","price":1,"quantity":"0""#,
        r#""seatId":{},"itemId":[],"price":"x","quantity":0"#,
        r#""price":1,"seatNumber":"4","quantity":0,"ticketCount":3,"tickets":[1,2]"#,
    ] {
        let order = parse(&format!(r#","items":[{{"itemId":"a","price":60}},{{{line}}}]"#));
        let order = order.unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
        assert_eq!((order.seats.len(), order.charges.len()), (1, 0), "{line}");
        assert_eq!(order.total().unwrap().0.to_string(), "60", "{line}");
        assert_eq!(order.flags.to_stored(), "detail_left_out", "{line}");
        let note = "items[1] has the quantity 0: it issues no ticket";
        assert!(order.notes.iter().any(|n| n == note), "{:?}", order.notes);
    }
    for rest in [r#"{"price":1,"quantity":0}"#, r#"{"price":1,"quantity":0},{"price":1,"type":"fee"}"#] {
        assert!(
            refused(&format!(r#","items":[{rest}]"#)).contains("items[0].quantity: is below 1"),
            "{rest}"
        );
    }
    assert!(refused(r#","items":[{"price":1},{"price":1,"quantity":-1}]"#).contains("items[1].quantity"));
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
fn an_id_is_the_same_line_as_a_number_and_as_text() {
    let order = parse(
        r#","items":[{"itemId":1.0,"price":1},{"itemId":"2","seatId":7.00,"price":1},{"itemId":1.50,"price":1},
        {"itemId":"3.0","price":1},{"seatId":2e3,"price":1},{"itemId":123456789012345678901234567890.0,"price":1}]"#,
    )
    .unwrap();
    let lines: Vec<_> = order.seats.iter().map(|seat| seat.line.as_str()).collect();
    let long = "item:123456789012345678901234567890.0";
    assert_eq!(lines, ["item:1", "item:2", "item:1.50", "item:3.0", "seat:2000", long]);
    assert_eq!(order.seats[1].seat_id.as_deref(), Some("7"));
    assert!(refused(r#","items":[{"itemId":1.0,"price":1},{"itemId":"1","price":1}]"#).contains("twice"));
}
