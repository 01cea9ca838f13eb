//! `ALLOWED_ORIGINS`: pages of which other origins may use the API and embed the widget. `web/test` tests the effect in
//! a real browser.

use serde_json::json;

use crate::support::{Answer, Request, Server, Setup};

const APP: &str = "https://app.example.com";
const OTHER: &str = "http://localhost:3000";

fn open_to_both() -> Server {
    Setup::new().env("ALLOWED_ORIGINS", &format!("{APP}, {OTHER}")).start()
}

fn shares_nothing(answer: &Answer) {
    for name in ["origin", "methods", "headers", "credentials"] {
        assert_eq!(answer.header(&format!("access-control-allow-{name}")), None, "{name}");
    }
    assert_eq!(answer.header("access-control-expose-headers"), None);
}

fn question(origin: &str, path: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "PATCH")
        .header("Access-Control-Request-Headers", "authorization,content-type")
}

#[tokio::test]
async fn without_origins_nothing_is_said_to_any() {
    let server = Server::start();
    let answer = server.send(Request::get("/ping").header("Origin", APP)).await;
    assert_eq!((answer.status, answer.header("vary")), (200, None));
    shares_nothing(&answer);
    let asked = server.send(question(APP, "/v1/conversations/1/state")).await;
    shares_nothing(&asked);
    asked.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn a_named_origin_reads_answers_and_refusals_and_no_other_does() {
    let server = open_to_both();
    for origin in [APP, OTHER] {
        for (path, status) in [("/ping", 200), ("/v1/conversations", 401), ("/nothing", 404)] {
            let answer = server.send(Request::get(path).header("Origin", origin)).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{path}");
            assert_eq!(answer.header("vary"), Some("Origin"));
            // Tokens are in headers: there are no credentials that a browser would add by itself.
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            let exposed = answer.header("access-control-expose-headers").unwrap();
            for name in ["link", "retry-after", "x-request-id"] {
                assert!(exposed.contains(name), "{exposed}");
            }
        }
    }
    for stranger in
        ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"]
    {
        let answer = server.send(Request::get("/ping").header("Origin", stranger)).await;
        assert_eq!((answer.status, answer.header("vary")), (200, Some("Origin")));
        shares_nothing(&answer);
    }
    shares_nothing(&server.get("/ping").await);
}

#[tokio::test]
async fn browsers_that_ask_beforehand_learn_what_may_be_sent() {
    let server = open_to_both();
    let answer = server.send(question(APP, "/v1/conversations/1/state")).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    for (name, values) in [
        ("access-control-allow-methods", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
        (
            "access-control-allow-headers",
            ["authorization", "content-type", "idempotency-key", "traceparent", "x-request-id"],
        ),
    ] {
        for value in values {
            assert!(answer.header(name).unwrap().split(", ").any(|one| one == value), "{value}");
        }
    }
    let refused = server.send(question("https://evil.example", "/v1/conversations/1/state")).await;
    shares_nothing(&refused);
    refused.refused(405, "method_not_allowed");
    // An OPTIONS request that is not a browser's preflight.
    let bare = server.send(Request::new("OPTIONS", "/ping").header("Origin", APP)).await;
    assert_eq!(bare.status, 405);
}

#[tokio::test]
async fn a_named_origin_logs_in_and_is_served() {
    let server = open_to_both();
    let login = json!({"username": "tom", "password": "password123"});
    let answer = server.send(Request::post("/v1/users/login", &login).header("Origin", APP)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    let token = answer.expect(200)["token"].as_str().unwrap().to_owned();
    let listed = Request::get("/v1/conversations").bearer(&token).header("Origin", APP);
    server.send(listed).await.expect(200);
}
