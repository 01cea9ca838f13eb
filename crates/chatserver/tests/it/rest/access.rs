//! Logging out and changing the password: ended tokens are refused within a second (README, promise 7).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::people::PASSWORD;
use crate::support::{Request, Server, Setup, User, Ws};

/// Upper bound of the promise.
const PROMPTLY: Duration = Duration::from_secs(1);

async fn is_welcome(user: &User) -> bool {
    user.get("/v1/test-auth").await.status == 200
}

async fn log_in(server: &Server, password: &str) -> u16 {
    server.post("/v1/users/login", &json!({ "username": "tom", "password": password })).await.status
}

/// Changes Tom's password, and returns him with the new token.
async fn change_password(server: &Server, tom: &User, old: &str, new: &str) -> User {
    let body = json!({ "old_password": old, "new_password": new });
    let changed = tom.post("/v1/users/password", &body).await.expect(200);
    assert_eq!(changed["message"], "Password changed successfully");
    User::with_token(server, tom.id, changed["token"].as_str().unwrap())
}

/// Waits until the streams end with 4001, and checks that they do so promptly.
async fn are_closed(streams: impl IntoIterator<Item = Ws>) {
    let began = Instant::now();
    for mut ws in streams {
        assert_eq!(ws.closed().await.0, 4001);
    }
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
}

/// Logs in one user twice, possibly within one second.
async fn tom_twice(server: &Server) -> (User, User) {
    (server.login("tom").await, server.login("tom").await)
}

#[tokio::test]
async fn logging_out_ends_the_token_its_streams_and_no_other() {
    let mut server = Setup::new().start();
    let (first, second) = tom_twice(&server).await;
    let (of_first, mut of_second) = (Ws::connect(&server, &first).await, Ws::connect(&server, &second).await);
    let ticket = first.post("/v1/ws-ticket", &json!({})).await.expect(201);
    let done = first.send(Request::new("POST", "/v1/users/logout")).await.expect(200);
    assert_eq!(done, json!({ "message": "Logged out successfully" }));
    are_closed([of_first]).await;
    first.has_ended().await;
    assert_eq!(Ws::open(&server, &format!("/ws?token={}", first.token), &[]).await.err(), Some(401));
    let by_ticket = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(
        Ws::open(&server, &by_ticket, &[]).await.err(),
        Some(401),
        "a ticket is worth no more than its token"
    );
    assert!(is_welcome(&second).await);
    of_second.is_quiet().await;
    server.kill();
    let server = server.setup.start();
    let again = |user: &User| User::with_token(&server, 1, &user.token);
    assert!(!is_welcome(&again(&first)).await, "it stays so over restarts");
    assert!(is_welcome(&again(&second)).await);
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_tokens_of_that_user() {
    let server = Server::start();
    let (first, second) = tom_twice(&server).await;
    let jerry = server.login("jerry").await;
    let streams = [Ws::connect(&server, &first).await, Ws::connect(&server, &second).await];
    let mut of_jerry = Ws::connect(&server, &jerry).await;
    first.post("/v1/users/logout", &json!({ "everywhere": true })).await.expect(200);
    are_closed(streams).await;
    for user in [&first, &second] {
        user.has_ended().await;
    }
    assert!(is_welcome(&jerry).await);
    of_jerry.is_quiet().await;
    assert!(is_welcome(&server.login("tom").await).await, "a new login is welcome at once");
}

#[tokio::test]
async fn a_body_may_be_left_out_but_not_be_wrong() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for bad in [json!({ "everywhere": "yes" }), json!([]), json!("all")] {
        tom.post("/v1/users/logout", &bad).await.invalid();
    }
    let path = "/v1/users/logout";
    let text = Request::new("POST", path).header("Content-Type", "text/plain").body("{}");
    tom.send(text).await.refused(415, "unsupported_media_type");
    assert!(is_welcome(&tom).await);
    tom.send(Request::new("POST", path).header("Content-Type", "application/json")).await.expect(200);
    for body in [json!({}), Value::Null, json!({ "everywhere": false })] {
        server.login("jerry").await.post(path, &body).await.expect(200);
    }
}

#[tokio::test]
async fn a_changed_password_ends_all_tokens_and_the_answer_has_a_new_one() {
    let mut server = Setup::new().start();
    let tom = server.login("tom").await;
    let stream = Ws::connect(&server, &tom).await;
    let renewed = change_password(&server, &tom, PASSWORD, "cheese-42").await;
    are_closed([stream]).await;
    assert!(!is_welcome(&tom).await);
    assert!(is_welcome(&renewed).await, "the new token is good at once");
    assert_eq!([log_in(&server, PASSWORD).await, log_in(&server, "cheese-42").await], [401, 200]);
    server.kill();
    let server = server.setup.start();
    assert_eq!([log_in(&server, PASSWORD).await, log_in(&server, "cheese-42").await], [401, 200]);
    assert!(is_welcome(&User::with_token(&server, 1, &renewed.token)).await);
    assert!(!is_welcome(&User::with_token(&server, 1, &tom.token)).await);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let path = "/v1/users/password";
    let wrong = json!({ "old_password": "password124", "new_password": "cheese-42" });
    tom.post(path, &wrong).await.refused(401, "wrong_credentials");
    for bad in [
        json!({}),
        json!({ "old_password": PASSWORD }),
        json!({ "old_password": PASSWORD, "new_password": "short" }),
        json!({ "old_password": PASSWORD, "new_password": "x".repeat(129) }),
    ] {
        tom.post(path, &bad).await.invalid();
    }
    assert!(is_welcome(&tom).await, "a failed attempt logs nobody out");
    assert_eq!(log_in(&server, PASSWORD).await, 200);
    for secret in [PASSWORD, "cheese-42"] {
        assert!(!server.printed().contains(secret), "no password in the log");
    }
}

#[tokio::test]
async fn of_two_who_change_the_password_at_once_one_does() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let change = async |new: &str| {
        let body = json!({ "old_password": PASSWORD, "new_password": new });
        tom.post("/v1/users/password", &body).await.status
    };
    let (one, other) = tokio::join!(change("cheese-one"), change("cheese-two"));
    let mut statuses = [one, other];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let new = if one == 200 { "cheese-one" } else { "cheese-two" };
    assert_eq!([log_in(&server, PASSWORD).await, log_in(&server, new).await], [401, 200]);
}

/// A server whose clock was set back accepts its own tokens, and can still end them.
#[tokio::test]
async fn tokens_outlive_a_clock_that_is_set_back_and_end_by_it() {
    let ahead = |seconds: u32| format!("clock_ahead={seconds}");
    let setup = Setup::new();
    let mut server = setup.clone().env("CHATSERVER_FAILPOINTS", &ahead(55)).start();
    let tom = server.login("tom").await;
    server.stop();
    let mut server = setup.clone().start();
    tom.at(&server).get("/v1/test-auth").await.expect(200);
    let other = server.login("tom").await;
    other.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
    tom.at(&server).has_ended().await;
    server.stop();
    // An hour ahead, a logout ends all tokens once more. With the clock back, one can log in, and end that token too.
    let mut server = setup.clone().env("CHATSERVER_FAILPOINTS", &ahead(3600)).start();
    let late = server.login("tom").await;
    late.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
    server.stop();
    let server = setup.start();
    let tom = server.login("tom").await;
    tom.get("/v1/test-auth").await.expect(200);
    tom.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
    for ended in [&tom, &other, &late] {
        ended.at(&server).has_ended().await;
    }
}
