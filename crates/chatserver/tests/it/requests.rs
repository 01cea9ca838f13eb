//! Requests that are odd or malformed as HTTP, whatever their path.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::http::{exchange, keys, read_answer};
use crate::support::people::{p2p, to_group};
use crate::support::{Request, Server, cluster, within};

#[tokio::test]
async fn ping_says_pong_and_names_the_storage() {
    let server = Server::start();
    let pong = server.get("/ping").await.expect(200);
    let engine = if cluster::is_wanted() { "postgres" } else { "sqlite3" };
    assert_eq!(pong, json!({"message": "pong", "db_driver": engine}));
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for path in [
        "/v1",
        "/v1/",
        "/assets/nothing.js",
        "/nothing.html",
        "/v1/users/",
        "/v1/users/1/2",
        "/v1/nothing",
        "/V1/users",
        "/v2/users",
        "/.env",
    ] {
        server.get(path).await.refused(404, "route_not_found");
        tom.get(path).await.refused(404, "route_not_found");
    }
}

#[tokio::test]
async fn another_method_is_405_and_the_answer_says_which_would_do() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for (method, path, allowed) in [
        ("DELETE", "/v1/users/1", "GET,HEAD"),
        ("GET", "/v1/users/login", "POST"),
        ("PUT", "/v1/groups", "GET,HEAD,POST"),
        ("POST", "/v1/chats", "GET,HEAD"),
        ("POST", "/ping", "GET,HEAD"),
        ("TRACE", "/ping", "GET,HEAD"),
        ("OPTIONS", "/v1/messages/p2p/2", "POST"),
        ("POST", "/ws", "GET,HEAD"),
    ] {
        let answer = tom.send(Request::new(method, path)).await;
        answer.refused(405, "method_not_allowed");
        let mut named: Vec<_> =
            answer.header("allow").expect("RFC 9110, 15.5.6").split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn head_answers_as_get_but_without_a_body() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for path in ["/ping", "/healthz", "/v1/users", "/v1/chats"] {
        let (head, get) = (tom.send(Request::new("HEAD", path)).await, tom.get(path).await);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    }
}

#[tokio::test]
async fn a_path_id_must_be_a_positive_integer() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    assert_eq!(group, 1);
    let body = json!({"content": "hi", "user_id": 2});
    for id in
        ["0", "-1", "+1", "1.0", "1e0", "abc", "0x1", "%20", "1%20", "9223372036854775808", "1;2", "%31%00"]
    {
        for path in
            ["/v1/users/ID", "/v1/groups/ID/members", "/v1/groups/ID/messages", "/v1/messages/history/ID"]
        {
            tom.get(&path.replace("ID", id)).await.invalid();
        }
        for path in ["/v1/groups/ID/members", "/v1/messages/p2p/ID", "/v1/messages/group/ID"] {
            tom.post(&path.replace("ID", id), &body).await.invalid();
        }
    }
    tom.get("/v1/users/9223372036854775807").await.refused(404, "user_not_found");
    tom.get("/v1/users/%32").await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_415() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let body = json!({"content": "hi"}).to_string();
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
    {
        let request = Request::new("POST", &p2p(2)).header("Content-Type", media_type).body(body.clone());
        tom.send(request).await.refused(415, "unsupported_media_type");
    }
    // Any page can make a browser send a body without a content type.
    tom.send(Request::new("POST", &p2p(2)).body(body.clone())).await.refused(415, "unsupported_media_type");
    for path in ["/v1/users/register", "/v1/users/login"] {
        let fields = json!({"username": "spike", "email": "spike@example.com", "password": "password123"});
        let blind = Request::new("POST", path).body(fields.to_string());
        server.send(blind).await.refused(415, "unsupported_media_type");
        server.send(Request::new("POST", path)).await.invalid();
    }
    tom.send(Request::new("POST", "/v1/users/logout").body("{\"everywhere\":true}"))
        .await
        .refused(415, "unsupported_media_type");
    for media_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.example+json",
    ] {
        let request = Request::new("POST", &p2p(2)).header("Content-Type", media_type).body(body.clone());
        tom.send(request).await.expect(201);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let padded = |bytes: usize| {
        let body = json!({"content": "hi", "padding": ""}).to_string();
        body.replace("\"\"", &format!("{:?}", "x".repeat(bytes - body.len())))
    };
    let request =
        |body: String| Request::new("POST", &p2p(2)).header("Content-Type", "application/json").body(body);
    tom.send(request(padded(128 * 1024))).await.expect(201);
    tom.send(request(padded(128 * 1024 + 1))).await.refused(413, "body_too_large");

    // The same without a declared length.
    let head = Request::new("POST", &p2p(2))
        .bearer(&tom.token)
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    let mut bytes = head.bytes(&server.address);
    for _ in 0..3 {
        bytes.extend_from_slice(format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536)).as_bytes());
    }
    let answer = within(20, exchange(&server.address, &bytes)).await;
    answer.refused(413, "body_too_large");
    assert_eq!(server.get("/ping").await.status, 200);
}

