//! Registering and finding users.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::PASSWORD;
use crate::support::{Request, Server, Setup, User};

fn registration(username: &str, email: &str, password: &str) -> Value {
    json!({"username": username, "email": email, "password": password})
}

async fn register(server: &Server, username: &str, email: &str) -> crate::support::Answer {
    server.post("/v1/users/register", &registration(username, email, PASSWORD)).await
}

#[tokio::test]
async fn registering_answers_to_the_letter() {
    let server = Server::start();
    let answer = register(&server, "Spike", "Spike@temp.com").await.expect(201);
    assert_eq!(keys(&answer), ["email", "id", "message", "token", "username"]);
    assert_eq!(answer["id"], 3, "after the two demo users");
    assert_eq!(answer["username"], "Spike");
    assert_eq!(answer["email"], "Spike@temp.com");
    assert_eq!(answer["message"], "User registered successfully");
    let spike = User::with_token(&server, 3, answer["token"].as_str().unwrap());
    let granted = spike.get("/v1/test-auth").await.expect(200);
    assert_eq!(granted, json!({"message": "Access granted", "user_id": 3}));
}

#[tokio::test]
async fn a_missing_or_wrong_field_is_400() {
    let server = Server::start();
    let good = registration("spike", "spike@temp.com", PASSWORD);
    for field in ["username", "email", "password"] {
        for wrong in [None, Some(json!(null)), Some(json!(7)), Some(json!("")), Some(json!(["spike"]))] {
            let mut body = good.clone();
            match wrong {
                Some(wrong) => body[field] = wrong,
                None => drop(body.as_object_mut().unwrap().remove(field)),
            }
            server.post("/v1/users/register", &body).await.invalid();
        }
    }
    for body in ["", "{", "[]", "null", "\"spike\"", "{\"username\":\"spike\"", "username=spike"] {
        let request = Request::new("POST", "/v1/users/register").header("Content-Type", "application/json");
        server.send(request.body(body)).await.invalid();
    }
    server.post("/v1/users/register", &good).await.expect(201);
}

#[tokio::test]
async fn a_username_has_3_to_32_characters() {
    let server = Server::start();
    for (number, bad) in ["ab", &"x".repeat(33), "é2", "   "].into_iter().enumerate() {
        register(&server, bad, &format!("bad{number}@temp.com")).await.invalid();
    }
    for (number, good) in ["abc", &"x".repeat(32), "猫猫猫"].into_iter().enumerate() {
        let answer = register(&server, good, &format!("good{number}@temp.com")).await.expect(201);
        assert_eq!(answer["username"], good);
    }
}

#[tokio::test]
async fn a_username_is_what_it_looks_like() {
    let server = Server::start();
    for (number, bad) in [
        "bob\u{200b}",
        "\u{200b}\u{200b}\u{200b}",
        "\u{202e}bob",
        "bo\u{ad}b",
        "bob\u{3164}",
        "bob\u{2800}",
        "bob\u{e0041}",
        "...",
        "all",
        "aII",
        "аdmin",
        "ｓｙｓｔｅｍ",
        "spike@temp.com",
        "\u{e0}ll",
        "\u{e1}dmin",
        "all!",
        "http://a",
        "www.evil.example",
        "bob\u{fffd}",
        "bob\u{16fe4}",
        "boba\u{30d}\u{30d}\u{30d}\u{30d}\u{30d}",
    ]
    .into_iter()
    .enumerate()
    {
        let refusal = register(&server, bad, &format!("bad{number}@temp.com")).await.invalid();
        assert!(refusal["error"].as_str().unwrap().contains("username must"), "{bad:?}: {refusal}");
    }
    register(&server, "Alice", "alice@temp.com").await.expect(201);
    assert_eq!(register(&server, "jose\u{301}", "jose@temp.com").await.expect(201)["username"], "josé");
    for taken in ["Аlice", "АLІСЕ", "ａｌｉｃｅ", "josé", "JOSÉ"] {
        register(&server, taken, "new@temp.com").await.refused(409, "username_taken");
    }
    register(&server, "mike", "mike@temp.com").await.expect(201);
    register(&server, "rnike", "rnike@temp.com").await.expect(201);
}

#[tokio::test]
async fn a_groups_name_is_what_it_looks_like_too() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let unseen = ["\u{200b}\u{200b}", "Che\u{202e}ese", "\u{3164}", "Cheese\u{ad}"];
    let meant = ["all", "admin", "system", "\u{430}dmin", "x@y.z", "http://a"];
    for bad in unseen.into_iter().chain(meant) {
        tom.post("/v1/groups", &json!({"name": bad})).await.invalid();
    }
    for (wished, kept) in
        [(" Big\u{a0} cheese ", "Big cheese"), ("evil.com", "evil.com"), ("❤\u{fe0f}", "❤\u{fe0f}")]
    {
        assert_eq!(tom.post("/v1/groups", &json!({"name": wished})).await.expect(201)["name"], kept);
    }
    tom.patch("/v1/groups/1", &json!({"name": "\u{2800}"})).await.invalid();
    let found = tom.get("/v1/groups?q=CHEE").await.expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1, "by the second word: {found}");
}

