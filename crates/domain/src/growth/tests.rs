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

/// The tickets that an answer's seats were made into.
fn held(answer: &OrderSnapshot) -> Vec<Held<'_>> {
    let one = |seat| {
        let Kind { seat: label, category, price } = Kind::of_seat(seat);
        let Seat { line, unit, seat_id, .. } = seat;
        Held { line, unit: *unit, seat_id: seat_id.as_deref(), seat: label, category, price, live: true }
    };
    answer.seats.iter().map(one).collect()
}

/// New lines with their units, and gone ones; or why nobody can tell.
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
    assert_eq!(grown(&[A, B], &[A]), gone(&["item b"]));
    assert_eq!(grown(&[three], &[two]), gone(&["item c"]));
    // A price or a seat that changed is no new line.
    assert_eq!(grown(&[A], &[r#"{"itemId":"a","seatNumber":"9","price":25}"#]), new(&[]));
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
    // Alike, they may have changed places: it makes no difference.
    assert_eq!(grown(&[P, P], &[P, P]), Ok((vec![], vec![])));
}

#[test]
fn a_line_under_another_name_is_not_new() {
    let with_item = r#"{"itemId":"x","seatId":"s","seatNumber":"3","price":20}"#;
    assert_eq!(grown(&[S], &[with_item, B]), Ok((vec!["item:b/0".into()], vec![])));
    assert_eq!(grown(&[with_item], &[S]), Ok((vec![], vec![])));
    // Ids that are drawn anew for each answer, or are not there any more.
    let other = r#"{"itemId":"z","seatNumber":"1","price":20}"#;
    assert!(grown(&[A], &[other]).is_err());
    assert!(grown(&[A], &[r#"{"seatNumber":"1","price":20}"#]).is_err());
    assert!(grown(&[P], &[r#"{"itemId":"p","category":"Standing","price":20}"#]).is_err());
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

/// Lines whose ids are theirs alone.
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

    /// Whatever the answer, no ticket is made twice: neither of a line that has one, nor of one that may be it renamed.
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
