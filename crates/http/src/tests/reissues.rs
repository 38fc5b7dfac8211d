//! New generations over HTTP.

use std::sync::atomic::Ordering;

use fulfillment_credential::read::codes_in_pdf;
use fulfillment_store::{Records, Reissues};
use serde_json::{Value, json};

use super::{Answer, App, request};

const TOKEN: &str = "[http]\ntoken = \"all-of-it\"\n";

async fn post(app: &App, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let mut headers = vec![("content-type", "application/json"), ("authorization", "Bearer all-of-it")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    app.ask(request("POST", path, &headers, body.to_string())).await
}

#[tokio::test]
async fn the_new_link_opens_the_new_page_and_the_old_one_says_that_it_is_over() {
    let app = App::with(TOKEN).await;
    let before = app.issued().await;
    let path = format!("/tickets/{}/reissue", before.id);
    post(&app, &path, None, &json!({ "holderName": "Ada" })).await.is_problem(400, "bad-request");
    post(&app, &path, None, &json!({ "expectedGeneration": -1 })).await.is_problem(400, "bad-request");
    let wanted =
        json!({ "holderName": "Ada", "seatLabel": "Section B, Row 7, Seat 3", "expectedGeneration": 0 });
    let answer = post(&app, &path, None, &wanted).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let record = answer.json();
    assert_eq!((&record["generation"], &record["holderName"]), (&json!(1), &json!("Ada")));
    assert_eq!((&record["holderEmail"], &record["row"]), (&Value::Null, &json!("7")));
    assert_eq!(record["cti"], json!(hex::encode(before.code.cti)), "the code keeps its id");
    let after = app.store.ticket(before.id).await.unwrap().unwrap();
    let pdf = app.get(&app.signed(&after), &[]).await;
    assert_eq!(pdf.status, 200);
    assert_eq!(codes_in_pdf(&pdf.body).unwrap(), [after.code.data]);
    app.get(&app.signed(&before), &[]).await.is_problem(410, "ticket-superseded");
    app.get(&format!("{}x", app.signed(&before)), &[]).await.is_problem(401, "unauthorized");
    let again = post(&app, &path, None, &wanted).await;
    again.is_problem(409, "generation-mismatch");
    assert_eq!(again.json()["generation"], 1);
}

#[tokio::test]
async fn a_request_with_a_name_is_carried_out_once() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/reissue", ticket.id);
    for generation in [1, 1, 2] {
        let key = if generation == 1 { "first" } else { "second" };
        let answer = post(&app, &path, Some(key), &json!({ "reason": "lost phone" })).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (200, &json!(generation)));
    }
    post(&app, &path, Some(&"x".repeat(201)), &json!({})).await.is_problem(400, "bad-request");
    let nobody = "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/reissue";
    post(&app, nobody, Some("x"), &json!({})).await.is_problem(404, "no-such-ticket");
}

#[tokio::test]
async fn a_voided_ticket_is_reinstated_under_another_code() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let path = |what: &str| format!("/tickets/{}/{what}", ticket.id);
    let zero = json!({ "expectedGeneration": 0 });
    post(&app, &path("reinstate"), None, &zero).await.is_problem(409, "ticket-not-voided");
    assert_eq!(post(&app, &path("void"), None, &json!({ "reason": "refunded" })).await.status, 200);
    post(&app, &path("reissue"), None, &zero).await.is_problem(410, "ticket-voided");
    let answer = post(&app, &path("reinstate"), None, &zero).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let after = app.store.ticket(ticket.id).await.unwrap().unwrap();
    assert_eq!((after.code.era, after.code.generation, after.lifecycle.voided_at), (1, 1, None));
    assert_ne!(after.code.cti, ticket.code.cti, "what was voided stays void at every door");
    assert_eq!(app.get(&app.signed(&after), &[]).await.status, 200);
}

