//! Runs a case of the published vectors: a scanner that is given its documents one after another. `wasm/` has it too.

use fulfillment_credential::KeySet;
use fulfillment_door::Counts;
use fulfillment_door::feed::{Direction, DoorScan, HeldFeed, number_tag, read};
use serde_json::{Value, json};

/// What this crate makes of a case: the answers, and what is held at its end.
pub(crate) fn run(case: &Value, given: &Value) -> Value {
    let keys = KeySet::from_jwks(&given["jwks"]).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut held: Option<HeldFeed> = None;
    let mut answers = Vec::new();
    for name in texts(&case["documents"]) {
        let document = given["documents"][&name].as_str().unwrap_or(&name);
        let answer = match (read(&hex::decode(document).unwrap(), &keys), held.as_mut()) {
            (Err(refused), _) => refused.code(),
            (Ok(received), Some(held)) => held.apply(received).map_or_else(|r| r.code(), |o| o.code()),
            (Ok(received), None) => match HeldFeed::begin(received, given["event_id"].as_str().unwrap()) {
                Ok(begun) => {
                    held = Some(begun);
                    "applied"
                }
                Err(refused) => refused.code(),
            },
        };
        answers.push(answer);
    }
    let Some(held) = held else { return json!({ "answers": answers, "held": null }) };
    let now = case["now"].as_i64().unwrap();
    let kids = |set: &KeySet| set.iter().map(|(kid, _)| kid.to_string()).collect::<Vec<_>>();
    let deviations: Vec<_> = held
        .door()
        .iter()
        .map(|(cti, s)| json!([hex::encode(cti), s.lowest_good_generation, s.voided]))
        .collect();
    let parts = held.parts();
    let ctis: Vec<fulfillment_credential::Cti> =
        texts(&case["ctis"]).iter().map(|cti| hex::decode(cti).unwrap().try_into().unwrap()).collect();
    let number_key = hex::decode(given["number_key"].as_str().unwrap()).unwrap().try_into().unwrap();
    let tag = |number: &String| number_tag(&number_key, number);
    let code = |name: &String| held.verify(given["codes"][name].as_str().unwrap(), now).code();
    let entry = |name: &String| {
        let scan = DoorScan {
            code: given["codes"][name].as_str().unwrap(),
            direction: fulfillment_door::Direction::Entry,
            at: jiff::Timestamp::from_second(now).unwrap(),
            gate: None,
            overridden: false,
        };
        let judged = held.judge(&scan, &[], &Counts::default());
        judged.map_or("stale_feed", |judged| judged.judgement.verdict.word())
    };
    let seen = |cti| {
        parts.last_seen(cti).map(|(way, at)| json!([if way == Direction::In { "in" } else { "out" }, at]))
    };
    json!({
        "answers": answers,
        "held": {
            "epoch": held.origin().epoch,
            "version": held.origin().version,
            "fresh_until": held.fresh_until(),
            "stale": held.is_stale(now),
            "rules_known": held.rules().is_some(),
            "name": held.head().name,
            "accepted": kids(held.keys()),
            "revoked": kids(held.revoked()),
            "count": held.digest().count,
            "hash": hex::encode(held.digest().hash),
            "deviations": deviations,
            "beyond": held.beyond(),
        },
        "verdicts": texts(&case["codes"]).iter().map(code).collect::<Vec<_>>(),
        "entries": texts(&case["codes"]).iter().map(entry).collect::<Vec<_>>(),
        "found": texts(&case["numbers"]).iter().map(|n| parts.by_number(&tag(n)).map(hex::encode)).collect::<Vec<_>>(),
        "holders": ctis.iter().map(|cti| parts.name(cti).map(|name| &name.holder)).collect::<Vec<_>>(),
        "last_seen": ctis.iter().map(seen).collect::<Vec<_>>(),
    })
}
