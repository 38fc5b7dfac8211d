//! All answers of the PDF route, and the delivery confirmation.

use std::sync::atomic::Ordering;

use fulfillment_store::conformance::fixtures;
use fulfillment_store::{FailedTicket, NextStep, OrderQueue, Records, Release, Withdrawals};

use super::{App, PDF, request};

#[tokio::test]
async fn the_pdf_with_its_name_and_validator() {
    let app = App::open().await;
    let ticket = app.issued().await;
    for path in [format!("/tickets/{}", ticket.id), format!("/tickets/{}.pdf", ticket.id)] {
        let answer = app.get(&path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (200, PDF));
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        let name = answer.header("content-disposition");
        // The fixture's event is `Gala "1" 東京`: its quotes do not end the header, and the real name is given too.
        assert!(name.starts_with("inline; filename=\"Gala 1 __ "), "{name}");
        assert!(name.contains("filename*=UTF-8''Gala%201%20%E6%9D%B1%E4%BA%AC%20"), "{name}");
        assert!(!name.contains('@'));

        let tag = answer.header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), "*".into(), format!("\"x\", {tag}")] {
            let again = app.get(&path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), tag);
        }
        assert_eq!(app.get(&path, &[("if-none-match", "\"x\"")]).await.status, 200);

        let head = app.ask(request("HEAD", &path, &[], "")).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), PDF.len().to_string());
    }
}

#[tokio::test]
async fn parts_of_the_pdf() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}.pdf", ticket.id);
    let part = app.get(&path, &[("range", "bytes=1-3")]).await;
    assert_eq!((part.status.as_u16(), part.body.as_ref()), (206, &PDF[1..4]));
    assert_eq!(part.header("content-range"), format!("bytes 1-3/{}", PDF.len()));
    let tag = part.header("etag").to_owned();
    assert_eq!(app.get(&path, &[("range", "bytes=1-3"), ("if-range", &tag)]).await.status, 206);
    assert_eq!(app.get(&path, &[("range", "bytes=1-3"), ("if-range", "\"old\"")]).await.status, 200);
    assert_eq!(app.get(&path, &[("range", "bytes=0-1,3-4")]).await.body.as_ref(), PDF);
    let outside = app.get(&path, &[("range", "bytes=999-")]).await;
    outside.is_problem(416, "range-not-satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{}", PDF.len()));
    assert_eq!(app.ask(request("HEAD", &path, &[("range", "bytes=1-3")], "")).await.status, 200);
}

#[tokio::test]
async fn the_record_when_json_is_asked_for() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}", ticket.id);
    for accept in
        ["application/json", "application/json, text/plain, */*", "application/pdf;q=0.5, application/json"]
    {
        let answer = app.get(&path, &[("accept", accept)]).await;
        assert_eq!(answer.json()["id"], ticket.id.to_string(), "{accept}");
        assert!(std::str::from_utf8(&answer.body).unwrap().contains("\"price\":49.90,"));
    }
    for accept in
        ["application/pdf", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json;q=0"]
    {
        assert_eq!(
            app.get(&path, &[("accept", accept)]).await.header("content-type"),
            "application/pdf",
            "{accept}"
        );
    }
    let pdf = app.get(&format!("{path}.pdf"), &[("accept", "application/json")]).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
}

#[tokio::test]
async fn no_ticket() {
    let app = App::open().await;
    for bad in
        ["x", "3f2504e04f8941d39a0c0305e82c3301", "%ff", "{3f2504e0-4f89-41d3-9a0c-0305e82c3301}", ".pdf"]
    {
        let bad = bad.replace('{', "%7B").replace('}', "%7D");
        app.get(&format!("/tickets/{bad}"), &[]).await.is_problem(400, "not-a-guid");
    }
    for id in ["3f2504e0-4f89-41d3-9a0c-0305e82c3301", "3F2504E0-4F89-11D3-9A0C-0305E82C3301"] {
        app.get(&format!("/tickets/{id}"), &[]).await.is_problem(404, "no-such-ticket");
    }
}

#[tokio::test]
async fn a_lost_or_damaged_file_is_drawn_again() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}", ticket.id);
    app.files.insert(&ticket.file_name(), b"%PDF- of another");
    app.get(&path, &[]).await.is_problem(404, "no-file");
    app.files.files.lock().unwrap().clear();
    app.get(&path, &[]).await.is_problem(404, "no-file");
    assert_eq!(*app.healed.0.lock().unwrap(), [ticket.id, ticket.id]);
    // A storage failure is not a missing file.
    app.files.broken.store(true, Ordering::Relaxed);
    let away = app.get(&path, &[]).await;
    away.is_problem(503, "files-unavailable");
    assert_eq!(away.header("retry-after"), "5");
    assert_eq!(app.healed.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn pending_failed_and_voided() {
    let app = App::open().await;
    let claim = fixtures::claimed(app.store.as_ref(), 1).await.remove(0);
    let outcome = app.store.freeze(&[fixtures::freeze(&claim, 1)]).await.unwrap().remove(0);
    let ticket = fixtures::frozen(outcome).remove(0);
    let path = format!("/tickets/{}", ticket.id);
    let pending = app.get(&path, &[]).await;
    pending.is_problem(409, "ticket-pending");
    assert_eq!(pending.header("retry-after"), "2");

    let failed = Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "no font".into(),
        failed: vec![FailedTicket { id: ticket.id, reason: "no font".into() }],
        then: NextStep::Park(None),
        refused_answer: None,
    };
    assert_eq!(app.store.release(&[failed]).await.unwrap(), [true]);
    app.get(&path, &[]).await.is_problem(404, "ticket-failed");
    assert_eq!(app.get(&path, &[("accept", "application/json")]).await.json()["lastError"], "no font");

    assert!(
        app.store.void_ticket(ticket.id, "refunded", &fixtures::quietly(), &fixtures::desk()).await.unwrap()
    );
    app.get(&path, &[]).await.is_problem(410, "ticket-voided");
    assert_eq!(app.get(&path, &[("accept", "application/json")]).await.json()["voidReason"], "refunded");
}

