//! A clock that is set while the server runs: back by an hour, and forward by a year and back again. Users stay logged
//! in or logged out, and nothing that measures durations depends on that clock.

use chat_engines::Clock;
use serde_json::{Value, json};

use crate::support::people::{PASSWORD, p2p};
use crate::support::{Answer, Request, Server, Setup, Stream, User, Ws, eventually};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// Longer than any step, so that no token expires by a step: expiry is another test's subject.
const LONG_MINUTES: &str = "1051200";

/// Steps of the clock, each from the right time.
const STEPS: [i64; 2] = [-HOUR, YEAR];

fn server() -> (Server, Clock) {
    let (setup, clock) = Setup::new().with_clock();
    (setup.start(), clock)
}

/// Returns the lines of the log at this level with this text.
fn lines(server: &Server, level: &str, text: &str) -> Vec<Value> {
    let printed = server.printed();
    let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| {
            line["level"] == level && line["fields"]["message"].as_str().is_some_and(|it| it.contains(text))
        })
        .collect()
}

/// Sets the clock, and waits until the server has noticed.
async fn step(server: &Server, clock: &Clock, ahead: i64, text: &str) {
    let before = lines(server, "WARN", text).len();
    clock.set(ahead).unwrap();
    eventually(20, text, async || lines(server, "WARN", text).len() >= before + server.ids().len()).await;
}

async fn is_let_in(user: &User) -> bool {
    user.get("/v1/test-auth").await.status == 200
}

async fn log_in(server: &Server, password: &str) -> User {
    let body = json!({"username": "tom", "password": password});
    let answer = server.post("/v1/users/login", &body).await.expect(200);
    User::with_token(server, 1, answer["token"].as_str().unwrap())
}

/// Checks that a token is accepted over REST and by both streams, with a ticket too.
async fn is_welcome(server: &Server, user: &User) {
    user.get("/v1/test-auth").await.expect(200);
    Ws::connect(server, user).await;
    Stream::connect(server, user).await;
    let ticket = user.post("/v1/ws-ticket", &json!({})).await.expect(201);
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert!(Ws::open(server, &path, &[]).await.is_ok(), "a ticket");
}

#[tokio::test]
async fn a_token_that_is_handed_out_is_one_that_is_taken() {
    for ahead in STEPS {
        let (server, clock) = server();
        let [before, other] = [log_in(&server, PASSWORD).await, log_in(&server, PASSWORD).await];
        before.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
        let early = log_in(&server, PASSWORD).await;
        clock.set(ahead).unwrap();
        // As soon as all are logged out, at the new time and at the old, one can log in.
        is_welcome(&server, &log_in(&server, PASSWORD).await).await;
        for ahead in [ahead, 0] {
            clock.set(ahead).unwrap();
            let asking = log_in(&server, PASSWORD).await;
            asking.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
            let renewed = log_in(&server, PASSWORD).await;
            is_welcome(&server, &renewed).await;
            renewed.post("/v1/users/logout", &json!({})).await.expect(200);
            for ended in [&before, &other, &early, &asking, &renewed] {
                ended.has_ended().await;
            }
        }
    }
}

/// Tokens of the last hour stay valid when the clock has been set back by that hour.
#[tokio::test]
async fn nobody_is_logged_out_by_a_clock_that_is_set_back() {
    let (server, clock) = server();
    let tom = log_in(&server, PASSWORD).await;
    let mut stream = Stream::connect(&server, &tom).await;
    step(&server, &clock, -HOUR, "set back by").await;
    is_welcome(&server, &tom).await;
    stream.is_quiet().await;
}

#[tokio::test]
async fn a_password_that_is_changed_by_a_wrong_clock_ends_the_tokens_from_before() {
    for ahead in STEPS {
        let (server, clock) = server();
        let tom = log_in(&server, PASSWORD).await;
        clock.set(ahead).unwrap();
        let asking = log_in(&server, PASSWORD).await;
        let change = json!({"old_password": PASSWORD, "new_password": "another password"});
        let answer = asking.post("/v1/users/password", &change).await.expect(200);
        let renewed = User::with_token(&server, 1, answer["token"].as_str().unwrap());
        is_welcome(&server, &renewed).await;
        clock.set(0).unwrap();
        for ended in [&tom, &asking] {
            ended.has_ended().await;
        }
        is_welcome(&server, &log_in(&server, "another password").await).await;
    }
}

