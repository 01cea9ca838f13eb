//! Tom and Jerry are there where nobody else can reach them, once, and nowhere else.

use serde_json::json;

use crate::support::people::PASSWORD;
use crate::support::server::bytes_of;
use crate::support::{Server, Setup};

async fn login_status(server: &Server, name: &str) -> u16 {
    server.post("/v1/users/login", &json!({"username": name, "password": PASSWORD})).await.status
}

#[tokio::test]
async fn a_new_database_on_loopback_has_tom_and_jerry_once() {
    let mut server = Setup::new().start();
    for _ in 0..3 {
        let tom = server.login("tom").await;
        let users = tom.get("/v1/users").await.expect(200);
        let brief: Vec<_> =
            users.as_array().unwrap().iter().map(|user| json!([user["id"], user["username"]])).collect();
        assert_eq!(brief, [json!([1, "tom"]), json!([2, "jerry"])]);
        assert_eq!(users[0]["email"], "tom@temp.com");
        assert_eq!(
            server.login("jerry").await.get("/v1/users/2").await.expect(200)["email"],
            "jerry@temp.com"
        );
        server.stop();
        server = server.setup.clone().start();
    }
}

#[tokio::test]
async fn beyond_loopback_there_are_no_demo_users() {
    let mut server = Setup::new().env("HOST", "0.0.0.0").start();
    assert_eq!(login_status(&server, "tom").await, 401);
    assert_eq!(server.register("spike").await.id, 1);
    server.stop();
    // The database has none of them later either: it is not new any more.
    let server = server.setup.clone().env("HOST", "127.0.0.1").start();
    assert_eq!([login_status(&server, "tom").await, login_status(&server, "spike").await], [401, 200]);
}

#[tokio::test]
async fn beyond_loopback_a_database_with_demo_users_is_refused() {
    let mut server = Setup::new().start();
    server.stop();
    let setup = server.setup.clone();
    let before = bytes_of(&setup.database());
    let open = setup.clone().env("HOST", "0.0.0.0");
    let refusal = open.refuse();
    refusal.says("--demo");
    assert!(refusal.stderr.contains("tom"), "{refusal:?}");
    assert_eq!(bytes_of(&setup.database()), before);
    let told = open.arg("--demo").start();
    assert_eq!(login_status(&told, "tom").await, 200);
}

#[tokio::test]
async fn demo_makes_them_wherever_one_asks_for_them() {
    let mut server = Setup::new().arg("--host").arg("0.0.0.0").start();
    let spike = server.register("jerry").await;
    assert_eq!(spike.id, 1);
    server.stop();
    let mut server = server.setup.clone().arg("--demo").start();
    assert_eq!(server.login("tom").await.id, 2, "after the one who was there");
    assert_eq!(server.login("jerry").await.id, 1, "a name that is taken stays whose it is");
    server.stop();
    let server = server.setup.clone().start();
    assert_eq!(server.login("tom").await.get("/v1/users").await.expect(200).as_array().unwrap().len(), 2);
}