#[tokio::test]
async fn json_that_means_mischief_is_refused() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let deep = "[".repeat(60_000);
    for body in [
        deep.as_str(),
        r#"{"content":"a","content":"b"}"#,
        r#"{"content":"\ud800"}"#,
        r#"{"content":1e400}"#,
        r#"{"content":{"toString":"x"}}"#,
        r#"{"content":["hi"]}"#,
        r#"{"content":true}"#,
        "\u{feff}{\"content\":\"hi\"}",
        "{\"content\":\"raw \u{0} inside\"}",
        r#"{"content":"hi"} and more"#,
    ] {
        let request = Request::new("POST", &p2p(2)).header("Content-Type", "application/json").body(body);
        tom.send(request).await.invalid();
    }
    let broken_utf8 = [b"{\"content\":\"\xff\xfe\"}".as_slice(), b"{\"content\":\"\xc0\x80\"}"];
    for body in broken_utf8 {
        let request = Request::new("POST", &p2p(2)).header("Content-Type", "application/json").body(body);
        tom.send(request).await.invalid();
    }
    assert_eq!(tom.get("/v1/chats").await.expect(200), json!([]), "none of them was stored");
}

/// An array with the fields in order does not count as an object.
#[tokio::test]
async fn a_list_is_no_substitute_for_an_object() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let group = tom.group("Cheese", &[]).await;
    for (path, list) in [
        ("/v1/users/register".to_owned(), json!(["spike", "spike@temp.com", "password123"])),
        ("/v1/users/login".to_owned(), json!(["tom@temp.com", "tom", "password123"])),
        ("/v1/groups".to_owned(), json!(["Mice"])),
        (format!("/v1/groups/{group}/members"), json!([2])),
        (p2p(2), json!(["hi", null, null, null])),
        (to_group(group), json!(["hi", null, null, null])),
    ] {
        tom.post(&path, &list).await.invalid();
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_431() {
    let server = Server::start();
    for request in [
        Request::get("/ping").header("X-Filler", &"x".repeat(100 * 1024)),
        Request::get(&format!("/ping?{}", "x".repeat(100 * 1024))),
        (0..1000).fold(Request::get("/ping"), |request, number| request.header(&format!("X-{number}"), "x")),
    ] {
        let answer = server.send(request).await;
        assert!([414, 431].contains(&answer.status), "{}", answer.status);
    }
    assert_eq!(server.get("/ping").await.status, 200);
}

#[tokio::test]
async fn broken_http_is_400_or_cut_off() {
    let server = Server::start();
    for bytes in [
        "GET /ping\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /ping HTTP/1.0\r\nHost: user@x\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: \u{e9}\r\n\r\n",
        "GET /ping HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        "POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET /\u{1}ping HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = within(20, exchange(&server.address, bytes.as_bytes())).await;
        assert_eq!(answer.status, 400, "{bytes:?}");
        assert_eq!(server.get("/ping").await.status, 200);
    }
}

#[tokio::test]
async fn an_expected_body_is_asked_for() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let body = json!({"content": "hi"});
    let mut socket = Request::post(&p2p(2), &body).bearer(&tom.token).send_head(&server.address).await;
    socket.write_all(body.to_string().as_bytes()).await.unwrap();
    within(20, read_answer(&mut socket)).await.expect(201);
}

#[tokio::test]
async fn every_answer_carries_an_id_and_the_headers_that_keep_browsers_honest() {
    let server = Server::start();
    for (path, own_id) in
        [("/ping", None), ("/v1/users", None), ("/nothing", None), ("/ping", Some("abc-123"))]
    {
        let mut request = Request::get(path);
        if let Some(id) = own_id {
            request = request.header("X-Request-Id", id);
        }
        let answer = server.send(request).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(own_id.is_none_or(|own| own == id), "{id}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")));
        assert_eq!(answer.header("strict-transport-security"), None, "not without TLS");
    }
    let odd = Request::get("/ping").header("X-Request-Id", "no\"body; wants=this");
    assert_ne!(server.send(odd).await.header("x-request-id"), Some("no\"body; wants=this"));
}

#[tokio::test]
async fn a_problem_has_these_members_and_no_others() {
    let server = Server::start();
    let problem = server.get("/v1/users").await.refused(401, "unauthenticated");
    assert_eq!(keys(&problem), ["code", "detail", "error", "request_id", "status", "title", "type"]);
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Unauthorized");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Server::start();
    let url = chat_client::ServerUrl::parse(&server.url()).unwrap();
    let mut connection = chat_client::Connection::open(&url).await.unwrap();
    for _ in 0..100 {
        let answer = connection.send("GET".parse().unwrap(), "/ping", None, None).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200);
    }
    assert!(connection.is_usable());
}
