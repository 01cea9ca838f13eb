//! Promise 7: a stream ends within a second of the end of its token, and no other stream does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::people::PASSWORD;
use crate::support::v2::V2;
use crate::support::{Got, Server, Stream, User, Ws, cluster};

/// Upper bound of the promise.
const PROMISED: Duration = Duration::from_secs(1);

/// Streams that were opened with a token: of both kinds, and by a ticket.
struct Opened {
    user: User,
    v1: Ws,
    v2: Stream,
    by_ticket: Stream,
}

impl Opened {
    async fn new(server: &Server, user: &User) -> Self {
        let ticket =
            user.post("/v1/ws-ticket", &json!({})).await.expect(201)["ticket"].as_str().unwrap().to_owned();
        let path = format!("/ws?ticket={ticket}");
        let by_ticket = Stream::open(server, &path, &[("Sec-WebSocket-Protocol", V2)]).await;
        let mut by_ticket = by_ticket.ok().unwrap();
        by_ticket.next("live").await;
        Self {
            v1: Ws::connect(server, user).await,
            v2: Stream::connect(server, user).await,
            by_ticket,
            user: user.clone(),
        }
    }

    /// Checks that they end within a second of `since`, and that the token is refused.
    async fn are_closed(mut self, since: Instant) {
        if !cluster::is_wanted() {
            self.user.get("/v1/test-auth").await.refused(401, "unauthenticated");
        }
        // Each node has one of these. When they are closed, all nodes have learned of it.
        assert_eq!(self.v1.closed().await.0, 4001);
        assert_eq!(self.v2.closed().await, 4001);
        assert_eq!(self.by_ticket.closed().await, 4001);
        self.user.get("/v1/test-auth").await.refused(401, "unauthenticated");
        assert!(since.elapsed() < PROMISED, "{:?}", since.elapsed());
    }

    async fn live_on(&mut self) {
        self.user.get("/v1/test-auth").await.expect(200);
        self.v1.is_quiet().await;
        self.v2.is_quiet().await;
        self.by_ticket.is_quiet().await;
    }
}

async fn log_out(user: &User, body: &Value) -> Instant {
    let since = Instant::now();
    user.post("/v1/users/logout", body).await.expect(200);
    since
}

#[tokio::test]
async fn logging_out_ends_what_that_token_opened_and_nothing_else() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let again = server.login("tom").await;
    assert_ne!(tom.token, again.token);
    let first = Opened::new(&server, &tom).await;
    let mut second = Opened::new(&server, &again).await;
    let mut others = Opened::new(&server, &jerry).await;
    let ticket =
        tom.post("/v1/ws-ticket", &json!({})).await.expect(201)["ticket"].as_str().unwrap().to_owned();
    let since = log_out(&tom, &json!({})).await;
    first.are_closed(since).await;
    second.live_on().await;
    others.live_on().await;
    // No way leads back in: neither the token, nor a ticket made with it, nor a first frame.
    for path in [format!("/ws?token={}", tom.token), format!("/ws?ticket={ticket}")] {
        let refused = Stream::open(&server, &path, &[("Sec-WebSocket-Protocol", V2)]).await;
        assert_eq!(refused.err(), Some(401), "{path}");
    }
    let mut unknown = Stream::unknown(&server).await;
    unknown.say(&json!({"op": "auth", "token": tom.token})).await;
    assert_eq!(unknown.closed_at_once().await, 4001);

    let since = log_out(&again, &json!({"everywhere": true})).await;
    second.are_closed(since).await;
    others.live_on().await;
}

#[tokio::test]
async fn logging_out_everywhere_and_a_new_password_end_all_that_was_open() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut others = Opened::new(&server, &jerry).await;
    let mut opened = Vec::new();
    for user in [&tom, &server.login("tom").await] {
        opened.push(Opened::new(&server, user).await);
    }
    let since = log_out(&tom, &json!({"everywhere": true})).await;
    for opened in opened {
        opened.are_closed(since).await;
    }
    let tom = server.login("tom").await;
    let mut back = Opened::new(&server, &tom).await;
    back.live_on().await;

    let body = json!({"old_password": PASSWORD, "new_password": "another password"});
    let changed = tom.post("/v1/users/password", &body).await.expect(200);
    back.are_closed(Instant::now()).await;
    let tom = User::with_token(&server, tom.id, changed["token"].as_str().unwrap());
    Opened::new(&server, &tom).await.live_on().await;
    others.live_on().await;
}

/// A stream that is being opened while its token is revoked ends like every other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_while_logging_out_does_not_stay() {
    let server = Server::start();
    for _ in 0..15 {
        let tom = server.login("tom").await;
        let mut comers = Vec::new();
        for _ in 0..6 {
            let mut unknown = Stream::unknown(&server).await;
            let auth = json!({"op": "auth", "token": tom.token});
            comers.push(tokio::spawn(async move {
                unknown.say(&auth).await;
                loop {
                    match unknown.ws.next().await {
                        Got::Text(_) => {}
                        other => return other,
                    }
                }
            }));
        }
        log_out(&tom, &json!({})).await;
        for comer in comers {
            let Got::Closed(code, _) = comer.await.unwrap() else { panic!("no closing frame") };
            assert_eq!(code, 4001);
        }
    }
}