/// Neither the server nor its database forgets a logout that seems to have expired a year from now.
#[tokio::test]
async fn a_token_that_was_logged_out_stays_so_when_the_clock_was_a_year_ahead() {
    let (mut server, clock) = server();
    let [tom, other] = [log_in(&server, PASSWORD).await, log_in(&server, PASSWORD).await];
    tom.post("/v1/users/logout", &json!({})).await.expect(200);
    step(&server, &clock, YEAR, "set forward by").await;
    // Logging out lets the database delete expired entries.
    let late = log_in(&server, PASSWORD).await;
    late.post("/v1/users/logout", &json!({})).await.expect(200);
    step(&server, &clock, 0, "set back by").await;
    tom.has_ended().await;
    assert!(is_let_in(&other).await, "nobody ended that one");
    // Also if the server is restarted meanwhile.
    clock.set(YEAR).unwrap();
    server.stop();
    let mut server = server.setup.start();
    let late = log_in(&server, PASSWORD).await;
    late.post("/v1/users/logout", &json!({})).await.expect(200);
    step(&server, &clock, 0, "set back by").await;
    eventually(5, "revoked tokens are read again", async || !is_let_in(&tom.at(&server)).await).await;
    server.stop();
    let server = server.setup.start();
    tom.at(&server).has_ended().await;
    assert!(is_let_in(&other.at(&server)).await);
}

#[tokio::test]
async fn typing_and_presence_arrive_as_before() {
    let setup = Setup::new().on_one_node("another node hears of it a moment later");
    let (setup, clock) = setup.env("JWT_EXPIRY_MINUTES", LONG_MINUTES).with_clock();
    let server = setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let conversation = tom.write(&jerry, "Hello").await["conversation_id"].clone();
    let mut toms = Stream::connect(&server, &tom).await;
    toms.ok(json!({"op": "view", "conversation_ids": [conversation]})).await;
    assert_eq!(toms.next("presence").await["status"], "offline");
    let path = format!("/v1/conversations/{conversation}/presence");
    for ahead in [0, -HOUR, 0, YEAR, 0] {
        clock.set(ahead).unwrap();
        let mut jerrys = Stream::connect(&server, &jerry).await;
        assert_eq!(toms.next("presence").await["status"], "online");
        jerrys.ok(json!({"op": "typing", "conversation_id": conversation})).await;
        assert_eq!(toms.next("typing").await["user_id"], jerry.id);
        jerrys.ws.leave().await;
        let gone = toms.next("presence").await;
        assert_eq!(gone["status"], "offline");
        // The time is the present one, not one of the changed clock.
        let seen = async || tom.get(&path).await.expect(200)[0]["last_seen"].clone();
        eventually(10, "it is the same wherever it is asked", async || seen().await == gone["last_seen"])
            .await;
    }
    let gone = tom.get(&path).await.expect(200)[0]["last_seen"].clone();
    let mut server = server;
    server.stop();
    let server = server.setup.start();
    assert_eq!(tom.at(&server).get(&path).await.expect(200)[0]["last_seen"], gone, "after a restart");
}

/// Returns the year and the hour of the server's clock, as messages show them.
async fn written_at(from: &User, to: &User, text: &str) -> Value {
    let sent = from.write(to, text).await;
    from.message(&sent["id"]).await["timestamp"].clone()
}

