use fulfillment_domain::Address;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "a field of a filter")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn query(filter: ListFilter) -> Result<ListQuery, BadFilter> {
    ListQuery::new(filter, Sort::Newest, 50, None)
}

#[test]
fn the_most_selective_index_is_read() {
    let none = ListFilter::default;
    let address = Address::only_in("a@example.org").unwrap();
    let email = Some((address, PersonKey { hash: [1; 16], alike: [2; 16] }));
    for (filter, word, sorted) in [
        (none(), "received", SortedBy::Newest),
        (ListFilter { states: vec![OrderState::Issued], ..none() }, "received", SortedBy::Newest),
        (
            ListFilter { states: vec![OrderState::Parked], event: text("e"), ..none() },
            "open",
            SortedBy::Newest,
        ),
        (
            ListFilter { states: vec![OrderState::Parked, OrderState::Issued], ..none() },
            "received",
            SortedBy::Newest,
        ),
        (ListFilter { number: text("n"), name: text("a"), ..none() }, "number", SortedBy::Id),
        (ListFilter { email, name: text("a"), ..none() }, "email", SortedBy::Newest),
        (ListFilter { holder: text("a"), seat: text("1"), ..none() }, "name", SortedBy::Words),
        (ListFilter { seat: text("1"), event: text("e"), ..none() }, "seat", SortedBy::Words),
        (ListFilter { event: text("e"), kid: text("k"), ..none() }, "event", SortedBy::Id),
        (ListFilter { kid: text("k"), generation: Some(1), ..none() }, "kid", SortedBy::Id),
        (ListFilter { generation: Some(1), ..none() }, "withdrawn", SortedBy::Id),
        (ListFilter { generation: Some(0), ..none() }, "received", SortedBy::Newest),
        (ListFilter { statuses: vec![ShownStatus::Voided], ..none() }, "withdrawn", SortedBy::Id),
        (ListFilter { statuses: vec![ShownStatus::Failed], ..none() }, "unfinished", SortedBy::Id),
        (ListFilter { statuses: vec![ShownStatus::Erased], ..none() }, "erased", SortedBy::Id),
        (ListFilter { statuses: vec![ShownStatus::Delivered], ..none() }, "received", SortedBy::Newest),
        (
            ListFilter { flag: Some(Flag::SeatConflict), event: text("e"), ..none() },
            "conflicts",
            SortedBy::Id,
        ),
        (
            ListFilter { flag: Some(Flag::Legacy), organizer: text("o"), ..none() },
            "organizer",
            SortedBy::Newest,
        ),
        (
            ListFilter { issued_from: Some(jiff::Timestamp::UNIX_EPOCH), ..none() },
            "issued",
            SortedBy::IssuedNewest,
        ),
    ] {
        let query = query(filter.clone()).unwrap();
        assert_eq!((query.by.word(), query.sorted_by()), (word, sorted), "{filter:?}");
    }
}

#[test]
fn what_cannot_be_searched_is_refused_by_name() {
    let none = ListFilter::default;
    let time = |text: &str| Some(text.parse().unwrap());
    for (filter, field) in [
        (ListFilter { name: text(" -' "), ..none() }, "name"),
        (ListFilter { holder: text("a b c d e f g h i"), ..none() }, "holder"),
        (ListFilter { seat: text(""), ..none() }, "seat"),
        (ListFilter { error: text("bucket"), ..none() }, "error"),
        (ListFilter { error: text("bucket"), states: vec![OrderState::Issued], ..none() }, "error"),
        (ListFilter { error: text(" "), states: vec![OrderState::Parked], ..none() }, "error"),
        (
            ListFilter {
                received_from: time("2026-11-22T18:30:00Z"),
                received_to: time("2026-11-22T18:30:00Z"),
                ..none()
            },
            "receivedTo",
        ),
    ] {
        assert_eq!(query(filter).unwrap_err().field, field);
    }
    for limit in [0, MAX_LISTED + 1] {
        assert_eq!(ListQuery::new(none(), Sort::Newest, limit, None).unwrap_err().field, "limit");
    }
    assert!(query(ListFilter { error: text("b"), statuses: vec![ShownStatus::Failed], ..none() }).is_ok());
}

#[test]
fn a_cursor_is_of_one_list() {
    let none = ListFilter::default;
    let first = query(none()).unwrap();
    let cursor = first.cursor_at(&Position::before(None), 0).to_text();
    assert!(ListQuery::new(none(), Sort::Newest, 1, Some(&cursor)).is_ok());
    for (filter, sort) in [
        (none(), Sort::Oldest),
        (ListFilter { organizer: text("o"), ..none() }, Sort::Newest),
        (ListFilter { name: text("o"), ..none() }, Sort::Newest),
    ] {
        assert_eq!(ListQuery::new(filter, sort, 1, Some(&cursor)).unwrap_err().field, "cursor");
    }
    assert_eq!(ListQuery::new(none(), Sort::Newest, 1, Some("zz")).unwrap_err().field, "cursor");
    let of_key = query(ListFilter { kid: text("k"), ..none() }).unwrap();
    let void = of_key.next_index().unwrap().to_text();
    let rest = ListQuery::new(ListFilter { kid: text("k"), ..none() }, Sort::Newest, 1, Some(&void)).unwrap();
    assert_eq!(rest.by, Driver::VoidOfKey("k".into()));
}
