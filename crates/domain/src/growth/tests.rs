use proptest::prelude::*;

use super::*;
use crate::order::Reading;

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn answer(items: &[&str]) -> OrderSnapshot {
    let json = format!(
        r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala","currency":"EUR",
        "items":[{}]}}"#,
        items.join(",")
    );
    OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), &Reading::default()).unwrap()
}

/// The tickets that were made from an answer's seats.
fn held(answer: &OrderSnapshot) -> Vec<Held<'_>> {
    let one = |seat| {
        let Kind { seat: label, category, price } = Kind::of_seat(seat);
        let Seat { line, unit, seat_id, section, row, number, .. } = seat;
        Held {
            line,
            unit: *unit,
            seat_id: seat_id.as_deref(),
            seat: label,
            parts: [section, row, number].map(Option::as_deref),
            reissued: false,
            category,
            price,
            live: true,
        }
    };
    answer.seats.iter().map(one).collect()
}

/// New lines with their units, and missing ones; or why this is unknown.
fn grown(before: &[&str], now: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
    let (before, now) = (answer(before), answer(now));
    let of = |kept| Growth::of(&held(&before), kept, &now).map_err(|e| e.to_string());
    let growth = of(Some(&before));
    assert_eq!(growth, of(None), "the tickets alone say the same");
    let growth = growth?;
    let name = |index: &usize| format!("{}/{}", now.seats[*index].line, now.seats[*index].unit);
    Ok((growth.new.iter().map(name).collect(), growth.gone))
}

const A: &str = r#"{"itemId":"a","seatNumber":"1","price":20}"#;
const B: &str = r#"{"itemId":"b","seatNumber":"2","price":20}"#;
const S: &str = r#"{"seatId":"s","seatNumber":"3","price":20}"#;
const P: &str = r#"{"category":"Standing","price":20}"#;
const Q: &str = r#"{"category":"Balcony","price":30}"#;

