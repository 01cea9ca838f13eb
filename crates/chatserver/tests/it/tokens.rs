//! Which tokens are accepted, over REST and by the stream alike.

use ring::hmac;
use serde_json::{Value, json};

use tokio::io::AsyncWriteExt;

use crate::support::http::{exchange, read_answer};
use crate::support::jwt::{SECRET, claims, now, part, signed, signed_with, unsigned};
use crate::support::people::{PASSWORD, p2p};
use crate::support::raw_ws::upgrade;
use crate::support::{Answer, Request, Server, Setup, User, Ws, within};

fn server() -> Server {
    Setup::new().env("JWT_SECRET", SECRET).start()
}

/// Asserts that a token is refused everywhere.
async fn refused(server: &Server, token: &str, why: &str) {
    let answer = server.send(Request::get("/v1/test-auth").bearer(token)).await;
    answer.refused(401, "unauthenticated");
    assert!(
        answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")),
        "{why}"
    );
    let in_protocol = format!("chatserver.v1, bearer.{token}");
    for request in [
        upgrade(&format!("/ws?token={token}")),
        upgrade("/ws").bearer(token),
        upgrade("/ws").header("Sec-WebSocket-Protocol", &in_protocol),
        upgrade(&format!("/ws?ticket={token}")),
    ] {
        let answer = exchange(&server.address, &request.bytes(&server.address)).await;
        answer.refused(401, "unauthenticated");
    }
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims(1);
    claims[claim] = value;
    claims
}

#[tokio::test]
async fn a_token_signed_with_the_configured_secret_is_taken() {
    let server = server();
    let token = signed(&claims(2));
    let granted = server.send(Request::get("/v1/test-auth").bearer(&token)).await.expect(200);
    assert_eq!(granted["user_id"], 2);
    let lower = Request::get("/v1/test-auth").header("Authorization", &format!("bearer {token}"));
    server.send(lower).await.expect(200);
    assert!(Ws::open(&server, &format!("/ws?token={token}"), &[]).await.is_ok());
}