#[tokio::test]
async fn tries_against_a_storage_that_is_away_use_no_generation_up() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/reissue", ticket.id);
    let ada = json!({ "holderName": "Ada", "expectedGeneration": 0 });
    app.files.broken.store(true, Ordering::Relaxed);
    post(&app, &path, None, &ada).await.is_problem(503, "files-unavailable");
    let first = app.store.drafted(ticket.id).await.unwrap().draft.unwrap();
    for n in 0..260 {
        let key = n.to_string();
        let key = (n % 2 == 0).then_some(key.as_str());
        post(&app, &path, key, &ada).await.is_problem(503, "files-unavailable");
    }
    assert_eq!(app.store.drafted(ticket.id).await.unwrap().draft.as_ref(), Some(&first), "all drew the same");
    app.files.broken.store(false, Ordering::Relaxed);
    let answer = post(&app, &path, None, &ada).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (200, &json!(1)));
    let live = app.store.ticket(ticket.id).await.unwrap().unwrap();
    assert_eq!((live.code.data, live.holder.name.as_deref()), (first.qr_code_data, Some("Ada")));
    assert_eq!(app.store.drafted(ticket.id).await.unwrap().draft, None);
}

#[tokio::test]
async fn another_request_takes_over_the_number_and_the_first_one_may_come_back() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/reissue", ticket.id);
    let draft = async || app.store.drafted(ticket.id).await.unwrap().draft.unwrap();
    app.files.broken.store(true, Ordering::Relaxed);
    for n in 0..260 {
        let key = format!("{n}");
        let body = json!({ "holderName": key });
        post(&app, &path, Some(&key), &body).await.is_problem(503, "files-unavailable");
        assert_eq!((draft().await.generation, draft().await.holder_name), (1, Some(key)));
    }
    // The draft that is kept, by its key alone.
    post(&app, &path, Some("259"), &json!({})).await.is_problem(503, "files-unavailable");
    assert_eq!(draft().await.holder_name.as_deref(), Some("259"));
    app.files.broken.store(false, Ordering::Relaxed);
    for (key, generation, holder) in [("259", 1, "259"), ("259", 1, "259"), ("7", 2, "7")] {
        let answer = post(&app, &path, Some(key), &json!({ "holderName": holder })).await.json();
        assert_eq!((&answer["generation"], &answer["holderName"]), (&json!(generation), &json!(holder)));
    }
}

#[tokio::test]
async fn a_file_that_a_late_writer_left_is_never_overwritten() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/reissue", ticket.id);
    let late = format!("{}.g1.pdf", ticket.id);
    app.files.insert(&late, b"another draft's page");
    let answer = post(&app, &path, None, &json!({ "expectedGeneration": 0 })).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (200, &json!(2)));
    assert_eq!(app.files.files.lock().unwrap()[&late], "another draft's page");
    let live = app.store.ticket(ticket.id).await.unwrap().unwrap();
    let pdf = app.get(&app.signed(&live), &[]).await;
    assert_eq!(
        codes_in_pdf(&pdf.body).unwrap(),
        [live.code.data],
        "the code counts what the file's name does"
    );
}

#[tokio::test]
async fn a_door_asks_for_what_is_known_against_a_code() {
    let app = App::with(TOKEN).await;
    let ticket = app.issued().await;
    let ask =
        async |cti: &str| app.get(&format!("/codes/{cti}"), &[("authorization", "Bearer all-of-it")]).await;
    let cti = hex::encode(ticket.code.cti);
    let standing = async || {
        let answer = ask(&cti).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "private, no-store"));
        (answer.json()["voided"].clone(), answer.json()["lowestGoodGeneration"].clone())
    };
    assert_eq!(standing().await, (json!(false), json!(0)));
    let path = |what: &str| format!("/tickets/{}/{what}", ticket.id);
    post(&app, &path("reissue"), None, &json!({ "expectedGeneration": 0 })).await;
    assert_eq!(standing().await, (json!(false), json!(1)));
    post(&app, &path("void"), None, &json!({ "reason": "sold twice" })).await;
    post(&app, &path("reinstate"), None, &json!({ "expectedGeneration": 1 })).await;
    assert_eq!(standing().await, (json!(true), json!(1)), "the reinstated ticket has another code");
    for bad in ["x", "c0ffee", "zzzzzzzzzzzzzzzzzzzz", "%ff", &"0".repeat(22)] {
        ask(bad).await.is_problem(400, "bad-request");
    }
}