#[tokio::test]
async fn only_the_holders_whole_get_is_a_first_download() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let link = app.signed(&ticket);
    let first =
        || async { app.store.ticket(ticket.id).await.unwrap().unwrap().lifecycle.first_downloaded_at };
    app.get(&format!("/tickets/{}.pdf", ticket.id), &[]).await;
    app.get(&format!("/tickets/{}.pdf?s=wrong", ticket.id), &[]).await;
    app.get(&link, &[("range", "bytes=0-3")]).await;
    app.get(&link, &[("if-none-match", "*")]).await;
    app.ask(request("HEAD", &link, &[], "")).await;
    for ahead in [
        ("purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("x-purpose", "Preview"),
        ("x-moz", "prefetch"),
    ] {
        assert_eq!(app.get(&link, &[ahead]).await.status, 200, "{ahead:?}");
    }
    assert_eq!(first().await, None);
    assert_eq!(app.get(&link, &[]).await.status, 200);
    assert_eq!(first().await, Some("2026-11-22T20:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_link_opens_with_the_punctuation_that_mail_programs_add() {
    let app = App::with("[http]\ntoken = \"all-of-it\"\n").await;
    let ticket = app.issued().await;
    let link = app.signed(&ticket);
    let (path, query) = link.split_once('?').unwrap();
    let stem = path.strip_suffix(".pdf").unwrap();
    for tail in [".", ")", ").", ",", "%3E", "%22", "%5D", "!", "%20"] {
        for link in
            [format!("{link}{tail}"), format!("{path}{tail}?{query}"), format!("{stem}{tail}?{query}")]
        {
            assert_eq!(app.get(&link, &[]).await.status, 200, "{link}");
        }
    }
    // Anything but punctuation makes the link invalid.
    for bad in [format!("{link}A"), format!("{link}.A"), link.replace("?s=", "?s=."), format!("{path}?s=.")] {
        assert_eq!(app.get(&bad, &[]).await.status, 401, "{bad}");
    }
}

#[tokio::test]
async fn delivered_by_word_of_notification() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/delivered", ticket.id);
    let json = [("content-type", "application/json")];
    let at = r#"{"channel":"email","deliveredAt":"2026-11-22T19:00:00Z"}"#;
    let answer = app.ask(request("POST", &path, &json, at)).await;
    assert_eq!(answer.status, 200);
    let record = answer.json();
    assert_eq!(
        (&record["status"], &record["deliveryChannel"], &record["deliveredAt"]),
        (&"Delivered".into(), &"email".into(), &"2026-11-22T19:00:00Z".into())
    );
    // Repeated, without a body: nothing changes. The PDF is still served.
    assert_eq!(app.ask(request("POST", &path, &json, "")).await.json()["deliveryChannel"], "email");
    assert_eq!(app.get(&format!("/tickets/{}", ticket.id), &[]).await.status, 200);

    for (generation, status) in [("1", 409), ("-1", 400), ("\"x\"", 400), ("0", 200)] {
        let word = format!(r#"{{"generation":{generation}}}"#);
        assert_eq!(app.ask(request("POST", &path, &json, word)).await.status, status, "{generation}");
    }

    let other = r#"{"ticketId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"}"#;
    let refused = app.ask(request("POST", &path, &json, other)).await;
    refused.is_problem(400, "bad-request");
    assert_eq!(refused.json()["field"], "ticketId");
    app.ask(request("POST", &path, &[], at)).await.is_problem(415, "unsupported-media-type");
    app.ask(request("POST", "/tickets/x/delivered", &[], "")).await.is_problem(400, "not-a-guid");
    let nobody = "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/delivered";
    app.ask(request("POST", nobody, &json, "")).await.is_problem(404, "no-such-ticket");
}

#[tokio::test]
async fn a_link_expires_after_its_event_if_a_setting_says_so() {
    // The fixture's event is over at 18:30, and it is 20:00.
    for (setting, expired) in
        [("", false), ("links_expire_after = \"2h\"", false), ("links_expire_after = \"1h\"", true)]
    {
        let app = App::with(&format!("[http]\ntoken = \"all-of-it\"\n{setting}\n")).await;
        let ticket = app.issued().await;
        let link = app.signed(&ticket);
        let answer = app.get(&link, &[]).await;
        if expired {
            answer.is_problem(410, "link-expired");
        } else {
            assert_eq!(answer.status, 200, "{setting}");
        }
        let token = ("authorization", "Bearer all-of-it");
        assert_eq!(app.get(&link, &[token]).await.status, 200, "a token opens it all the same: {setting}");
        let forged = format!("/tickets/{}.pdf?s=AAAAAAAAAAAAAAAAAAAAAA", ticket.id);
        app.get(&forged, &[]).await.is_problem(401, "unauthorized");
    }
}
