//! Tests the checker with a correct world, and with every way in which it may be faulty.

use serde_json::json;

use super::*;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn event(n: u128, sequence: u64, kind: &str) -> Message {
    let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
    Message {
        partition: 0,
        offset: 0,
        key: None,
        headers: vec![
            header("ce_id", format!("{n}-{sequence}")),
            header("ce_subject", id(n).to_string()),
            header("ce_type", kind.to_owned()),
        ],
        value: Some(json!({ "sequence": sequence }).to_string().into_bytes()),
    }
}

fn issued(n: u128) -> Message {
    event(n, 1, "ticket-issued")
}

fn ticket(n: u128, index: u64) -> Value {
    json!({ "id": id(n), "ticketNumber": n, "qrCodeData": format!("TK1:{n}"), "status": "Generated", "line": n, "unit": 0,
            "ticketIndex": index, "itemId": n.to_string(), "price": 10.0, "sequence": 1,
            "ticketPdfPath": format!("{}.pdf", id(n)), "sha256": n.to_string(), "eventId": "e", "seat": n,
            "seatNumber": n, "flags": [], "voidedAt": null, "voidReason": null })
}

/// One order of two seats, issued correctly.
fn good() -> World {
    let payments = json!([{ "key": id(2), "amount": 20, "foldedInto": null }]);
    let order = json!({ "state": "issued", "reason": null, "tickets": [ticket(11, 1), ticket(12, 2)], "payments": payments,
                "withdrawals": [], "attention": [] });
    let file =
        |n: u128| (format!("{}.pdf", id(n)), Seen { sha256: n.to_string(), code: Some(format!("TK1:{n}")) });
    World {
        paid: vec![Paid { order: id(1), key: id(2).to_string(), seats: 2, at: (0, 0) }],
        orders: [(id(1), order)].into(),
        ticketed: [id(1).to_string()].into(),
        payments: [id(2).to_string()].into(),
        files: [file(11), file(12)].into(),
        events: vec![vec![issued(11), issued(12), issued(11)]],
        committed: [(0, 1)].into(),
        ..World::default()
    }
}

/// The same after one of two tickets without seats was refunded, and again after it was reinstated.
fn refunded() -> World {
    let mut world = good();
    for ticket in tickets(&mut world) {
        ticket["itemId"] = json!("standing");
    }
    let refund = |n: u32| {
        json!({ "key": format!("refund:{n}"), "kind": "refund", "state": "applied", "reason": format!("ill {n}"), "note": null,
                "names": { "items": [{ "itemId": "standing", "quantity": 1 }] } })
    };
    order(&mut world)["withdrawals"] = json!([refund(1), refund(2)]);
    void(&mut world, 1, "refunded: ill 2");
    world.events.push(vec![
        event(12, 2, "ticket-voided"),
        event(12, 3, "ticket-reissued"),
        event(12, 4, "ticket-voided"),
    ]);
    tickets(&mut world)[1]["sequence"] = json!(4);
    let known = Word::Good(["refund:1".to_owned()].into());
    world.words.insert(id(12).to_string(), known);
    world
}

/// A reissued ticket's file is that of the live generation; files of earlier ones may exist.
#[test]
fn so_is_one_with_a_second_generation() {
    let mut world = good();
    let second = format!("{}.g1.pdf", id(11));
    tickets(&mut world)[0]["ticketPdfPath"] = json!(second);
    assert!(world.violations().iter().any(|text| text.contains("has no file")));
    world.files.insert(second, Seen { sha256: "11".into(), code: None });
    assert_eq!(world.violations(), [""; 0]);
}

#[test]
fn a_good_world_is_good() {
    assert_eq!(good().violations(), [""; 0]);
    assert_eq!(refunded().violations(), [""; 0]);
}

type Fault = fn(&mut World);

/// Checks that each fault alone is found, with the right message.
fn all_are_found(world: fn() -> World, faults: &[(&str, Fault)]) {
    for (name, fault) in faults {
        let mut world = world();
        fault(&mut world);
        let found = world.violations();
        assert!(found.iter().any(|text| text.contains(name)), "{name}: {found:?}");
    }
}

