//! Prices and currencies of lines, and which lines admit nobody.

use super::*;

#[test]
fn totals_are_exact() {
    let order = parse(r#","items":[{"price":0.1},{"price":0.2}]"#).unwrap();
    assert_eq!(order.total().unwrap().0.to_string(), "0.3");
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
    assert_eq!(read(items, Some("EUR")), expect("USD,GBP", "several_currencies"));
    let items = r#","items":[{"price":1},{"price":1,"currency":"GBP"}]"#;
    assert_eq!(read(items, None), expect("CHF,GBP", "currency_assumed,several_currencies"));
    assert_eq!(read(r#","items":[{"price":1,"currency":"GBP"}]"#, None), expect("GBP", ""));
    // An unreadable currency counts as missing, and is noted.
    assert_eq!(read(r#","price":1,"currency":"Euro""#, Some("EUR")), expect("EUR", "detail_left_out"));
    let both = expect("CHF", "detail_left_out,currency_assumed");
    assert_eq!(read(r#","price":1,"currency":"Euro""#, None), both);
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
fn what_is_taken_off_counts_below_zero_however_it_is_said() {
    for (line, total) in [
        (r#""price":10,"type":"discount""#, "50"),
        (r#""price":10,"kind":"Discount code","admission":false"#, "50"),
        (r#""price":-10,"type":"discount""#, "50"),
        (r#""price":10,"type":"discount","quantity":2"#, "40"),
        (r#""price":10,"type":"voucher","quantity":-1"#, "50"),
        (r#""price":-10,"quantity":-1"#, "50"),
        (r#""price":2,"type":"fee","quantity":-2"#, "56"),
        // A voucher that was bought.
        (r#""price":10,"type":"voucher""#, "70"),
    ] {
        let order = parse(&format!(r#","items":[{{"price":60}},{{{line}}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{line}");
        assert_eq!(order.total().unwrap().0.to_string(), total, "{line}");
    }
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
fn a_line_that_may_admit_nobody_is_issued_and_flagged() {
    for (word, said) in [("donation", "donation"), ("GIFT_CARD", "gift card"), ("serviceCharge", "charge")] {
        for name in ["type", "kind"] {
            let (labels, notes, flags) =
                read(&format!(r#","items":[{{"price":9}},{{"price":1,"{name}":"{word}"}}]"#));
            assert_eq!((labels.len(), flags), (2, vec![Flag::LineAssumed]), "{word}");
            let note =
                format!("the line items[1] is of the type {said}, which may admit nobody: it was issued");
            assert_eq!(notes, [note]);
        }
    }
    for ticket in [
        r#""type":"ticket""#,
        r#""type":"workshop""#,
        r#""type":"donation","admission":true"#,
        r#""type":"parking","seatNumber":"12""#,
    ] {
        let (labels, notes, flags) = read(&format!(r#","items":[{{"price":1,{ticket}}}]"#));
        assert_eq!((labels.len(), notes.len(), flags), (1, 0, vec![]), "{ticket}");
    }
    let order = parse(r#","items":[{"price":1},{"price":1,"type":"donation","admission":false}]"#).unwrap();
    assert_eq!((order.charges.len(), order.flags), (1, Flags::default()));
}

#[test]
fn a_type_is_read_under_each_of_its_names_and_out_of_a_list() {
    for fee in [
        r#""itemType":"fee""#,
        r#""item_type":"SERVICE FEE (non-refundable)""#,
        r#""LineType":"fee:booking""#,
        r#""productType":"Gutschein""#,
        r#""type":["fee"]"#,
        r#""type":["line","fee"]"#,
        r#""kind":["booking fee"]"#,
    ] {
        let order = parse(&format!(r#","items":[{{"price":9}},{{"price":1,{fee}}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{fee}");
        assert_eq!(order.flags.iter().collect::<Vec<_>>(), [Flag::LineLeftOut], "{fee}");
    }
    for doubt in [
        r#""type":"ticket","productType":"merchandise""#,
        r#""type":"fee","kind":"ticket""#,
        r#""type":"ticket","kind":"discount""#,
    ] {
        let (labels, _, flags) = read(&format!(r#","items":[{{"price":1,{doubt}}}]"#));
        assert_eq!((labels.len(), flags), (1, vec![Flag::LineAssumed]), "{doubt}");
    }
    for ticket in [r#""type":["ticket","fee"]"#, r#""itemType":"fee","row":"5""#, r#""type":[]"#] {
        let (labels, _, flags) = read(&format!(r#","items":[{{"price":1,{ticket}}}]"#));
        assert_eq!((labels.len(), flags), (1, vec![]), "{ticket}");
    }
    let (labels, _, flags) = read(r#","items":[{"price":1,"type":[{"name":"fee"}]}]"#);
    assert_eq!((labels.len(), flags), (1, vec![Flag::DetailLeftOut]));
    // A ticket sold for less, or a reduction: only the price decides.
    let (labels, _, flags) = read(r#","items":[{"price":20,"type":"promo"}]"#);
    assert_eq!((labels.len(), flags), (1, vec![Flag::LineAssumed]));
    let order = parse(r#","items":[{"price":9},{"price":0,"type":"promotion"}]"#).unwrap();
    assert_eq!((order.seats.len(), order.charges.len()), (1, 1));
}

#[test]
fn only_lines_that_admit_nobody_are_no_tickets() {
    let order = parse(r#","items":[{"price":5,"type":"merchandise"},{"type":"shipping"}]"#).unwrap();
    assert_eq!((order.seats.len(), order.charges.len()), (0, 2));
    assert_eq!(order.total().unwrap().0.to_string(), "5");
    assert!(refused(r#","items":[{"price":5},{"price":-6}]"#).contains("add up to less than zero"));
}

#[test]
fn several_currencies_are_flagged_with_a_note() {
    let expect = |currencies: &str| {
        let note = format!(
            "the lines are in several currencies ({currencies}): they were not added up and compared with the payment"
        );
        (vec![note], vec![Flag::SeveralCurrencies])
    };
    for (items, currencies) in [
        (r#"{"price":1,"currency":"EUR"},{"price":1},{"price":1,"currency":"EUR"}"#, "EUR, USD"),
        (r#"{"price":1},{"price":-1,"currency":"GBP"}"#, "GBP, USD"),
    ] {
        let order = parse(&format!(r#","items":[{items}]"#)).unwrap();
        assert_eq!(order.total(), None);
        let notes = order.notes.into_iter().filter(|note| note.contains("currenc")).collect();
        assert_eq!((notes, order.flags.iter().collect()), expect(currencies), "{items}");
    }
    let one = parse(r#","items":[{"price":1,"currency":"usd"},{"price":1}]"#).unwrap();
    assert!(one.notes.is_empty() && one.total().is_some());
}

#[test]
fn no_detail_of_a_line_that_admits_nobody_holds_its_order_back() {
    for (fee, total, left_out) in [
        (r#""price":2,"type":"fee","quantity":0"#, "60", ""),
        (r#""price":2,"type":"fee","quantity":3.0"#, "66", ""),
        (
            r#""price":2,"type":"fee","quantity":1.5"#,
            "62",
            "items[1].quantity was left out: it is not a whole number",
        ),
        (r#""price":-5,"quantity":"some""#, "55", "items[1].quantity was left out: it is not a whole number"),
        (r#""price":{},"type":"fee""#, "60", "items[1].price was left out: it is not a decimal number"),
        (r#""price":2,"type":"fee","itemId":[]"#, "62", "items[1].itemId was left out: it is not a string"),
        (
            r#""price":2,"admission":false,"seatId":{}"#,
            "62",
            "items[1].seatId was left out: it is not a string",
        ),
        (r#""price":2,"type":"fee","itemId":"a""#, "62", ""),
        (r#""price":2,"type":"fee","ticketCount":3,"seatCount":3"#, "62", ""),
        (r#""price":2,"admission":false,"seatNumber":"4","quantity":2"#, "64", ""),
    ] {
        let order = parse(&format!(r#","items":[{{"itemId":"a","price":60}},{{{fee}}}]"#));
        let order = order.unwrap_or_else(|refusal| panic!("{fee}: {refusal}"));
        assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{fee}");
        assert_eq!(order.total().unwrap().0.to_string(), total, "{fee}");
        assert_eq!(order.flags.contains(Flag::DetailLeftOut), !left_out.is_empty(), "{fee}");
        assert!(left_out.is_empty() || order.notes.iter().any(|note| note == left_out), "{:?}", order.notes);
    }
    let named =
        parse(r#","items":[{"itemId":"a","price":2,"type":"fee"},{"itemId":"a","price":60}]"#).unwrap();
    assert_eq!((named.charges[0].line.as_str(), named.seats[0].line.as_str()), ("pos:0", "item:a"));
    // A faulty quantity of a ticket, or of a possible ticket, still refuses the answer.
    assert!(refused(r#","items":[{"price":1,"quantity":1.5}]"#).contains("quantity"));
    assert!(refused(r#","items":[{"price":1,"type":"fee","seatId":{}}]"#).contains("seatId"));
    assert!(refused(r#","items":[{"itemId":"a","price":1},{"itemId":"a","price":1}]"#).contains("twice"));
}

#[test]
fn a_discounted_ticket_is_a_ticket_and_a_discount_none() {
    for ticket in ["student discount", "Early bird discount", "EARLY_BIRD_DISCOUNT", "seniorDiscounts"] {
        for name in ["type", "kind"] {
            let order = parse(&format!(r#","items":[{{"price":12,"{name}":"{ticket}"}}]"#)).unwrap();
            assert_eq!((order.seats.len(), order.charges.len()), (1, 0), "{ticket}");
            assert!(order.notes.is_empty(), "{:?}", order.notes);
        }
        for price in ["0", "-3", "null"] {
            let order =
                parse(&format!(r#","items":[{{"price":{price},"type":"{ticket}"}},{{"price":9}}]"#)).unwrap();
            assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{ticket} at {price}");
        }
    }
    for discount in ["discount", "Discounts", "Discount code", "discount_item"] {
        let line = format!(r#"{{"price":3,"type":"{discount}"}}"#);
        let order = parse(&format!(r#","items":[{line},{{"price":9}}]"#)).unwrap();
        assert_eq!((order.seats.len(), order.charges.len()), (1, 1), "{discount}");
        let alone = refused(&format!(r#","items":[{line}]"#));
        assert!(alone.contains("add up to less than zero"), "somebody should see it: {alone}");
    }
    let fee = parse(r#","items":[{"price":3,"type":"student booking fee"}]"#).unwrap();
    assert_eq!(fee.charges.len(), 1, "other words say what they say behind any word");
}
