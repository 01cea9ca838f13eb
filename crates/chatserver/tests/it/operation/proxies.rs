//! Behind proxies: which address the server takes for the client's. `scripts/check_proxies.py` tests with real nginx,
//! HAProxy and Caddy.

use serde_json::Value;

use crate::support::{Request, Server, Setup, Ws, eventually};

fn behind(trusted: &str, header: &str) -> Setup {
    let setup = Setup::new().on_one_node("the nodes' own proxy is a peer like any other");
    let setup = setup.env("TRUSTED_PROXIES", trusted).env("TRUSTED_PROXIES_HEADER", header);
    setup.env("LOG_LEVEL", "debug")
}

/// Returns the client's address in the log line of the request with this id.
async fn logged(server: &Server, id: &str) -> String {
    let mut client = None;
    eventually(10, "the request's line", async || {
        let printed = server.printed();
        let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fields = |line: Value| line["fields"].clone();
        let mut found =
            lines.map(fields).filter(|line| line["message"] == "request" && line["request_id"] == id);
        client = found.next().map(|line| line["client"].as_str().unwrap_or("none").to_owned());
        client.is_some()
    })
    .await;
    client.unwrap()
}

async fn client_of(server: &Server, id: &str, headers: &[(&str, &str)]) -> String {
    let request = Request::get("/ping").header("X-Request-Id", id);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    server.send(request).await.expect(200);
    logged(server, id).await
}

fn warnings(server: &Server) -> usize {
    let printed = server.printed();
    let of = |warning| printed.matches(warning).count();
    of("a request has the headers of a proxy") + of("ignored proxy headers from a peer")
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_over_rest_and_for_streams() {
    let server = behind("127.0.0.1, 10.0.0.0/8", "").start();
    let forged = ("X-Forwarded-For", "1.2.3.4, 198.51.100.7");
    assert_eq!(client_of(&server, "one", &[forged]).await, "198.51.100.7");
    assert_eq!(client_of(&server, "two", &[forged, ("x-forwarded-for", "10.0.0.9")]).await, "198.51.100.7");
    assert_eq!(client_of(&server, "three", &[("Forwarded", "for=1.2.3.4")]).await, "127.0.0.1");
    assert_eq!(client_of(&server, "four", &[("X-Forwarded-For", "2001:db8::17")]).await, "2001:db8::17");
    let spike = server.register("spike").await;
    let headers = [("X-Request-Id", "five"), forged];
    let ws = Ws::open(&server, &format!("/ws?token={}", spike.token), &headers).await.ok().unwrap();
    assert_eq!(logged(&server, "five").await, "198.51.100.7");
    ws.leave().await;
    assert_eq!(warnings(&server), 0);
}

#[tokio::test]
async fn the_configured_header_alone_counts() {
    let server = behind("127.0.0.1", "Forwarded").start();
    let forwarded = ("Forwarded", "for=1.2.3.4, For=\"[2001:db8::17]:80\";proto=https");
    assert_eq!(client_of(&server, "one", &[("X-Forwarded-For", "9.9.9.9"), forwarded]).await, "2001:db8::17");
}

#[tokio::test]
async fn headers_of_anybody_else_are_ignored_and_logged_once() {
    let server = behind("10.0.0.0/8", "").start();
    for id in ["one", "two"] {
        assert_eq!(client_of(&server, id, &[("X-Forwarded-For", "1.2.3.4")]).await, "127.0.0.1");
    }
    assert_eq!(warnings(&server), 1);
}