#[tokio::test]
async fn a_password_is_a_secret_whatever_the_keyboard() {
    let server = Server::start();
    for bad in [
        "        ",
        "\u{200b}\u{3164}\u{200b}\u{3164}\u{200b}\u{3164}\u{200b}\u{3164}",
        "Spike the dog",
        "SPIKE.dog@temp.com",
        "spike.dog",
    ] {
        let body = registration("spike the dog", "spike.dog@temp.com", bad);
        server.post("/v1/users/register", &body).await.invalid();
    }
    let body = registration("spike the dog", "spike.dog@temp.com", "gr\u{fc}ne wiese");
    server.post("/v1/users/register", &body).await.expect(201);
    let login = json!({"username": "Spike the dog", "password": "gru\u{308}ne wiese"});
    let answer = server.post("/v1/users/login", &login).await.expect(200);
    let spike = User::with_token(&server, 3, answer["token"].as_str().unwrap());
    let change = json!({"old_password": "gru\u{308}ne wiese", "new_password": "spike.dog@temp.com"});
    spike.post("/v1/users/password", &change).await.invalid();
}

#[tokio::test]
async fn an_email_must_be_one() {
    let server = Server::start();
    for bad in ["spike", "spike@", "@temp.com", "spike@@temp.com", "spi ke@temp.com", "spike@temp"] {
        register(&server, "spike", bad).await.invalid();
    }
    register(&server, "spike", "spike.o'dog+chat@mail.temp.com").await.expect(201);
}

#[tokio::test]
async fn a_password_has_8_to_128_characters() {
    let server = Server::start();
    let register = async |name: &str, password: &str| {
        let body = registration(name, &format!("{name}@temp.com"), password);
        server.post("/v1/users/register", &body).await
    };
    for bad in ["1234567", &"x".repeat(129), "пароль7"] {
        register("spike", bad).await.invalid();
    }
    for (name, good) in [("short", "12345678"), ("long", &"x".repeat(128)), ("cyrillic", "пароль 8")] {
        register(name, good).await.expect(201);
        let login = json!({"username": name, "password": good});
        server.post("/v1/users/login", &login).await.expect(200);
        let cut = json!({"username": name, "password": &good[..good.len() - 1]});
        server.post("/v1/users/login", &cut).await.refused(401, "wrong_credentials");
    }
}

