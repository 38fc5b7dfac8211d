//! The neighbouring services' contracts in docs/contracts: schema, example and reader agree.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use boon::{Compiler, SchemaIndex, Schemas};
use fulfillment_domain::order::{OrderSnapshot, Reading, Refusal};
use fulfillment_domain::paid::PaidPage;
use fulfillment_domain::{Flag, OrderId};
use serde_json::{Value, json};

const ASKED: &str = "7d444840-9dc0-41d1-b245-5ffdce74fad2";

fn contracts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts")
}

fn json_of(file: &str) -> Value {
    let path = contracts().join(file);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// A contract's schema.
struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn of(name: &str) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let url = format!("urn:fulfillment:contract:{name}");
        compiler.add_resource(&url, json_of(&format!("{name}.schema.json"))).unwrap();
        let index = compiler.compile(&url, &mut schemas).unwrap_or_else(|e| panic!("{name}: {e:#}"));
        Self(schemas, index)
    }

    #[track_caller]
    fn takes(&self, value: &Value) {
        if let Err(fault) = self.0.validate(value, self.1) {
            panic!("{fault:#}");
        }
    }

    fn refuses(&self, value: &Value) -> bool {
        self.0.validate(value, self.1).is_err()
    }
}

/// The names of the examples of a contract, without `.json`.
fn examples(name: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(contracts().join("examples").join(name)).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap().replace(".json", "")).collect()
}

fn read(answer: &Value) -> Result<OrderSnapshot, Refusal> {
    let asked: OrderId = ASKED.parse().unwrap();
    OrderSnapshot::parse(&serde_json::to_vec(answer).unwrap(), asked, &Reading::default())
}

/// Tickets, lines that admit nobody, total, flags.
type Expected = (&'static str, usize, usize, &'static str, &'static [Flag]);

const ORDERS: [Expected; 8] = [
    ("one-seat", 1, 0, "49.9", &[]),
    ("seats", 2, 0, "120", &[]),
    ("standing-with-charges", 3, 3, "90.5", &[Flag::LineLeftOut]),
    ("free", 2, 0, "0", &[]),
    ("nothing-admits", 0, 1, "25", &[Flag::LineLeftOut]),
    ("wall-clock", 1, 0, "15", &[]),
    ("day-alone", 1, 0, "15", &[Flag::StartWithoutHour]),
    ("user-id", 1, 0, "15", &[]),
];

#[test]
fn each_example_of_an_order_fits_and_is_read_as_meant() {
    let schema = Schema::of("order");
    assert_eq!(examples("order"), ORDERS.iter().map(|(name, ..)| (*name).to_owned()).collect());
    for (name, tickets, charges, total, flags) in ORDERS {
        let answer = json_of(&format!("examples/order/{name}.json"));
        schema.takes(&answer);
        let order = read(&answer).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!((order.seats.len(), order.charges.len()), (tickets, charges), "{name}");
        assert_eq!(order.total().unwrap().0.0.normalize().to_string(), total, "{name}");
        assert_eq!(order.flags.iter().collect::<Vec<_>>(), flags, "{name}: {:?}", order.notes);
    }
    let start = |name: &str| {
        let order = read(&json_of(&format!("examples/order/{name}.json"))).unwrap();
        order.event.starts_at.unwrap().to_string()
    };
    assert_eq!(start("wall-clock"), start("seats"), "19:30 in Berlin");
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    let schema = Schema::of("order");
    let seats = json_of("examples/order/seats.json");
    for field in ["orderId", "customerEmail", "eventId", "eventName"] {
        for wrong in [None, Some(json!({}))] {
            let mut answer = seats.clone();
            match &wrong {
                None => drop(answer.as_object_mut().unwrap().remove(field)),
                Some(wrong) => answer[field] = wrong.clone(),
            }
            assert!(read(&answer).is_err(), "{field}: {wrong:?}");
            assert!(schema.refuses(&answer), "{field}: {wrong:?}");
        }
    }
    for (field, wrong) in [
        ("price", json!(null)),
        ("price", json!("much")),
        ("quantity", json!(-1)),
        ("quantity", json!("some")),
        ("seatId", json!({})),
        ("itemId", json!([])),
    ] {
        let mut answer = seats.clone();
        answer["items"][0][field] = wrong.clone();
        assert!(read(&answer).is_err(), "{field}: {wrong}");
        assert!(schema.refuses(&answer), "{field}: {wrong}");
    }
    let mut none = json_of("examples/order/one-seat.json");
    none.as_object_mut().unwrap().remove("price");
    assert!(read(&none).is_err() && schema.refuses(&none));
    none["items"] = json!([]);
    assert!(read(&none).is_err() && schema.refuses(&none));
}

#[test]
fn lists_of_paid_orders_fit_and_are_read() {
    let schema = Schema::of("orders");
    assert_eq!(examples("orders"), BTreeSet::from(["ids".to_owned(), "page".to_owned()]));
    for name in examples("orders") {
        let answer = json_of(&format!("examples/orders/{name}.json"));
        schema.takes(&answer);
        let page = PaidPage::read(&serde_json::to_vec(&answer).unwrap()).unwrap();
        assert_eq!(page.whole(1).unwrap().len(), 2, "{name}");
    }
    for wrong in [json!({}), json!(["x"]), json!([{}]), json!({"orders": 7}), json!(7)] {
        assert!(schema.refuses(&wrong), "{wrong}");
        assert!(PaidPage::read(&serde_json::to_vec(&wrong).unwrap()).is_err(), "{wrong}");
    }
}

#[test]
fn bodies_of_webhooks_fit_their_type_alone() {
    let schema = Schema::of("webhook");
    let kinds = [
        ("ticket-issued", "ticketId"),
        ("ticket-reissued", "ticketId"),
        ("ticket-voided", "ticketId"),
        ("event-updated", "eventId"),
        ("ticket-checked-in", "ticketId"),
        ("ticket-check-in-conflict", "reason"),
    ];
    assert_eq!(examples("webhook"), kinds.iter().map(|(kind, _)| (*kind).to_owned()).collect());
    for (name, needed) in kinds {
        let mut body = json_of(&format!("examples/webhook/{name}.json"));
        schema.takes(&body);
        body["data"].as_object_mut().unwrap().remove(needed);
        assert!(schema.refuses(&body), "{name}");
    }
    let mut other = json_of("examples/webhook/ticket-issued.json");
    other["type"] = json!("ticket-voided");
    assert!(schema.refuses(&other));
}
