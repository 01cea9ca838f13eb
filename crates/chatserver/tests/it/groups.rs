//! Groups: their members, and what each may do.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::to_group;
use crate::support::{Server, Setup, User};

async fn members(user: &User, group: i64) -> Value {
    user.get(&format!("/v1/groups/{group}/members")).await.expect(200)
}

#[tokio::test]
async fn creating_a_group_answers_to_the_letter() {
    let server = Server::start();
    let (_, jerry) = server.tom_and_jerry().await;
    let created = jerry.post("/v1/groups", &json!({"name": "Cheese lovers"})).await.expect(201);
    let expected = json!({
        "message": "Group created successfully", "id": 1, "group_id": 1, "name": "Cheese lovers", "owner_id": 2
    });
    assert_eq!(created, expected);
    assert_eq!(members(&jerry, 1).await, json!([{"id": 2, "username": "jerry", "role": "owner"}]));
}

#[tokio::test]
async fn a_group_needs_a_name() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for body in [
        json!({}),
        json!({"name": null}),
        json!({"name": 7}),
        json!({"name": ""}),
        json!({"name": "   "}),
        json!({"name": "x".repeat(101)}),
        json!({"name": "bell \u{7}"}),
        json!([]),
    ] {
        tom.post("/v1/groups", &body).await.invalid();
    }
    assert_eq!(tom.get("/v1/groups").await.expect(200), json!([]));
    tom.post("/v1/groups", &json!({"name": "é".repeat(100)})).await.expect(201);
}

#[tokio::test]
async fn the_list_shows_the_groups_one_is_in() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let cheese = tom.group("Cheese", &[&jerry]).await;
    let mice = jerry.group("Mice", &[]).await;
    let listed = async |user: &User| {
        let groups = user.get("/v1/groups").await.expect(200);
        for group in groups.as_array().unwrap() {
            assert_eq!(keys(group), ["created_at", "id", "name", "owner_id"]);
            assert!(group["created_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        }
        let brief = |group: &Value| json!([group["id"], group["name"], group["owner_id"]]);
        groups.as_array().unwrap().iter().map(brief).collect::<Vec<_>>()
    };
    assert_eq!(listed(&tom).await, [json!([cheese, "Cheese", 1])]);
    assert_eq!(listed(&jerry).await, [json!([cheese, "Cheese", 1]), json!([mice, "Mice", 2])]);
    assert_eq!(listed(&spike).await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_owner_adds_members_and_a_second_time_changes_nothing() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[]).await;
    let expected = json!([
        {"id": 1, "username": "tom", "role": "owner"},
        {"id": 2, "username": "jerry", "role": "member"},
    ]);
    for _ in 0..3 {
        let added = tom.add(group, jerry.id).await.expect(200);
        assert_eq!(added, json!({"message": "Member added successfully"}));
        assert_eq!(members(&jerry, group).await, expected);
    }
    tom.add(group, tom.id).await.expect(200);
    assert_eq!(members(&tom, group).await, expected, "the owner stays the owner");
}

/// Adding a member again must not touch what the member has yet to receive.
#[tokio::test]
async fn a_second_adding_makes_nobody_miss_a_message() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    tom.write_group(group, "before").await;
    tom.add(group, jerry.id).await.expect(200);
    let mut ws = crate::support::Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["content"], "before");
}

#[tokio::test]
async fn a_member_adds_nobody() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    jerry.add(group, spike.id).await.refused(403, "forbidden");
    jerry.add(group, tom.id).await.refused(403, "forbidden");
    assert_eq!(members(&tom, group).await.as_array().unwrap().len(), 2);
}

/// So far only an administrator's tool makes admins, so the test sets the role in the database.
#[tokio::test]
async fn an_admin_adds_members() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    server.stop();
    server.setup.execute("UPDATE members SET role = 'admin' WHERE user_id = 2");
    let server = server.setup.start();
    let spike = server.register("spike").await;
    let jerry = server.login("jerry").await;
    jerry.add(group, spike.id).await.expect(200);
    let roles: Vec<_> =
        members(&jerry, group).await.as_array().unwrap().iter().map(|m| m["role"].clone()).collect();
    assert_eq!(roles, ["owner", "admin", "member"]);
}

#[tokio::test]
async fn strangers_are_kept_out_of_every_route() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    tom.write_group(group, "members only").await;
    spike.get(&format!("/v1/groups/{group}/members")).await.refused(403, "not_a_member");
    spike.get(&format!("/v1/groups/{group}/messages")).await.refused(403, "not_a_member");
    spike.add(group, spike.id).await.refused(403, "not_a_member");
    spike.post(&to_group(group), &json!({"content": "hi"})).await.refused(403, "not_a_member");
    assert_eq!(spike.get("/v1/chats").await.expect(200), json!([]));
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let group = tom.group("Cheese", &[]).await;
    tom.add(group, 99).await.refused(404, "user_not_found");
    tom.get("/v1/groups/99/members").await.refused(404, "group_not_found");
    tom.get("/v1/groups/99/messages").await.refused(404, "group_not_found");
    tom.add(99, 2).await.refused(404, "group_not_found");
    tom.post(&to_group(99), &json!({"content": "hi"})).await.refused(404, "group_not_found");
}

#[tokio::test]
async fn adding_needs_a_user_id() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let group = tom.group("Cheese", &[]).await;
    for body in [json!({}), json!({"user_id": null}), json!({"user_id": "2"}), json!({"user_id": 1.5})] {
        tom.post(&format!("/v1/groups/{group}/members"), &body).await.invalid();
    }
    for nobody in [0, -2] {
        let answer = tom.add(group, nobody).await;
        assert!([400, 404].contains(&answer.status), "{}", answer.text());
    }
}

/// The earlier server took a user's number for a group's if both existed.
#[tokio::test]
async fn user_1_and_group_1_are_never_taken_for_one_another() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = spike.group("Dogs", &[&jerry]).await;
    assert_eq!((tom.id, group), (1, 1));
    jerry.write(&tom, "to the user").await;
    jerry.write_group(1, "to the group").await;

    let one = |messages: Vec<Value>| {
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages[0].clone()
    };
    let direct = one(tom.history(&jerry).await);
    assert_eq!(
        json!([direct["content"], direct["recipient_id"], direct["group_id"]]),
        json!(["to the user", 1, 0])
    );
    let in_group = one(spike.messages("/v1/groups/1/messages").await);
    assert_eq!(
        json!([in_group["content"], in_group["recipient_id"], in_group["group_id"]]),
        json!(["to the group", 0, 1])
    );
    assert_eq!(spike.history(&jerry).await, [] as [Value; 0]);
    tom.get("/v1/groups/1/messages").await.refused(403, "not_a_member");
}

#[tokio::test]
async fn groups_and_members_are_still_there_after_a_restart() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let before = (tom.get("/v1/groups").await.expect(200), members(&tom, group).await);
    server.kill();
    let server = server.setup.start();
    let tom = server.login("tom").await;
    assert_eq!((tom.get("/v1/groups").await.expect(200), members(&tom, group).await), before);
}
