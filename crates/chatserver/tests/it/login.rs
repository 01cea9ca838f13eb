//! Logging in.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::PASSWORD;
use crate::support::{Answer, Server};

async fn login(server: &Server, body: Value) -> Answer {
    server.post("/v1/users/login", &body).await
}

#[tokio::test]
async fn one_logs_in_by_email_or_by_username() {
    let server = Server::start();
    server.register("Spike").await;
    for (field, value) in [
        ("email", "Spike@example.com"),
        ("email", "spike@EXAMPLE.com"),
        ("username", "Spike"),
        ("username", "sPIKE"),
    ] {
        let answer = login(&server, json!({field: value, "password": PASSWORD})).await.expect(200);
        assert_eq!(answer["message"], "Login successful", "{value}");
        assert_eq!(answer["user_id"], 3, "{value}");
        let request = crate::support::Request::get("/v1/test-auth").bearer(answer["token"].as_str().unwrap());
        assert_eq!(server.send(request).await.expect(200)["user_id"], 3, "{value}");
    }
}

#[tokio::test]
async fn the_demo_users_are_tom_and_jerry() {
    let server = Server::start();
    for (id, name) in [(1, "tom"), (2, "jerry")] {
        let body = json!({"email": format!("{name}@temp.com"), "password": "password123"});
        assert_eq!(login(&server, body).await.expect(200)["user_id"], id);
    }
}

#[tokio::test]
async fn a_login_without_its_fields_is_400() {
    let server = Server::start();
    for body in [
        json!({}),
        json!({"email": "tom@temp.com"}),
        json!({"username": "tom"}),
        json!({"password": PASSWORD}),
        json!({"email": null, "username": null, "password": PASSWORD}),
        json!({"email": 7, "password": PASSWORD}),
        json!({"username": "tom", "password": 7}),
        json!({"username": "tom", "password": null}),
        json!([]),
        json!("tom"),
    ] {
        login(&server, body).await.invalid();
    }
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_look_alike() {
    let server = Server::start();
    let mut answers = Vec::new();
    for body in [
        json!({"username": "tom", "password": "password124"}),
        json!({"username": "tom", "password": "Password123"}),
        json!({"username": "tom", "password": ""}),
        json!({"username": "nobody", "password": PASSWORD}),
        json!({"email": "tom@temp.com", "password": "password124"}),
        json!({"email": "nobody@temp.com", "password": PASSWORD}),
        json!({"email": "tom", "password": PASSWORD}),
        json!({"username": "tom@temp.com", "password": PASSWORD}),
        json!({"username": "' OR 1=1 --", "password": PASSWORD}),
    ] {
        let answer = login(&server, body).await;
        let mut problem = answer.refused(401, "wrong_credentials");
        assert_eq!(problem["error"], "Invalid email or password");
        problem.as_object_mut().unwrap().remove("request_id");
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// Compares the medians of 20 each. A lookup without a hash would be a hundred times faster.
#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let server = Server::start();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..20 {
        for (name, times) in ["tom", "nobody"].into_iter().zip(&mut times) {
            let began = std::time::Instant::now();
            login(&server, json!({"username": name, "password": "password124"})).await;
            times.push(began.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    assert!(unknown > known / 2 && known > unknown / 2, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn no_answer_holds_a_password_or_its_hash() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let body = json!({"username": "tom", "password": PASSWORD});
    let answers = [
        login(&server, body).await,
        tom.get("/v1/users").await,
        tom.get("/v1/users/1").await,
        tom.get("/v1/users/with-chat-info").await,
    ];
    for answer in answers {
        let body = answer.text();
        assert!(!body.contains(PASSWORD) && !body.contains("argon2"), "{body}");
    }
}

#[tokio::test]
async fn a_token_carries_the_claims_of_the_contract() {
    use crate::support::jwt;
    let server = Server::start();
    let before = jwt::now();
    let tom = server.login("tom").await;
    assert_eq!(jwt::part(&tom.token, 0)["alg"], "HS256");
    let claims = jwt::part(&tom.token, 1);
    assert_eq!(keys(&claims), ["exp", "iat", "iss", "jti", "nbf", "tokens_from", "user_id"]);
    assert_eq!(claims["user_id"], 1);
    assert_eq!(claims["iss"], "chatserver");
    let second = |claim: &str| claims[claim].as_i64().unwrap();
    assert!((before..=jwt::now()).contains(&second("iat")) && second("nbf") <= second("iat"), "{claims}");
    assert_eq!(second("exp") - second("iat"), 1440 * 60, "a day by default");
}
