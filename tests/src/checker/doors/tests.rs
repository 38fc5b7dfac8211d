//! Tests the checker with correct doors, and with every way in which they may be faulty.

use serde_json::json;

use super::*;

fn content(sequence: u64, ticket: &str, verdict: &str) -> Value {
    json!({ "checkInId": format!("id-{sequence}"), "sequence": sequence, "verdict": verdict, "ticketId": ticket,
            "recorded": verdict == "admitted", "entries": 1, "direction": "entry" })
}

/// A scan and its check-in.
fn scanned(sequence: u64, ticket: &str, verdict: &str) -> (Scan, CheckIn) {
    let (nonce, content) = (format!("n{sequence}"), content(sequence, ticket, verdict));
    let answers = vec![content.clone(), content.clone()];
    let scan = Scan {
        nonce: nonce.clone(),
        ticket: ticket.to_owned(),
        direction: "entry",
        shown: None,
        sent: sequence * 10,
        answers,
    };
    (scan, CheckIn { event: 1, nonce, content })
}

/// One ticket is admitted, tried again and let in by a gate without a network; another one is void and refused.
fn good() -> Doors {
    let scans = [
        scanned(1, "a", "admitted"),
        scanned(2, "a", "already_admitted"),
        scanned(3, "b", "voided"),
        scanned(4, "a", "already_admitted"),
    ];
    let (scans, check_ins) = scans.into_iter().unzip();
    let mut doors = Doors { scans, check_ins, voids: [("b".to_owned(), 15)].into(), ..Doors::default() };
    doors.scans[3].shown = Some("admitted");
    doors.check_ins[3].content["conflict"] = json!("already_admitted");
    record(&mut doors, 3);
    let published = [("ticket-checked-in", vec![4, 1]), ("ticket-check-in-conflict", vec![4])];
    doors.published = Some(published.map(|(kind, sequences)| (kind.to_owned(), sequences)).into());
    doors.counted = 2;
    doors
}

/// Makes a refused scan one that counts.
fn record(doors: &mut Doors, at: usize) {
    doors.check_ins[at].content["recorded"] = json!(true);
    for answer in &mut doors.scans[at].answers {
        answer["recorded"] = json!(true);
    }
}

fn told<'a>(doors: &'a mut Doors, kind: &str) -> &'a mut Vec<u64> {
    doors.published.get_or_insert_default().entry(kind.to_owned()).or_default()
}

#[test]
fn good_doors_are_good() {
    assert_eq!(good().violations(), [""; 0]);
    let mut lost = good();
    lost.scans[3].answers.clear();
    lost.published = None;
    assert_eq!(lost.violations(), [""; 0], "an answer that was lost, and nobody who listens");
}

type Fault = fn(&mut Doors);

#[test]
fn every_fault_at_a_door_is_found() {
    let faults: &[(&str, Fault)] = &[
        ("check-in 3 comes after 1", |d| drop(d.check_ins.remove(1))),
        ("its id is there twice", |d| d.check_ins[1].content["checkInId"] = json!("id-1")),
        ("its nonce is there twice", |d| d.check_ins[1].nonce = "n1".into()),
        ("admitted by [1, 4], and no conflict", |d| d.check_ins[3].content["conflict"] = Value::Null),
        ("were all answered that it is admitted", |d| {
            d.scans[1].answers.push(content(2, "a", "admitted"));
        }),
        ("acknowledged, and not on record", |d| drop(d.check_ins.pop())),
        ("scan n2: answered", |d| d.scans[1].answers[1]["verdict"] = json!("full")),
        ("scan n2: answered", |d| d.scans[1].answers[1] = json!({ "verdict": "nonce_conflict" })),
        ("let in without a network, and not counted", |d| {
            d.check_ins[3].content["recorded"] = json!(false);
        }),
        ("nobody's scan", |d| drop(d.scans.remove(1))),
        ("admitted by n3 after its void", |d| record(d, 2)),
        ("admitted by n3 after its void", |d| {
            d.scans[2].shown = Some("admitted");
            record(d, 2);
        }),
        ("good, and never admitted", |d| d.scans[2].ticket = "c".into()),
        ("good, and never admitted", |d| d.voids.clear()),
        ("2 entries are on record, and 1 are counted", |d| d.counted = 1),
        ("ticket-checked-in is due for {1, 4}", |d| told(d, "ticket-checked-in").push(4)),
        ("ticket-check-in-conflict is due for {4}", |d| told(d, "ticket-check-in-conflict").clear()),
    ];
    for (name, fault) in faults {
        let mut doors = good();
        fault(&mut doors);
        let found = doors.violations();
        assert!(found.iter().any(|text| text.contains(name)), "{name}: {found:?}");
    }
}