#[test]
fn every_fault_is_found() {
    let faults: &[(&str, Fault)] = &[
        ("paid, and not recorded", |w| w.orders.clear()),
        ("1 tickets for 2 seats", |w| drop(tickets(w).pop())),
        ("issued, and 1 of its tickets", |w| tickets(w)[1]["status"] = json!("Failed")),
        ("without a reason", |w| order(w)["state"] = json!("parked")),
        ("is not recorded", |w| order(w)["payments"] = json!([])),
        ("tickets without a payment", |w| w.ticketed.extend(["another".into()])),
        ("qrCodeData \"TK1:11\" is there twice", |w| tickets(w)[1]["qrCodeData"] = json!("TK1:11")),
        ("the line 11 has a ticket twice", |w| tickets(w)[1]["line"] = json!(11)),
        ("its tickets are counted {1, 3}", |w| tickets(w)[1]["ticketIndex"] = json!(3)),
        ("sold 2 times", |w| tickets(w)[1]["seat"] = json!(11)),
        ("has no file", |w| drop(w.files.pop_first())),
        ("is not the one recorded", |w| tickets(w)[0]["sha256"] = json!("other")),
        ("the code on its page is another", |w| {
            w.files.values_mut().for_each(|seen| seen.code = Some("TK1:0".into()));
        }),
        ("nobody's file", |w| {
            w.files.extend([("x.pdf".into(), Seen { sha256: "1".into(), code: None })]);
        }),
        ("does not verify", |w| w.unverified.push("TK1:11".into())),
        ("nobody was told", |w| w.events[0].retain(|e| e.header("ce_subject") != Some(id(12).to_string()))),
        ("in other words", |w| w.events[0][2].value = Some(b"{}".to_vec())),
        ("event 1 came after 2", |w| w.events[0].insert(0, event(11, 2, "ticket-reissued"))),
        ("two events are number 1", |w| {
            let mut other = issued(11);
            other.headers[0].1 = b"other".to_vec();
            w.events.push(vec![other]);
        }),
        ("has no id or subject", |w| w.events[0][0].headers.clear()),
        ("and ticket", |w| {
            order(w)["state"] = json!("voided");
            order(w)["reason"] = json!("refund");
        }),
        ("its offset is committed", |w| w.payments.clear()),
        ("2 leases are left", |w| w.leases = 2),
    ];
    all_are_found(good, faults);
}

#[test]
fn every_fault_about_money_is_found() {
    let faults: &[(&str, Fault)] = &[
        ("was never made", |w| {
            let other = json!({ "key": "order:1", "amount": 20, "foldedInto": null });
            order(w)["payments"].as_array_mut().unwrap().push(other);
        }),
        ("and it has only one", |w| {
            let note = "another payment of the order stands";
            order(w)["withdrawals"] = json!([{ "kind": "refund", "state": "applied", "note": note }]);
        }),
        ("paid 2050 cents for 2000", |w| order(w)["payments"][0]["amount"] = json!(20.5)),
        ("listed as overpaid", |w| order(w)["attention"] = json!([{ "reason": "overpaid" }])),
        ("flagged amount_mismatch", |w| tickets(w)[0]["flags"] = json!(["amount_mismatch"])),
    ];
    all_are_found(good, faults);
}

#[test]
fn every_fault_of_what_takes_back_is_found() {
    let faults: &[(&str, Fault)] = &[
        ("void without a cause that counts: \"refunded: ill 1\"", |w| void(w, 1, "refunded: ill 1")),
        ("void without a cause that counts: \"cancelled\"", |w| void(w, 0, "cancelled")),
        ("an operator voided it, and it lives", |w| drop(w.words.insert(id(11).to_string(), Word::Void))),
        ("takes it back, and it lives", |w| order(w)["withdrawals"][1]["names"] = json!({})),
        ("takes it back, and it lives", |w| order(w)["withdrawals"][1]["kind"] = json!("cancellation")),
        ("takes it back, and it lives", |w| {
            order(w)["withdrawals"][1]["names"] = json!({ "ticketIds": [id(11)] });
        }),
        ("void without a cause that counts: \"refunded: ill 2\"", |w| {
            let second = json!({ "key": "second", "amount": 20, "foldedInto": null });
            order(w)["payments"].as_array_mut().unwrap().push(second);
            order(w)["withdrawals"][1]["names"] = json!({});
            order(w)["withdrawals"][1]["boundTo"] = json!(id(2));
            w.words.insert(id(12).to_string(), Word::Good(["refund:1".into(), "second".into()].into()));
        }),
        ("2 tickets of standing are void: refunded: ill 2", |w| void(w, 0, "refunded: ill 2")),
        ("2 tickets of standing are refunded, 1 void", |w| w.words.clear()),
        ("4 events are recorded", |w| drop(w.events[1].pop())),
        ("it was told void twice", |w| w.events[1][1] = event(12, 3, "ticket-voided")),
        ("and the last word is another", |w| tickets(w)[1]["voidedAt"] = Value::Null),
    ];
    all_are_found(refunded, faults);
}

fn void(world: &mut World, ticket: usize, why: &str) {
    let ticket = &mut tickets(world)[ticket];
    ticket["voidedAt"] = json!("2026-11-23T09:00:00Z");
    ticket["voidReason"] = json!(why);
}

fn order(world: &mut World) -> &mut Value {
    world.orders.get_mut(&id(1)).unwrap()
}

fn tickets(world: &mut World) -> &mut Vec<Value> {
    order(world)["tickets"].as_array_mut().unwrap()
}
