//! An event with rules of every kind.

use fulfillment_door::Rules;
use jiff::Timestamp;

pub(crate) const RULES: &str = r#"{
    "from": "2026-12-22T18:00:00Z",
    "until": "2026-12-22T23:00:00Z",
    "categories": {
        "Standing": { "from": "2026-12-22T18:30:00Z", "until": "2026-12-22T22:00:00Z", "areas": ["Floor"], "gates": ["South"] }
    },
    "gates": { "North": { "area": "Hall" }, "South": { "area": "Floor", "limit": 500 }, "East": { "area": "Floor" }, "Yard": {} },
    "areas": { "Hall": {}, "Floor": { "limit": 300 } },
    "limits": { "day": 2000 }
}"#;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules::read(RULES).unwrap()
}