#[tokio::test]
async fn messages_keep_their_order_and_streams_go_on() {
    let (setup, clock) = Setup::new().env("JWT_EXPIRY_MINUTES", LONG_MINUTES).with_clock();
    let server = setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut first = Ws::connect(&server, &jerry).await;
    let mut times = Vec::new();
    for (number, ahead) in [0, -HOUR, 0, YEAR, 0].into_iter().enumerate() {
        clock.set(ahead).unwrap();
        let text = format!("number {number}");
        times.push(written_at(&tom, &jerry, &text).await);
        jerrys.received_until(&text).await;
        while first.frame().await["content"] != text {}
    }
    assert!(times[1].as_str() < times[0].as_str() && times[3].as_str() > times[4].as_str(), "{times:?}");
    let history = tom.history(&jerry).await;
    let stored: Vec<_> = history.iter().map(|it| (it["seq"].as_i64(), it["content"].as_str())).collect();
    let texts: Vec<_> = (0..5).map(|number| format!("number {number}")).collect();
    let expected: Vec<_> =
        texts.iter().enumerate().map(|(at, it)| (i64::try_from(at + 1).ok(), Some(it.as_str()))).collect();
    assert_eq!(stored, expected);
    // Resuming delivers everything once.
    let cursor = jerrys.cursor.clone();
    clock.set(YEAR).unwrap();
    tom.write(&jerry, "while you were away").await;
    clock.set(0).unwrap();
    let (_, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let missed: Vec<_> = missed.iter().filter_map(|it| it["message"]["content"].as_str()).collect();
    assert_eq!(missed, ["while you were away"]);
}

/// A stream lasts for the remaining lifetime that its token had when the stream was opened.
#[tokio::test]
async fn streams_end_with_their_token_and_not_with_the_clock() {
    let (server, clock) = server();
    let tom = log_in(&server, PASSWORD).await;
    let (mut v1, mut v2) = (Ws::connect(&server, &tom).await, Stream::connect(&server, &tom).await);
    step(&server, &clock, YEAR, "set forward by").await;
    v2.is_quiet().await;
    v1.is_quiet().await;
    tom.get("/v1/test-auth").await.refused(401, "unauthenticated");
    step(&server, &clock, 0, "set back by").await;
    v2.is_quiet().await;
    assert!(is_let_in(&tom).await);
    tom.post("/v1/users/logout", &json!({})).await.expect(200);
    assert_eq!((v1.closed().await.0, v2.closed().await), (4001, 4001));
}

fn wrong() -> Request {
    Request::post("/v1/users/login", &json!({"username": "tom", "password": "wrong-one"}))
}

#[track_caller]
fn is_limited(answer: &Answer) -> u64 {
    answer.refused(429, "rate_limited");
    answer.header("retry-after").unwrap().parse().unwrap()
}

/// Setting the clock back neither locks everybody out for that time nor resets the used part of a limit.
#[tokio::test]
async fn limits_go_by_the_time_that_goes_by() {
    let (setup, clock) = Setup::new().on_one_node("each node counts for itself").with_clock();
    let server = setup.env("LIMIT_FACTOR", "1").env("LIMIT_LOGIN", "1/h:3").start();
    for _ in 0..3 {
        server.send(wrong()).await.refused(401, "wrong_credentials");
    }
    for ahead in [0, -HOUR, 0, YEAR, 0] {
        clock.set(ahead).unwrap();
        let wait = is_limited(&server.send(wrong()).await);
        assert!((3000..=3600).contains(&wait), "{ahead}: {wait} s");
    }
    // Other users can log in as before.
    let jerry = server.login("jerry").await;
    clock.set(-HOUR).unwrap();
    jerry.post(&p2p(1), &json!({"content": "hi"})).await.expect(201);
}

#[tokio::test]
async fn tickets_last_as_long_as_they_should() {
    let (server, clock) = server();
    let tom = log_in(&server, PASSWORD).await;
    for (made, used) in [(0, -HOUR), (-HOUR, 0), (0, YEAR), (YEAR, 0)] {
        clock.set(made).unwrap();
        let holder = if made == YEAR { log_in(&server, PASSWORD).await } else { tom.clone() };
        let ticket = holder.post("/v1/ws-ticket", &json!({})).await.expect(201);
        clock.set(used).unwrap();
        let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
        assert!(Ws::open(&server, &path, &[]).await.is_ok(), "made at {made}, used at {used}");
        assert_eq!(Ws::open(&server, &path, &[]).await.err(), Some(401), "once");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_is_one_line_in_the_log() {
    let (server, clock) = server();
    let n_nodes = server.ids().len();
    for (ahead, text, seconds) in [(-HOUR, "set back by", -HOUR), (YEAR, "set forward by", YEAR + HOUR)] {
        step(&server, &clock, ahead, text).await;
        let lines = lines(&server, "WARN", "this machine's clock was set");
        let said = lines.last().unwrap()["fields"]["seconds"].as_i64().unwrap();
        assert!((said - seconds).abs() < 5, "{said}");
    }
    eventually(10, "the next look", async || server.get("/readyz").await.status == 200).await;
    assert_eq!(lines(&server, "WARN", "this machine's clock was set").len(), 2 * n_nodes);
}
