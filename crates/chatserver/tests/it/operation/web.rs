//! What a browser gets: the page at `/`, with the client or in its place, and what the server reports about itself to
//! the client. `web/test` tests the client's page in a browser.

use serde_json::json;

use crate::support::people::PASSWORD;
use crate::support::{Answer, Request, Server, Setup};

/// Checks the security headers that every page has.
fn is_guarded(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    let permissions = answer.header("permissions-policy").unwrap();
    for asked in ["camera=()", "geolocation=()", "microphone=()"] {
        assert!(permissions.contains(asked), "{permissions}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_nothing_else() {
    let server = Server::start();
    let page = server.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    is_guarded(&page);
    let policy = page.header("content-security-policy").unwrap();
    for rule in
        ["script-src 'self';", "style-src 'self';", "require-trusted-types-for 'script'", "base-uri 'none'"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    for path in ["/ping", "/client.json", "/nothing"] {
        let answer = server.get(path).await;
        is_guarded(&answer);
        assert!(!answer.header("content-security-policy").unwrap().contains("'self'"), "{path} is no page");
    }
    let reference = server.get("/docs/").await;
    assert_eq!(reference.status, 200);
    assert!(reference.header("content-security-policy").unwrap().contains("default-src 'self'"));
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let server = Server::start();
    let page = server.get("/").await;
    assert_eq!(
        (page.header("cache-control"), page.header("vary")),
        (Some("no-cache"), Some("Accept-Encoding"))
    );
    let etag = page.header("etag").unwrap();
    assert!(etag.starts_with('"'), "{etag} is not a strong one");
    let again = server.send(Request::get("/").header("If-None-Match", etag)).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag)));
    is_guarded(&again);
    let other = server.send(Request::get("/").header("If-None-Match", "\"another\"")).await;
    assert_eq!((other.status, other.body), (200, page.body.clone()));
    let head = server.send(Request::new("HEAD", "/")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(page.body.len().to_string().as_str()));
    server.post("/", &json!({})).await.refused(405, "method_not_allowed");
    server.post("/index.html", &json!({})).await.refused(404, "route_not_found");
}

#[tokio::test]
async fn the_client_learns_which_demo_users_one_can_try() {
    let mut server = Setup::new().start();
    let answer = server.get("/client.json").await.expect(200);
    assert_eq!(answer["demo_users"], json!(["tom", "jerry"]));
    assert!(answer["version"].as_str().unwrap().starts_with(char::is_numeric), "{answer}");
    // Also on a server that did not make them, and only those whose password is still public.
    let tom = server.login("tom").await;
    let change = json!({"old_password": PASSWORD, "new_password": "a new password"});
    tom.post("/v1/users/password", &change).await.expect(200);
    server.stop();
    let server = server.setup.clone().start();
    assert_eq!(server.get("/client.json").await.expect(200)["demo_users"], json!(["jerry"]));
}

#[tokio::test]
async fn beyond_loopback_there_is_nobody_to_try() {
    let server = Setup::new().env("HOST", "0.0.0.0").start();
    assert_eq!(server.get("/client.json").await.expect(200)["demo_users"], json!([]));
}
