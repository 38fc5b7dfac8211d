//! Tests the service against /openapi.json with schemathesis.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::tools;
use uuid::Uuid;

/// Orders of two tickets each. A fault must be found again in the next run: nothing here is random.
const ORDERS: [Uuid; 3] = [
    Uuid::from_u128(0x3f25_04e0_4f89_41d3_9a0c_0305_e82c_3301),
    Uuid::from_u128(0x3f25_04e0_4f89_41d3_9a0c_0305_e82c_3302),
    Uuid::from_u128(0x3f25_04e0_4f89_41d3_9a0c_0305_e82c_3303),
];

/// The checks of each answer. It is not checked that everything the schemas allow is accepted and everything else
/// refused: messages are read in more spellings than the schemas have, and refused for more reasons (an amount of 300
/// digits).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,\
                      allow_header_conformance,ignored_auth,use_after_free,ensure_resource_availability";

#[tokio::test]
async fn every_answer_is_one_that_is_described() -> Result<()> {
    // The longest arrays that the description allows would keep a busy machine at work for longer than a request may take.
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_MAX_ITEMS", "100");
    let service = scene.start().await?;
    scene.leaves("the requests are made up: Ordering does not know most orders in them");
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("schemathesis.toml"), known(&scene, &service).await?)?;
    // With the token of all scopes, and without a token.
    ask(folder.path(), &service, Some(TOKEN), "25").await?;
    ask(folder.path(), &service, None, "3").await
}

/// Settings that make most requests name existing resources.
async fn known(scene: &Scene, service: &Service) -> Result<String> {
    let (mut tickets, mut codes) = (Vec::new(), Vec::new());
    for order in ORDERS {
        scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
        service.pay(Payment::of(order).json()).await?;
        let record = service.order_in(order, "issued").await?;
        for ticket in record["tickets"].as_array().context("tickets")? {
            tickets.push(ticket["id"].clone());
            codes.push(ticket["cti"].clone());
        }
    }
    let orders = ORDERS.map(|id| id.to_string());
    let (tickets, codes) = (serde_json::to_string(&tickets)?, serde_json::to_string(&codes)?);
    Ok(format!(
        r#"
max-stream-events = 1
[dictionaries]
tickets = {{ values = {tickets} }}
orders = {{ values = {orders:?} }}
codes = {{ values = {codes} }}
files = {{ values = ["page.js", "page.css", "swagger-ui.css", "swagger-ui-bundle.js"] }}
positions = {{ values = ["0"] }}
[[operations]]
include-path-regex = "^/tickets/"
parameters = {{ "path.id" = {{ dictionary = "tickets", probability = 0.8 }} }}
[[operations]]
include-path-regex = "^/orders/"
parameters = {{ "path.id" = {{ dictionary = "orders", probability = 0.8 }} }}
[[operations]]
include-path-regex = "^/codes/"
parameters = {{ "path.cti" = {{ dictionary = "codes", probability = 0.8 }} }}
[[operations]]
include-path-regex = "^/docs/"
parameters = {{ "path.file" = {{ dictionary = "files", probability = 0.8 }} }}
[[operations]]
include-path-regex = "^/events/"
parameters = {{ "body.orderId" = {{ dictionary = "orders", probability = 0.5 }} }}
# The stream stays open: its answer is what came within a second. One to a wrong token takes half of that.
[[operations]]
include-operation-id = "followEvents"
request-timeout = 1
generation.max-examples = 10
parameters = {{ "query.after" = {{ dictionary = "positions", probability = 0.5 }} }}
"#
    ))
}

async fn ask(folder: &Path, service: &Service, token: Option<&str>, examples: &str) -> Result<()> {
    let url = format!("{}/openapi.json", service.base());
    let header = token.map(|token| format!("Authorization: Bearer {token}"));
    let mut arguments = vec!["run", &url, "--checks", CHECKS];
    arguments.extend(["--phases", "examples,coverage,fuzzing", "--max-examples", examples, "--seed", "1"]);
    arguments.extend(["--request-timeout", "30", "--no-shrink", "--warnings", "off"]);
    if let Some(header) = &header {
        arguments.extend(["--header", header]);
    }
    tools::schemathesis(folder, Duration::from_mins(5), &arguments).await
}
