//! Seat labels, whole and split.

use proptest::prelude::*;

use super::*;

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
        (r#""seatLabel":"Row F","seatNumber":3"#, "|F|3|Row F, Seat 3"),
        (r#""seatLabel":"Balcony","seatNumber":3"#, "||3|Balcony"),
        (
            r#""section":"Section 101","row":"Row A","seatNumber":"Seat 5""#,
            "101|A|5|Section 101, Row A, Seat 5",
        ),
        (
            r#""section":"Block B","row":"Reihe 5","seatNumber":"Platz 3""#,
            "Block B|5|3|Section Block B, Row 5, Seat 3",
        ),
        (r#""row":"Row","seatNumber":"Seat""#, "|Row|Seat|Row Row, Seat Seat"),
        (r#""seatNumber":"Platz 3""#, "||Platz 3|Platz 3"),
        (r#""seatNumber":"n/a""#, "|||N/A"),
        (r#""seatLabel":"-""#, "|||N/A"),
        (r#""seat":"A1""#, "||A1|A1"),
    ] {
        assert_eq!(place(item), expected, "{item}");
    }
    let one = |name: &str, seat: &str| {
        let order = parse(&format!(r#","price":1,"{name}":"{seat}""#)).unwrap();
        let Seat { section, row, number, label, .. } = order.seats[0].clone();
        [section, row, number].map(Option::unwrap_or_default).join("|") + "|" + &label
    };
    for (seat, expected) in [
        ("Row F", "|F||Row F"),
        ("Row 5, Seat 12, Seat 13", "||Row 5, Seat 12, Seat 13|Row 5, Seat 12, Seat 13"),
        ("N/A", "|||N/A"),
        ("VIP - A1", "||VIP - A1|VIP - A1"),
    ] {
        for name in ["seatNumber", "seat", "seatLabel"] {
            assert_eq!(one(name, seat), expected, "{name}");
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

proptest! {
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
fn a_seat_that_cannot_be_read_is_not_called_free_seating() {
    let long = "x".repeat(4_097);
    for seat in [
        r#""seatNumber":{}"#.to_owned(),
        r#""seat":{"text":"A1"}"#.to_owned(),
        r#""seatLabel":[]"#.to_owned(),
        r#""row":{}"#.to_owned(),
        r#""section":[1]"#.to_owned(),
        format!(r#""seatNumber":"{long}""#),
    ] {
        for rest in
            [format!(r#","price":1,{seat}"#), format!(r#","items":[{{"price":1,{seat}}},{{"price":1}}]"#)]
        {
            if rest.contains("seatLabel") && !rest.contains("items") {
                continue;
            }
            let (labels, _, flags) = read(&rest);
            assert_eq!(labels[0], NO_SEAT, "{seat}");
            assert_eq!(flags, [Flag::DetailLeftOut, Flag::SeatLeftOut], "{seat}");
        }
    }
    // Seats in a list are not read either.
    for seats in [
        r#""quantity":2,"seatNumbers":["A1","A2"]"#,
        r#""seats":"A1, A2""#,
        r#""quantity":2,"seatIds":["s","t"]"#,
    ] {
        let (labels, _, flags) = read(&format!(r#","items":[{{"price":1,{seats}}}]"#));
        assert!(labels[0] == NO_SEAT && flags.contains(&Flag::SeatLeftOut), "{seats}: {flags:?}");
    }
    let (_, _, flags) = read(r#","items":[{"price":1,"seats":[],"seatNumbers":null}]"#);
    assert_eq!(flags, []);
    // Where a part is known, it is printed, and nothing false.
    let (labels, _, flags) = read(r#","items":[{"price":1,"row":"5","seatNumber":{}}]"#);
    assert_eq!((labels[0].as_str(), flags), ("Row 5", vec![Flag::DetailLeftOut]));
    let (_, _, flags) = read(r#","items":[{"price":1,"holderName":{}}]"#);
    assert_eq!(flags, [Flag::DetailLeftOut]);
}
