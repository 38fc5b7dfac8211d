//! Signed links of tickets and orders, in records and as they open.

use fulfillment_store::conformance::fixtures;
use fulfillment_store::{Erasures, Records, Withdrawals};
use serde_json::{Value, json};

use super::{App, request};

const TOKENS: &str = "[http]\ntoken = \"all-of-it-all-of-it-all-of-it-all\"\n\
                      [[token]]\nname = \"s\"\ntoken = \"state-state-state-state-state-st\"\nscopes = [\"read:status\"]\n";
const ALL: (&str, &str) = ("authorization", "Bearer all-of-it-all-of-it-all-of-it-all");
const STATE: (&str, &str) = ("authorization", "Bearer state-state-state-state-state-st");
const JSON: (&str, &str) = ("accept", "application/json");

/// The path and query of a link in a record.
fn path(link: &Value) -> String {
    link.as_str().unwrap().strip_prefix("https://tickets.example").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_carry_links_that_open_and_end() {
    let app = App::with(TOKENS).await;
    let ticket = app.issued().await;
    let (one, all) = (format!("/tickets/{}", ticket.id), format!("/orders/{}", ticket.order_id));
    let record = app.get(&one, &[ALL, JSON]).await.json();
    assert_eq!(record["shownStatus"], "Generated");
    assert_eq!(app.get(&path(&record["ticketPdfUrl"]), &[]).await.status, 200);
    let order = app.get(&all, &[ALL]).await.json();
    assert_eq!(order["tickets"][0]["ticketPdfUrl"], record["ticketPdfUrl"]);
    let link = path(&order["ticketsPdfUrl"]);
    let file = app.get(&link, &[]).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, "application/pdf"));
    // No other link opens it, and neither does this one another order.
    for wrong in
        [link.replace("?s=", "?g=1&s="), link.replace("?s=", "?until=9999999999&s="), format!("{link}x")]
    {
        app.get(&wrong, &[]).await.is_problem(401, "unauthorized");
    }
    let other = link.replace(&ticket.order_id.to_string(), &fixtures::order(9).to_string());
    app.get(&other, &[]).await.is_problem(401, "unauthorized");
    // Who may see states alone sees no link.
    let state = app.get(&all, &[STATE]).await.json();
    assert_eq!(state["tickets"][0]["shownStatus"], "Generated");
    assert!(!state.to_string().contains("PdfUrl"), "{state}");

    // With a new code the links end, and there are others.
    let headers = [ALL, ("content-type", "application/json")];
    let reissue = json!({ "expectedGeneration": 0, "holderName": "Somebody else" }).to_string();
    let reissued = app.ask(request("POST", &format!("{one}/reissue"), &headers, reissue)).await.json();
    assert_ne!(reissued["ticketPdfUrl"], record["ticketPdfUrl"]);
    app.get(&link, &[]).await.is_problem(410, "ticket-superseded");
    let newer = path(&app.get(&all, &[ALL]).await.json()["ticketsPdfUrl"]);
    assert!(newer.contains("?g=1&s="), "{newer}");
    assert_eq!(app.get(&newer, &[]).await.status, 200);

    // A void ticket has no link, and says so in one word; an erased one too.
    app.store.void_ticket(ticket.id, "off", &fixtures::quietly(), &fixtures::desk()).await.unwrap();
    let record = app.get(&one, &[ALL, JSON]).await.json();
    assert_eq!((&record["shownStatus"], &record["ticketPdfUrl"]), (&json!("voided"), &Value::Null));
    assert_eq!(record["status"], "Generated", "what others read stays");
    let order = app.get(&all, &[ALL]).await.json();
    assert_eq!((&order["ticketsPdfUrl"], order["voidedAt"].is_string()), (&Value::Null, true));
    app.get(&newer, &[]).await.is_problem(410, "ticket-voided");
    assert_eq!(app.get(&all, &[STATE]).await.json()["tickets"][0]["shownStatus"], "voided");
    app.store.erase(ticket.order_id, &fixtures::desk()).await.unwrap();
    assert_eq!(app.get(&one, &[ALL, JSON]).await.json()["shownStatus"], "erased");
    app.get(&newer, &[]).await.is_problem(410, "ticket-erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_expire_after_the_event_unless_they_are_renewed() {
    let app = App::with(&format!("{TOKENS}\n")).await;
    let ticket = app.issued().await;
    let links = &app.links;
    let at = |seconds| jiff::Timestamp::from_second(seconds).unwrap();
    let now = at(1_795_377_600);
    let link = |until: i64| {
        let s = links.sign_order(ticket.order_id, 0, Some(at(until)), jiff::Timestamp::MAX);
        format!("/orders/{}/tickets.pdf?until={until}&s={s}", ticket.order_id)
    };
    app.get(&link(now.as_second() - 10_000_000), &[]).await.is_problem(410, "link-expired");
    assert_eq!(app.get(&link(now.as_second() + 10_000_000), &[]).await.status, 200);
    assert_eq!(app.store.order_pages(ticket.order_id).await.unwrap().pages, 1);
}