#[test]
fn lines_are_known_by_their_ids() {
    let new = |lines: &[&str]| Ok((lines.iter().map(|l| (*l).to_owned()).collect(), Vec::new()));
    assert_eq!(grown(&[A], &[A]), new(&[]));
    assert_eq!(grown(&[A], &[B, A]), new(&["item:b/0"]), "in whatever order");
    assert_eq!(grown(&[A, B], &[B, A]), new(&[]));
    assert_eq!(grown(&[A], &[A, S]), new(&["seat:s/0"]));
    let two = r#"{"itemId":"c","quantity":2,"price":5}"#;
    let three = r#"{"itemId":"c","quantity":3,"price":5}"#;
    assert_eq!(grown(&[two], &[three]), new(&["item:c/2"]), "one more of a line with an id");
    let gone = |lines: &[&str]| Ok((Vec::new(), lines.iter().map(|l| (*l).to_owned()).collect()));
    assert_eq!(grown(&[A, B], &[A]), gone(&["item b is not in Ordering's answer any more"]));
    assert_eq!(grown(&[three], &[two]), gone(&["item c has fewer tickets in Ordering's answer than before"]));
    let both = [
        "item b is not in Ordering's answer any more",
        "item c has fewer tickets in Ordering's answer than before",
    ];
    assert_eq!(grown(&[three, B], &[two]), gone(&both));
    // A changed price does not make a line new.
    assert_eq!(grown(&[A], &[r#"{"itemId":"a","seatNumber":"1","price":25}"#]), new(&[]));
}

const OTHER_SEAT: &str =
    "item a has another seat than its ticket: reissue it with the new seat, or refund it";

/// An item with this seat.
fn item(seat: &str) -> String {
    format!(r#"{{"itemId":"a","price":20,{seat}}}"#)
}

#[test]
fn a_line_that_has_another_seat_is_an_operator_s() {
    for (before, now) in [
        (r#""seatId":"s""#, r#""seatId":"t""#),
        (r#""seatId":"s","seatNumber":"1""#, r#""seatId":"t","seatNumber":"2""#),
        (r#""seatNumber":"1""#, r#""seatNumber":"2""#),
        (r#""row":5,"seatNumber":1"#, r#""row":6,"seatNumber":1"#),
        (r#""row":5"#, r#""row":6"#),
        (r#""section":"A","row":5,"seatNumber":1"#, r#""section":"B","row":5,"seatNumber":1"#),
        (r#""seatId":"s","row":5,"seatNumber":1"#, r#""row":5,"seatNumber":2"#),
        (r#""seatLabel":"A-12""#, r#""seatLabel":"A-13""#),
    ] {
        let (before, now) = (item(before), item(now));
        assert_eq!(grown(&[&before], &[&now]), Err(OTHER_SEAT.into()), "{before} {now}");
        assert_eq!(grown(&[&before], &[B, &now]), Err(OTHER_SEAT.into()), "{before} {now}");
    }
    for (before, now) in [
        (r#""seatId":"s","seatNumber":"1""#, r#""seatId":"s","seatNumber":"2""#),
        (r#""row":5,"seatNumber":1"#, r#""section":"A","row":5,"seatNumber":1"#),
        (r#""seatLabel":"Row 5, Seat 1""#, r#""row":"5","seatNumber":"1""#),
        (r#""seatNumber":"a  1""#, r#""seatNumber":"A 1""#),
        (r#""category":"Standing""#, r#""seatNumber":"1""#),
        (r#""seatNumber":"1""#, r#""seatId":"s""#),
        (r#""seatNumber":"1""#, r#""seatNumber":"N/A""#),
        (r#""seatNumber":"Standing""#, r#""seatNumber":"General admission""#),
        (r#""quantity":2"#, r#""quantity":2,"seatLabel":"Box 3""#),
        (r#""quantity":2,"seatLabel":"Table 2""#, r#""quantity":2,"seatLabel":"Table 3""#),
    ] {
        let (before, now) = (item(before), item(now));
        assert_eq!(grown(&[&before], &[&now]), Ok((vec![], vec![])), "{before} {now}");
    }
}

#[test]
fn a_seat_that_an_operator_gave_is_no_change_of_ordering_s() {
    let [s, t] = ["s", "t"].map(|id| answer(&[&item(&format!(r#""seatId":"{id}","seatNumber":"{id}1""#))]));
    let mut tickets = held(&s);
    tickets[0] = Held { reissued: true, ..held(&t)[0] };
    // Ordering still has the old seat, or has the new one already.
    for now in [&s, &t] {
        for before in [Some(&s), None] {
            assert_eq!(Growth::of(&tickets, before, now), Ok(Growth::default()));
        }
    }
    let third = answer(&[&item(r#""seatId":"u","seatNumber":"u1""#)]);
    let why = Growth::of(&tickets, Some(&s), &third).map_err(|e| e.to_string());
    assert_eq!(why, Err(OTHER_SEAT.into()));
    // A void ticket is not valid, whatever its seat.
    tickets[0] = Held { live: false, ..held(&s)[0] };
    assert_eq!(Growth::of(&tickets, Some(&s), &t), Ok(Growth::default()));
}

#[test]
fn a_line_that_has_a_seat_or_another_category_by_now_is_noted() {
    let note = |line: &str| vec![format!("{line} has a seat now, and its ticket has none")];
    let (anywhere, area) = (item(r#""category":"Stalls""#), item(r#""seatNumber":"Standing""#));
    for (before, seat, noted) in [
        (&anywhere, r#""seatNumber":"12""#, true),
        (&anywhere, r#""seatLabel":"Row 5, Seat 12""#, true),
        (&anywhere, r#""row":"5","seatId":"s""#, true),
        (&area, r#""seatNumber":"12""#, true),
        (&anywhere, r#""seatNumber":"Standing""#, false),
        (&anywhere, r#""category":"Stalls""#, false),
        (&item(r#""row":"5""#), r#""row":"5","seatNumber":"12""#, false),
    ] {
        let (before, now) = (answer(&[before, B]), answer(&[&item(seat), B]));
        let growth = Growth::of(&held(&before), Some(&before), &now).unwrap();
        let expected = if noted { note("item a") } else { Vec::new() };
        assert_eq!((growth.changed, growth.new.len()), (expected, 0), "{seat}");
        // The holder was given the seat.
        let mut tickets = held(&before);
        let given = held(&now).remove(0);
        tickets[0] = Held { reissued: true, ..given };
        assert_eq!(Growth::of(&tickets, Some(&before), &now).unwrap().changed, Vec::<String>::new());
    }
    let dearer = |category: &str| {
        item(&format!(r#""price":95,"category":"{category}""#)).replace(r#""price":20,"#, "")
    };
    for (category, noted) in [("VIP", true), (" stalls ", false), ("", false)] {
        let (before, now) = (answer(&[&anywhere]), answer(&[&dearer(category)]));
        let growth = Growth::of(&held(&before), Some(&before), &now).unwrap();
        let note = "item a has another category now".to_owned();
        assert_eq!(growth.changed, if noted { vec![note] } else { vec![] }, "{category}");
    }
    let (before, now) = (answer(&[&anywhere]), answer(&[&item(r#""seatNumber":"12""#)]));
    let mut void = held(&before);
    void[0].live = false;
    assert!(Growth::of(&void, Some(&before), &now).unwrap().changed.is_empty());
}

#[test]
fn lines_without_ids_begin_with_the_old_list() {
    assert_eq!(grown(&[P], &[P, Q]), Ok((vec!["pos:1/0".into()], vec![])));
    assert_eq!(grown(&[P], &[P, A]), Ok((vec!["item:a/0".into()], vec![])));
    for (before, now) in [
        (&[P][..], &[Q, P][..]),
        (&[P, Q], &[Q, P]),
        (&[P, Q], &[P]),
        (&[P], &[A, P]),
        (&[P], &[r#"{"category":"Standing","price":21}"#]),
        (&[P], &[r#"{"category":"Standing","price":20,"quantity":2}"#]),
        (&[r#"{"category":"Standing","price":20,"quantity":2}"#], &[P]),
    ] {
        assert!(grown(before, now).is_err(), "{before:?} {now:?}");
    }
    // Identical lines may have changed places: it makes no difference.
    assert_eq!(grown(&[P, P], &[P, P]), Ok((vec![], vec![])));
}

#[test]
fn a_line_under_another_name_is_not_new() {
    let with_item = r#"{"itemId":"x","seatId":"s","seatNumber":"3","price":20}"#;
    assert_eq!(grown(&[S], &[with_item, B]), Ok((vec!["item:b/0".into()], vec![])));
    assert_eq!(grown(&[with_item], &[S]), Ok((vec![], vec![])));
    // Ids that change with each answer, or are missing now.
    let other = r#"{"itemId":"z","seatNumber":"1","price":20}"#;
    assert!(grown(&[A], &[other]).is_err());
    assert!(grown(&[A], &[r#"{"seatNumber":"1","price":20}"#]).is_err());
    assert!(grown(&[P], &[r#"{"itemId":"p","category":"Standing","price":20}"#]).is_err());
}

#[test]
fn a_seat_of_another_line_is_nothing_new() {
    let x = r#"{"itemId":"x","seatId":"s","seatNumber":"3","price":20}"#;
    let y = r#"{"itemId":"y","seatId":"s","seatNumber":"3","price":25}"#;
    for (before, now) in [(&[S][..], &[S, x][..]), (&[x], &[x, y]), (&[x], &[x, S]), (&[A], &[A, x, y])] {
        let why = grown(before, now).unwrap_err();
        assert!(why.contains("has the seat of another line"), "{before:?} {now:?}: {why}");
    }
    // Sold twice from the start: no line is new, and both have their tickets.
    assert_eq!(grown(&[x, y], &[x, y, B]), Ok((vec!["item:b/0".into()], vec![])));
}

#[test]
fn a_line_by_its_seat_alone_gains_an_item_id() {
    let x = r#"{"itemId":"x","seatId":"s","seatNumber":"3","price":20}"#;
    let moved = r#"{"itemId":"x","seatId":"s","seatNumber":"4","price":25,"category":"VIP"}"#;
    for now in [&[x][..], &[moved], &[x, A], &[A, x]] {
        for before in [&[S][..], &[S, A], &[A, S]] {
            let before: Vec<_> = before.iter().filter(|l| **l == S || now.contains(l)).copied().collect();
            let (new, gone) = grown(&before, now).unwrap_or_else(|e| panic!("{before:?} {now:?}: {e}"));
            let expected = now.contains(&A) && !before.contains(&A);
            assert_eq!((new.len(), gone.len()), (usize::from(expected), 0), "{before:?} {now:?}");
        }
    }
    // The operator gave its holder another seat: the line is still the one of that seat.
    let first = answer(&[S]);
    for seat_id in [None, Some("t")] {
        let mut tickets = held(&first);
        tickets[0].seat_id = seat_id;
        tickets[0].seat = "9";
        assert_eq!(Growth::of(&tickets, Some(&first), &answer(&[x])), Ok(Growth::default()), "{seat_id:?}");
    }
}

#[test]
fn a_void_line_is_not_new_and_not_gone() {
    let before = answer(&[A, S]);
    let mut tickets = held(&before);
    for ticket in &mut tickets {
        ticket.live = false;
    }
    assert_eq!(Growth::of(&tickets, None, &answer(&[A])), Ok(Growth::default()));
    // The seat of a void ticket is sold again, as another item.
    let again = answer(&[r#"{"itemId":"x","seatId":"s","seatNumber":"3","price":20}"#]);
    assert_eq!(Growth::of(&tickets, None, &again).unwrap().new, [0]);
}

fn line() -> impl Strategy<Value = String> {
    let id = prop_oneof![
        (0..9_u8).prop_map(|n| format!(r#""itemId":"{n}","#)),
        (0..9_u8).prop_map(|n| format!(r#""seatId":"{n}","#)),
        Just(String::new()),
    ];
    (id, 0..3_u8, 1..4_u8, 1..3_u8).prop_map(|(id, category, price, quantity)| {
        let quantity = if id.contains("seatId") { 1 } else { quantity };
        format!(r#"{{{id}"category":"{category}","price":{price},"quantity":{quantity}}}"#)
    })
}

/// Lines with unique ids.
fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(line(), 1..7).prop_map(|lines| {
        let mut seen = HashSet::new();
        let id = |line: &String| line.split(',').next().filter(|id| id.contains("Id")).map(str::to_owned);
        lines.into_iter().filter(|line| id(line).is_none_or(|id| seen.insert(id))).collect()
    })
}

proptest! {
    /// What is added at the end is new, and nothing else: the tickets are those of one answer with the whole list.
    #[test]
    fn what_is_appended_is_new(all in lines(), at in any::<prop::sample::Index>()) {
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        let first = &all[..=at.index(all.len())];
        let (before, now) = (answer(first), answer(&all));
        let growth = Growth::of(&held(&before), Some(&before), &now).unwrap();
        prop_assert_eq!(growth.new, (before.seats.len()..now.seats.len()).collect::<Vec<_>>());
        prop_assert!(growth.gone.is_empty());
    }

    /// Whatever the answer, no ticket is made twice: neither for a line that has one, nor for a line that may be the
    /// same one under another id.
    #[test]
    fn nothing_is_new_twice(before in lines(), now in lines()) {
        let (before, now) = (before.iter().map(String::as_str).collect::<Vec<_>>(), now.iter().map(String::as_str).collect::<Vec<_>>());
        let (before, now) = (answer(&before), answer(&now));
        let held = held(&before);
        let Ok(growth) = Growth::of(&held, Some(&before), &now) else { return Ok(()) };
        for index in &growth.new {
            let seat = &now.seats[*index];
            prop_assert!(held.iter().all(|t| (t.line, t.unit) != (seat.line.as_str(), seat.unit)));
            let listed = |t: &Held<'_>| now.seats.iter().any(|s| (s.line.as_str(), s.unit) == (t.line, t.unit));
            let alike = |t: &&Held<'_>| Kind::of_ticket(t) == Kind::of_seat(seat) && !listed(t);
            let renamed = |t: &&Held<'_>| t.seat_id.is_some_and(|id| now.seats.iter().any(|s| s.seat_id.as_deref() == Some(id)));
            prop_assert!(held.iter().filter(alike).all(|t| renamed(&t)), "{seat:?}");
        }
    }
}

/// A line with all the ids it can have; its seat is unique.
fn named(n: usize, item: bool, seat: bool, price: u8) -> String {
    let item = if item { format!(r#""itemId":"i{n}","#) } else { String::new() };
    let seat = if seat { format!(r#""seatId":"s{n}","#) } else { String::new() };
    format!(r#"{{{item}{seat}"price":{price}}}"#)
}

proptest! {
    /// Ids that lines gain later do not make them new: the seat identifies them.
    #[test]
    fn lines_by_their_seats_gain_ids(
        lines in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 1..3_u8), 1..7),
        more in 0..3_usize,
    ) {
        let before: Vec<_> = lines.iter().enumerate().map(|(n, (item, seat, _, _, price))| named(n, *item, *seat, *price)).collect();
        let now = lines.iter().enumerate().map(|(n, (item, seat, gains, repriced, price))| {
            named(n, *item || (*seat && *gains), *seat, if *repriced && (*item || *seat) { 3 } else { *price })
        });
        let now: Vec<_> = now.chain((0..more).map(|n| named(lines.len() + n, true, true, 1))).collect();
        let of = |lines: &[String]| answer(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let (before, now) = (of(&before), of(&now));
        let growth = Growth::of(&held(&before), Some(&before), &now).unwrap();
        prop_assert_eq!(growth.new, (lines.len()..lines.len() + more).collect::<Vec<_>>());
        prop_assert!(growth.gone.is_empty());
    }
}