#[tokio::test]
async fn names_and_addresses_are_taken_without_regard_to_case() {
    let server = Server::start();
    register(&server, "Spike", "Spike@Temp.com").await.expect(201);
    register(&server, "Jérôme", "jerome@temp.com").await.expect(201);
    for taken in ["Spike", "spike", "SPIKE", "TOM", "JÉRÔME"] {
        register(&server, taken, "new@temp.com").await.refused(409, "username_taken");
    }
    for taken in ["Spike@Temp.com", "spike@temp.com", "SPIKE@TEMP.COM", "Tom@temp.com"] {
        register(&server, "newcomer", taken).await.refused(409, "email_taken");
    }
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let server = Server::start();
    let attempts = (0..12).map(|number| {
        let name = if number % 2 == 0 { "spike" } else { "SPIKE" };
        let body = registration(name, &format!("spike{number}@temp.com"), PASSWORD);
        let request = Request::post("/v1/users/register", &body);
        let address = server.address.clone();
        tokio::spawn(async move { request.send(&address).await.status })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    let mut expected = vec![409; 12];
    expected[0] = 201;
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn the_list_shows_everybody_and_only_ones_own_address() {
    let server = Server::start();
    let (tom, _) = server.tom_and_jerry().await;
    server.register("spike").await;
    let users = tom.get("/v1/users").await.expect(200);
    let users = users.as_array().unwrap();
    let names: Vec<_> = users.iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["tom", "jerry", "spike"]);
    let emails: Vec<_> = users.iter().map(|user| &user["email"]).collect();
    assert_eq!(emails, [&json!("tom@temp.com"), &Value::Null, &Value::Null]);
    for user in users {
        assert_eq!(keys(user), ["created_at", "email", "id", "username"]);
        let created_at: jiff::Timestamp = user["created_at"].as_str().unwrap().parse().unwrap();
        let age = jiff::Timestamp::now().duration_since(created_at).as_secs();
        assert!((0..60).contains(&age), "{created_at}");
        assert_eq!(tom.get(&format!("/v1/users/{}", user["id"])).await.expect(200), *user);
    }
}

/// Returns the usernames in a list of users.
async fn names(user: &User, path: &str) -> Vec<String> {
    let users = user.get(path).await.expect(200);
    users.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_looked_for_is_taken_literally_and_without_regard_to_case_and_accents() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for (number, name) in
        ["a_b", "aXb", "100%", "100 pure", "Ärger", "a\\b", "O'Neil"].into_iter().enumerate()
    {
        register(&server, name, &format!("user{number}@temp.com")).await.expect(201);
    }
    for (q, expected) in [
        ("T", &["tom"][..]),
        ("om", &[]),
        ("a_", &["a_b"]),
        ("A", &["a_b", "aXb", "Ärger", "a\\b"]),
        ("b", &["a_b", "a\\b"]),
        ("pure", &["100 pure"]),
        ("ax", &["aXb"]),
        ("100%25", &["100%"]),
        ("100", &["100%", "100 pure"]),
        ("%25", &[]),
        ("_", &[]),
        ("*", &[]),
        ("a%5C", &["a\\b"]),
        ("%C3%A4R", &["Ärger"]),
        ("a%CC%88R", &["Ärger"]),
        ("arg", &["Ärger"]),
        ("tomtom", &[]),
        ("100%20%20p", &["100 pure"]),
        ("o%E2%80%99n", &["O'Neil"]),
        ("tom%00", &[]),
        ("%27%20OR%201=1--", &[]),
    ] {
        assert_eq!(names(&tom, &format!("/v1/users?q={q}")).await, expected, "{q}");
    }
    assert_eq!(names(&tom, "/v1/users?q=").await.len(), 9);
}

#[tokio::test]
async fn links_lead_through_all_pages() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for number in 0..5 {
        server.register(&format!("m&m {number}")).await;
    }
    for path in ["/v1/users", "/v1/users/with-chat-info"] {
        assert_eq!(pages(&tom, &format!("{path}?limit=3")).await, [[1, 2, 3].as_slice(), &[4, 5, 6], &[7]]);
        assert_eq!(
            pages(&tom, &format!("{path}?limit=2&q=m%26M%20")).await,
            [[3, 4].as_slice(), &[5, 6], &[7]]
        );
        assert_eq!(pages(&tom, &format!("{path}?after_id=5")).await, [[6, 7]]);
        assert_eq!(pages(&tom, &format!("{path}?limit=1000000")).await, [[1, 2, 3, 4, 5, 6, 7]]);
    }
    for wrong in ["limit=0", "limit=-1", "limit=x", "limit=1.5", "after_id=x", "limit="] {
        tom.get(&format!("/v1/users?{wrong}")).await.invalid();
    }
}

/// Returns the ids on each page, following `Link: rel="next"` (RFC 8288), without an empty last page.
async fn pages(user: &User, first: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let answer = user.get(&path).await;
        let ids =
            answer.expect(200).as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect();
        next = answer.header("link").map(|link| {
            let (target, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            target.to_owned()
        });
        pages.push(ids);
        assert!(pages.len() < 20, "the links go round in a circle");
    }
    pages.retain(|ids: &Vec<_>| !ids.is_empty());
    pages
}

#[tokio::test]
async fn one_user_is_found_by_id() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    assert_eq!(tom.get("/v1/users/1").await.expect(200)["email"], "tom@temp.com");
    assert_eq!(jerry.get("/v1/users/1").await.expect(200)["email"], Value::Null);
    tom.get("/v1/users/3").await.refused(404, "user_not_found");
}

#[tokio::test]
async fn chat_info_is_null_until_there_is_a_message() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    tom.write(&jerry, "first").await;
    let last = jerry.write(&tom, "second").await;
    jerry.write(&spike, "not for Tom").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    spike.write_group(group, "no direct message").await;

    let users = tom.get("/v1/users/with-chat-info").await.expect(200);
    assert_eq!(users.as_array().unwrap().len(), 3);
    for user in users.as_array().unwrap() {
        let expected = ["created_at", "email", "id", "last_message_content", "last_message_sender_id"];
        assert_eq!(keys(user), [&expected[..], &["last_message_timestamp", "username"]].concat());
        let of_jerry = user["id"] == jerry.id;
        let value = |value: Value| if of_jerry { value } else { Value::Null };
        assert_eq!(user["last_message_content"], value(json!("second")), "{user}");
        assert_eq!(user["last_message_sender_id"], value(json!(jerry.id)), "{user}");
        assert_eq!(user["last_message_timestamp"], value(last["timestamp"].clone()), "{user}");
    }
    assert_eq!(names(&tom, "/v1/users/with-chat-info?q=j&limit=5").await, ["jerry"]);
}

#[tokio::test]
async fn accounts_are_still_there_after_a_restart() {
    let mut server = Setup::new().start();
    let spike = server.register("spike").await;
    let before = spike.get("/v1/users").await.expect(200);
    server.stop();
    let server = server.setup.start();
    let spike = User::with_token(&server, spike.id, &spike.token);
    assert_eq!(spike.get("/v1/users").await.expect(200), before);
    assert_eq!(server.login("SPIKE").await.id, spike.id);
}
