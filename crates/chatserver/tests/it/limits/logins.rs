//! Guessing passwords: how many attempts strangers have, and that they lock nobody out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{behind_proxy, limited};
use crate::support::people::PASSWORD;
use crate::support::server::bytes_of;
use crate::support::{Answer, Request, Server};

const LOGIN: &str = "/v1/users/login";

fn login(name: &str, password: &str) -> Request {
    Request::post(LOGIN, &json!({"username": name, "password": password}))
}

async fn from(server: &Server, address: &str, request: Request) -> Answer {
    server.send(request.header("X-Forwarded-For", address)).await
}

/// Returns what a browser sends back of the cookie from a login.
#[track_caller]
fn device(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// A trusted proxy reports in a header whether the browser used TLS. Nobody else's header counts.
#[tokio::test]
async fn a_device_that_came_by_tls_is_known_by_tls_alone() {
    let (proxied, direct) = (behind_proxy(&[]).start(), limited(&[]).start());
    for (server, proto, is_secure) in
        [(&proxied, "https", true), (&proxied, "http", false), (&direct, "https", false)]
    {
        let name = format!("{proto}-{is_secure}");
        let email = format!("{name}@example.com");
        let register = json!({"username": name, "email": email, "password": PASSWORD});
        for request in [Request::post("/v1/users/register", &register), login(&name, PASSWORD)] {
            let answer = server.send(request.header("X-Forwarded-Proto", proto)).await;
            let cookie = answer.header("set-cookie").expect("a cookie");
            let attributes = if is_secure { "; SameSite=Lax; Secure" } else { "; SameSite=Lax" };
            assert!(cookie.ends_with(attributes), "{proto}: {cookie}");
        }
    }
}

#[tokio::test]
async fn two_hundred_wrong_passwords_on_one_account() {
    let server = behind_proxy(&[]).start();
    let device = device(&from(&server, "198.51.100.1", login("tom", PASSWORD)).await);
    let mut statuses = Vec::new();
    for number in 0..200 {
        let answer = from(&server, "203.0.113.9", login("tom", &format!("wrong-{number}"))).await;
        statuses.push(answer.status);
        if answer.status == 429 {
            let problem = answer.refused(429, "rate_limited");
            assert_eq!(problem["violated-policies"], json!(["login"]));
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() <= 6);
        }
    }
    // One more attempt is allowed every six seconds, however many were refused meanwhile.
    let wrong = statuses.iter().filter(|status| **status == 401).count();
    assert!(statuses[..10].iter().all(|status| *status == 401) && (10..=20).contains(&wrong), "{statuses:?}");
    from(&server, "203.0.113.9", login("tom", PASSWORD)).await.refused(429, "rate_limited");
    let known = login("tom", PASSWORD).header("Cookie", &device);
    from(&server, "203.0.113.9", known).await.expect(200);
    from(&server, "198.51.100.1", login("tom", PASSWORD)).await.expect(200);
    from(&server, "203.0.113.9", login("jerry", PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn strangers_from_everywhere_do_not_lock_the_owner_out() {
    let server = behind_proxy(&[("LIMIT_LOGIN_ACCOUNT", "5/h:5")]).start();
    let device = device(&from(&server, "198.51.100.1", login("tom", PASSWORD)).await);
    for number in 0..5 {
        let address = format!("203.0.113.{number}");
        from(&server, &address, login("tom", "wrong-one")).await.refused(401, "wrong_credentials");
    }
    let problem = from(&server, "203.0.113.99", login("tom", PASSWORD)).await.refused(429, "rate_limited");
    assert_eq!(problem["violated-policies"], json!(["login-account"]));
    // The email address makes no difference, since the limit is per account.
    let by_email = json!({"email": "tom@temp.com", "password": PASSWORD});
    from(&server, "203.0.113.98", Request::post(LOGIN, &by_email)).await.refused(429, "rate_limited");
    let known = login("tom", PASSWORD).header("Cookie", &format!("theme=dark; {device}"));
    from(&server, "203.0.113.99", known).await.expect(200);
    let for_another = login("jerry", PASSWORD).header("Cookie", &device);
    from(&server, "203.0.113.99", for_another).await.expect(200);
}

#[tokio::test]
async fn one_address_guesses_so_often_at_all_accounts_together() {
    let server = behind_proxy(&[("LIMIT_LOGIN_ADDRESS", "1/h:4")]).start();
    let device = device(&from(&server, "203.0.113.9", login("tom", PASSWORD)).await);
    for name in ["tom", "jerry", "nobody", "somebody"] {
        from(&server, "203.0.113.9", login(name, "wrong-one")).await.refused(401, "wrong_credentials");
    }
    // The body of a refused request is not even parsed.
    let refused = from(&server, "203.0.113.9", Request::post(LOGIN, &json!([]))).await;
    assert_eq!(refused.refused(429, "rate_limited")["violated-policies"], json!(["login-address"]));
    let known = login("tom", PASSWORD).header("Cookie", &device);
    from(&server, "203.0.113.9", known).await.expect(200);
    from(&server, "203.0.113.8", login("jerry", PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_name_without_an_account_is_counted_alike() {
    let server = limited(&[("LIMIT_LOGIN", "1/h:3")]).start();
    let mut outcomes: Vec<Vec<(u16, Value)>> = Vec::new();
    for name in ["tom", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = server.send(login(name, "wrong-one")).await;
            let mut problem = answer.json();
            problem.as_object_mut().unwrap().remove("request_id");
            answers.push((answer.status, problem));
        }
        outcomes.push(answers);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].iter().map(|(status, _)| *status).collect::<Vec<_>>(), [401, 401, 401, 429]);
}

/// Right passwords never count, and many wrong ones at once do not evade the limit.
#[tokio::test]
async fn only_wrong_passwords_count_and_all_of_them() {
    let server = limited(&[("LIMIT_LOGIN", "1/h:2")]).start();
    for _ in 0..5 {
        server.send(login("jerry", PASSWORD)).await.expect(200);
    }
    let at_once = (0..20).map(|_| server.send(login("tom", "wrong-one")));
    let answers = futures_util::future::join_all(at_once).await;
    let n_wrong = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!((n_wrong, answers.len() - n_wrong), (2, 18));
}

/// Returns the statuses of concurrent logins from one address.
async fn logins_at_once(server: &Server, names: &[&str]) -> Vec<u16> {
    let at_once = names.iter().map(|name| from(server, "203.0.113.9", login(name, PASSWORD)));
    futures_util::future::join_all(at_once).await.into_iter().map(|answer| answer.status).collect()
}

/// A password that is still being checked may be right, and then it does not count.
#[tokio::test]
async fn right_logins_at_once_are_all_let_in() {
    let mut server =
        behind_proxy(&[("LIMIT_LOGIN_ADDRESS", "1/h:12"), ("LIMIT_LOGIN_ACCOUNT", "1/h:10")]).start();
    assert_eq!(logins_at_once(&server, &["tom"; 12]).await, [200; 12]);
    let behind_one_nat = [["tom"; 8], ["jerry"; 8]].concat();
    assert_eq!(logins_at_once(&server, &behind_one_nat).await, [200; 16]);
    for _ in 0..9 {
        from(&server, "203.0.113.9", login("tom", "a-typo")).await.refused(401, "wrong_credentials");
    }
    assert_eq!(logins_at_once(&server, &["tom"; 3]).await, [200; 3]);
    server.stop();
    let log = String::from_utf8(bytes_of(&server.setup.path("logs/app.log"))).unwrap();
    assert!(log.contains("login_failed") && !log.contains("logins_refused"), "{log}");
}

#[tokio::test]
async fn the_present_password_is_guessed_no_more_often() {
    let server = limited(&[("LIMIT_LOGIN", "1/h:2")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let body = |old: &str| json!({"old_password": old, "new_password": "a new one 1"});
    for _ in 0..2 {
        tom.post("/v1/users/password", &body("wrong-one")).await.refused(401, "wrong_credentials");
    }
    tom.post("/v1/users/password", &body(PASSWORD)).await.refused(429, "rate_limited");
    jerry.post("/v1/users/password", &body(PASSWORD)).await.expect(200);
    server.send(login("tom", PASSWORD)).await.expect(200);
}

/// Three hundred logins at once from one address: others get in, and the rest of the server is not affected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_one_address_makes_nobody_else_wait() {
    let server = behind_proxy(&[("LIMIT_FACTOR", "1000")]).start();
    let flood: Vec<_> = (0..300)
        .map(|_| {
            let request = login("tom", "wrong-one").header("X-Forwarded-For", "203.0.113.9");
            let address = server.address.clone();
            tokio::spawn(async move { request.send(&address).await.status })
        })
        .collect();
    // The flood is under way as soon as one login finds the queue full.
    crate::support::eventually(20, "the queue is full", async || {
        flood.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    for number in 0..5 {
        let began = Instant::now();
        from(&server, &format!("198.51.100.{number}"), login("jerry", PASSWORD)).await.expect(200);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let began = Instant::now();
        server.get("/ping").await.expect(200);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
    assert!(flood.iter().filter(|login| !login.is_finished()).count() > 100, "the flood is still there");
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}
