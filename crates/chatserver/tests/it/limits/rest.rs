//! Limits over REST.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::limited;
use crate::support::http::read_answer;
use crate::support::people::{PASSWORD, in_conversation, p2p, to_group};
use crate::support::{Answer, Request, Server, User, within};

/// Checks a refusal by this limit, to the letter.
#[track_caller]
fn refused(answer: &Answer, policy: &str) -> Value {
    let problem = answer.refused(429, "rate_limited");
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!([policy]));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let left = answer.header("ratelimit").unwrap();
    let after = left.strip_prefix(&format!("\"{policy}\";r=0;t=")).unwrap_or_else(|| panic!("{left}"));
    assert!(seconds > 0 && seconds >= after.parse().unwrap(), "{seconds} {after}");
    let quota = answer.header("ratelimit-policy").unwrap();
    assert!(quota.starts_with(&format!("\"{policy}\";q=")), "{quota}");
    problem
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_warned_and_then_refused() {
    let server = limited(&[("LIMIT_SEND", "1/h:3")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let body = json!({"content": "x"});
    for left in [None, None, Some("\"send\";r=0;t=10800")] {
        let answer = tom.post(&p2p(jerry.id), &body).await;
        assert_eq!((answer.status, answer.header("ratelimit")), (201, left));
    }
    for _ in 0..3 {
        let answer = tom.post(&p2p(jerry.id), &body).await;
        refused(&answer, "send");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"send\";q=3;w=10800"));
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((3590..=3600).contains(&seconds), "{seconds}");
    }
    assert_eq!(tom.history(&jerry).await.len(), 3, "what was refused was not done");
    assert_eq!(jerry.post(&p2p(tom.id), &body).await.status, 201, "others are not meant");
}

/// A refusal does not depend on the body, whether it is missing or malformed.
#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let server = limited(&[("LIMIT_SEND", "1/h:1")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "one").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Length: 100000\r\n\r\n",
        p2p(jerry.id),
        tom.token
    );
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    refused(&within(5, read_answer(&mut socket)).await, "send");
    refused(&tom.post(&p2p(jerry.id), &json!([])).await, "send");
}

/// Logs in without asking for the user's own account, which would count.
async fn token(server: &Server) -> String {
    let body = json!({"username": "tom", "password": PASSWORD});
    server.post("/v1/users/login", &body).await.expect(200)["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_kind_of_request_has_a_limit_of_its_own() {
    let names = ["SEND", "TYPING", "SEARCH", "USER_LOOKUP", "GROUPS", "DEFAULT", "STREAMS", "REGISTER"];
    let names = names.map(|name| format!("LIMIT_{name}"));
    let limits: Vec<_> = names.iter().map(|name| (name.as_str(), "1/h:1")).collect();
    let server = limited(&limits).start();
    let tom = User::with_token(&server, 1, &token(&server).await);
    let conversation =
        tom.post(&p2p(2), &json!({"content": "x"})).await.expect(201)["conversation_id"].clone();
    let typing = format!("/v1/conversations/{conversation}/typing");
    let requests = [
        ("send", Request::post(&in_conversation(&conversation), &json!({"content": "x"})), None),
        ("send", Request::post("/v1/messages/1/forward", &json!({"to_user": 2})), None),
        ("typing", Request::post(&typing, &json!({})), Some(204)),
        ("search", Request::get("/v1/search?q=x"), Some(200)),
        ("user-lookup", Request::get("/v1/users"), Some(200)),
        ("user-lookup", Request::get("/v1/users/2"), None),
        ("user-lookup", Request::get("/v1/users/with-chat-info"), None),
        ("groups", Request::post("/v1/groups", &json!({"name": "cats"})), Some(201)),
        ("groups", Request::post("/v1/groups/1/members", &json!({"user_id": 2})), None),
        ("default", Request::get("/v1/chats"), Some(200)),
        ("default", Request::new("PUT", "/v1/messages/1/reactions/x"), None),
        ("streams", Request::post("/v1/ws-ticket", &json!({})), Some(201)),
    ];
    for (policy, request, first) in requests {
        if let Some(status) = first {
            assert_eq!(tom.send(request.clone()).await.status, status, "{policy}");
        }
        refused(&tom.send(request).await, policy);
    }
    let spike = json!({"username": "spike", "email": "spike@example.com", "password": "password123"});
    server.post("/v1/users/register", &spike).await.expect(201);
    refused(&server.post("/v1/users/register", &json!([])).await, "register");
    for free in ["/ping", "/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(server.get(free).await.status, 200, "{free}");
    }
}

#[tokio::test]
async fn streams_that_are_asked_for_are_counted_by_address() {
    let server = limited(&[("LIMIT_STREAMS_ADDRESS", "1/h:2")]).start();
    for _ in 0..2 {
        assert_eq!(server.get("/ws").await.status, 426);
    }
    refused(&server.get("/v1/ws").await, "streams-address");
}

/// Under whichever name senders address it. Refused strangers use nothing of the limit.
#[tokio::test]
async fn a_conversation_has_a_limit_of_messages() {
    let server = limited(&[("LIMIT_SEND_CONVERSATION", "1/h:2")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("cats", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let body = json!({"content": "x"});
    for _ in 0..5 {
        spike.post(&to_group(group), &body).await.refused(403, "not_a_member");
        spike.post(&in_conversation(&conversation), &body).await.refused(404, "conversation_not_found");
    }
    let keyed = json!({"content": "x", "client_msg_id": "once"});
    for _ in 0..5 {
        tom.post(&to_group(group), &keyed).await.expect(201);
    }
    jerry.post(&in_conversation(&conversation), &body).await.expect(201);
    refused(&tom.post(&to_group(group), &body).await, "send-conversation");
    refused(&jerry.post(&in_conversation(&conversation), &body).await, "send-conversation");
    tom.post(&p2p(jerry.id), &body).await.expect(201);
}

#[tokio::test]
async fn what_is_off_is_not_limited_and_a_factor_makes_all_looser() {
    let server = limited(&[("LIMIT_SEND", "off"), ("LIMIT_SEARCH", "1/h:1"), ("LIMIT_FACTOR", "5")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for _ in 0..10 {
        tom.write(&jerry, "x").await;
    }
    for _ in 0..5 {
        tom.get("/v1/search?q=x").await.expect(200);
    }
    refused(&tom.get("/v1/search?q=x").await, "search");
}

#[tokio::test]
async fn who_mistypes_uses_up_no_registration() {
    let server = limited(&[("LIMIT_REGISTER", "1/h:2")]).start();
    let register = |name: &str, email: &str, password: &str| {
        let body = json!({"username": name, "email": email, "password": password});
        let server = &server;
        async move { server.post("/v1/users/register", &body).await }
    };
    for _ in 0..3 {
        register("x", "spike@example.com", PASSWORD).await.refused(400, "invalid_request");
        register("spike", "no address", PASSWORD).await.refused(400, "invalid_request");
        register("spike", "spike@example.com", "short").await.refused(400, "invalid_request");
        server.post("/v1/users/register", &json!([])).await.refused(400, "invalid_request");
    }
    register("spike", "spike@example.com", PASSWORD).await.expect(201);
    // Asking whether an account exists is limited like registering.
    assert_eq!(register("spike", "other@example.com", PASSWORD).await.status, 409);
    refused(&register("butch", "butch@example.com", PASSWORD).await, "register");
}