#[tokio::test]
async fn another_algorithm_is_refused() {
    let server = server();
    let claims = claims(1);
    for alg in ["none", "None", "nOnE", "NONE", "", "HS512", "HS384", "RS256", "ES256", "EdDSA", "hs256"] {
        let header = json!({"alg": alg, "typ": "JWT"});
        let unsigned = unsigned(&header, &claims);
        refused(&server, &format!("{unsigned}."), alg).await;
        let hash = if alg == "HS512" { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
        refused(&server, &signed_with(&header, &claims, hash, SECRET), alg).await;
    }
    refused(&server, &signed_with(&json!({}), &claims, hmac::HMAC_SHA256, SECRET), "no alg").await;
}

#[tokio::test]
async fn another_key_is_refused() {
    let server = server();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    for key in ["", "default_secret", "the-tests-own-key-0123456789-abcdefghi"] {
        refused(&server, &signed_with(&header, &claims(1), hmac::HMAC_SHA256, key), key).await;
    }
    for pointer in ["jwk", "jku", "x5u", "kid"] {
        let mut header = header.clone();
        header[pointer] = json!("../../../../dev/null");
        refused(&server, &signed_with(&header, &claims(1), hmac::HMAC_SHA256, ""), pointer).await;
    }
}

#[tokio::test]
async fn wrong_and_missing_claims_are_refused() {
    let server = server();
    for claim in ["user_id", "iss", "iat", "nbf", "exp"] {
        let mut claims = claims(1);
        claims.as_object_mut().unwrap().remove(claim);
        refused(&server, &signed(&claims), claim).await;
    }
    for (claim, value) in [
        ("iss", json!("chatserver2")),
        ("iss", json!("")),
        ("iss", json!(["chatserver"])),
        ("user_id", json!("1")),
        ("user_id", json!(0)),
        ("user_id", json!(-1)),
        ("user_id", json!(1.5)),
        ("user_id", json!(null)),
        ("exp", json!("never")),
    ] {
        refused(&server, &signed(&with(claim, value.clone())), &format!("{claim} = {value}")).await;
    }
}

#[tokio::test]
async fn an_expired_or_future_token_is_refused() {
    let server = server();
    for (claim, value) in [
        ("exp", now() - 6),
        ("exp", 0),
        ("exp", -1),
        ("nbf", now() + 120),
        ("iat", now() + 120),
        ("nbf", now() + 70),
        ("iat", now() + 70),
        ("exp", 253_402_300_799),
    ] {
        refused(&server, &signed(&with(claim, json!(value))), &format!("{claim} = {value}")).await;
    }
}

/// The clock of the program that made it may be ahead.
#[tokio::test]
async fn a_token_that_is_dated_up_to_a_minute_ahead_is_taken() {
    let server = server();
    let mut claims = claims(1);
    for claim in ["iat", "nbf", "exp"] {
        claims[claim] = json!(claims[claim].as_i64().unwrap() + 55);
    }
    let token = signed(&claims);
    server.send(Request::get("/v1/test-auth").bearer(&token)).await.expect(200);
    assert!(Ws::open(&server, &format!("/ws?token={token}"), &[]).await.is_ok());
    // It can be ended, however it is dated.
    let everywhere = Request::post("/v1/users/logout", &json!({"everywhere": true})).bearer(&token);
    server.send(everywhere).await.expect(200);
    User::with_token(&server, 1, &token).has_ended().await;
    refused(&server, &token, "it was logged out").await;
}

#[tokio::test]
async fn a_token_for_nobody_is_refused() {
    let server = server();
    for nobody in [3, 999_999, i64::MAX] {
        refused(&server, &signed(&claims(nobody)), "there is no such account").await;
    }
}

#[tokio::test]
async fn a_garbled_token_is_refused() {
    let server = server();
    let good = signed(&claims(1));
    let [header, payload, signature] = [0, 1, 2].map(|number| good.split('.').nth(number).unwrap());
    let others = signed(&claims(2));
    let other_payload = others.split('.').nth(1).unwrap();
    for garbled in [
        "x".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "null".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{}", &signature[..40]),
        format!("{header}..{signature}"),
        format!("{good}.{signature}"),
        format!("{good}A"),
        "A".repeat(8000),
    ] {
        refused(&server, &garbled, &garbled).await;
    }
}

#[tokio::test]
async fn every_route_but_register_and_login_wants_a_token() {
    let server = server();
    let body = json!({"content": "hi", "name": "Cheese", "user_id": 2});
    for (method, path) in [
        ("GET", "/v1/test-auth"),
        ("POST", "/v1/ws-ticket"),
        ("GET", "/v1/users"),
        ("GET", "/v1/users/1"),
        ("GET", "/v1/users/x"),
        ("GET", "/v1/users/with-chat-info"),
        ("POST", "/v1/groups"),
        ("GET", "/v1/groups"),
        ("POST", "/v1/groups/1/members"),
        ("GET", "/v1/groups/1/members"),
        ("GET", "/v1/groups/1/messages"),
        ("POST", "/v1/messages/p2p/2"),
        ("POST", "/v1/messages/group/1"),
        ("GET", "/v1/messages/history/2"),
        ("GET", "/v1/chats"),
    ] {
        let request = match method {
            "POST" => Request::post(path, &body),
            _ => Request::get(path),
        };
        let basic = request.clone().header("Authorization", "Basic dG9tOnBhc3N3b3JkMTIz");
        let bare = request.clone().header("Authorization", &signed(&claims(1)));
        for request in [request, basic, bare] {
            let answer = server.send(request).await;
            answer.refused(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some(), "{path}");
        }
    }
    for path in ["/ws", "/v1/ws"] {
        let answer = exchange(&server.address, &upgrade(path).bytes(&server.address)).await;
        answer.refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_lifetime_of_a_token_is_a_setting() {
    let server = Setup::new().env("JWT_EXPIRY_MINUTES", "7").start();
    let tom = server.login("tom").await;
    let claims = part(&tom.token, 1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7 * 60);
    let refused = Setup::new().env("JWT_EXPIRY_MINUTES", "0").refuse();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let server = server();
    let token = signed(&with("exp", json!(now() + 2)));
    let mut ws = Ws::open(&server, &format!("/ws?token={token}"), &[]).await.ok().unwrap();
    assert_eq!(ws.frame().await["type"], "system");
    assert_eq!(ws.closed().await.0, 4001);
}

/// Sends a request without its body's last byte, which follows after `meanwhile`.
async fn with_late_body(
    server: &Server,
    user: &User,
    path: &str,
    body: &Value,
    meanwhile: impl AsyncFnOnce(),
) -> Answer {
    // The server asks for the body once it has accepted the head, including the token.
    let mut socket = Request::post(path, body).bearer(&user.token).send_head(&server.address).await;
    let body = body.to_string();
    let (first, last) = body.as_bytes().split_at(body.len() - 1);
    socket.write_all(first).await.unwrap();
    meanwhile().await;
    socket.write_all(last).await.unwrap();
    within(20, read_answer(&mut socket)).await
}

#[tokio::test]
async fn a_body_that_comes_after_its_token_was_revoked_is_not_acted_upon() {
    let server = Setup::new().on_one_node("another node learns of it a moment later").start();
    let message = json!({"content": "too late"});
    let password = json!({"old_password": PASSWORD, "new_password": "another one entirely"});
    for (path, body) in [(&p2p(2), &message), (&"/v1/users/password".to_owned(), &password)] {
        for everywhere in [false, true] {
            let tom = server.login("tom").await;
            let log_out = async || {
                tom.post("/v1/users/logout", &json!({"everywhere": everywhere})).await.expect(200);
            };
            let answer = with_late_body(&server, &tom, path, body, log_out).await;
            answer.refused(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    let tom = server.login("tom").await;
    let change = async || {
        tom.post("/v1/users/password", &password).await.expect(200);
    };
    with_late_body(&server, &tom, &p2p(2), &message, change).await.refused(401, "unauthenticated");
    let jerry = server.login("jerry").await;
    assert_eq!(jerry.history(&tom).await, Vec::<Value>::new());
    let sent = with_late_body(&server, &jerry, &p2p(1), &message, async || ()).await;
    sent.expect(201);
    assert_eq!(jerry.history(&tom).await[0]["content"], "too late");
}
