//! Renaming groups, roles, leaving and being removed.

use serde_json::{Value, json};

use crate::support::people::{in_conversation, to_group};
use crate::support::{Answer, Server, User};

fn at(group: i64, user: &User) -> String {
    format!("/v1/groups/{group}/members/{}", user.id)
}

async fn set_role(actor: &User, group: i64, user: &User, role: &str) -> Answer {
    actor.patch(&at(group, user), &json!({ "role": role })).await
}

async fn roles(user: &User, group: i64) -> Vec<Value> {
    let members = user.get(&format!("/v1/groups/{group}/members")).await.expect(200);
    members.as_array().unwrap().iter().map(|member| json!([member["id"], member["role"]])).collect()
}

#[tokio::test]
async fn a_group_gets_another_name() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let path = format!("/v1/groups/{group}");
    let renamed = tom.patch(&path, &json!({ "name": "  Mice " })).await.expect(200);
    assert_eq!(renamed["name"], "Mice");
    assert_eq!(jerry.get("/v1/groups").await.expect(200), json!([renamed]));
    assert_eq!(jerry.conversation(&jerry.conversation_of(group).await).await["name"], "Mice");
    for bad in
        [json!({}), json!({ "name": " " }), json!({ "name": "x".repeat(101) }), json!({ "name": "a\u{7}" })]
    {
        tom.patch(&path, &bad).await.invalid();
    }
    tom.patch("/v1/groups/99", &json!({ "name": "Mice" })).await.refused(404, "group_not_found");
}

#[tokio::test]
async fn a_groups_name_from_before_the_rules_stays() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    server.stop();
    // As earlier releases accepted it.
    server.setup.execute("UPDATE groups SET name = 'Support'");
    let server = server.setup.clone().start();
    let (tom, spike) = (server.login("tom").await, server.register("spike").await);
    let path = format!("/v1/groups/{group}");
    assert_eq!(tom.patch(&path, &json!({ "name": "Support" })).await.expect(200)["name"], "Support");
    tom.patch(&path, &json!({ "name": "support" })).await.invalid();
    spike.patch(&path, &json!({ "name": "Support" })).await.invalid();
    assert_eq!(tom.get("/v1/groups").await.expect(200)[0]["name"], "Support");
}

#[tokio::test]
async fn groups_are_found_by_how_their_names_begin() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for name in ["Cheese", "Chess", "Émile's", "Mice"] {
        tom.group(name, &[]).await;
    }
    let found = async |q: &str| {
        let groups = tom.get(&format!("/v1/groups?q={q}")).await.expect(200);
        groups.as_array().unwrap().iter().map(|group| group["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("CHE").await, ["Cheese", "Chess"]);
    assert_eq!(found("%C3%A9").await, ["Émile's"]);
    assert_eq!(found("").await.len(), 4);
    assert_eq!(found("%25").await, [] as [Value; 0]);
}

#[tokio::test]
async fn roles_are_given_and_taken_by_the_owner() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let done = set_role(&tom, group, &jerry, "admin").await.expect(200);
    assert_eq!(done, json!({ "message": "Role changed successfully" }));
    set_role(&tom, group, &jerry, "admin").await.expect(200);
    assert_eq!(roles(&jerry, group).await, [json!([1, "owner"]), json!([2, "admin"])]);
    jerry.add(group, spike.id).await.expect(200);
    set_role(&jerry, group, &spike, "admin").await.refused(403, "forbidden");
    set_role(&jerry, group, &jerry, "owner").await.refused(403, "forbidden");
    jerry.delete(&at(group, &tom)).await.refused(403, "forbidden");
    set_role(&tom, group, &tom, "member").await.refused(409, "owner_needed");
    for bad in ["boss", "Owner", ""] {
        set_role(&tom, group, &jerry, bad).await.invalid();
    }
    let nobody = User::with_token(&server, 99, "");
    set_role(&tom, group, &nobody, "admin").await.refused(404, "user_not_found");
    tom.delete(&at(group, &nobody)).await.refused(404, "user_not_found");
    set_role(&tom, group, &jerry, "member").await.expect(200);
    jerry.delete(&at(group, &spike)).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_admin_removes_members_and_no_admin() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let tyke = server.register("tyke").await;
    let group = tom.group("Cheese", &[&jerry, &spike, &tyke]).await;
    set_role(&tom, group, &jerry, "admin").await.expect(200);
    set_role(&tom, group, &spike, "admin").await.expect(200);
    jerry.delete(&at(group, &spike)).await.refused(403, "forbidden");
    let done = jerry.delete(&at(group, &tyke)).await.expect(200);
    assert_eq!(done, json!({ "message": "Member removed successfully" }));
    tom.delete(&at(group, &spike)).await.expect(200);
    assert_eq!(roles(&tom, group).await.len(), 2);
}

#[tokio::test]
async fn the_owner_goes_only_after_somebody_else_owns_the_group() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    tom.delete(&at(group, &tom)).await.refused(409, "owner_needed");
    set_role(&tom, group, &jerry, "owner").await.expect(200);
    assert_eq!(roles(&tom, group).await, [json!([1, "admin"]), json!([2, "owner"])]);
    assert_eq!(jerry.get("/v1/groups").await.expect(200)[0]["owner_id"], 2);
    tom.delete(&at(group, &tom)).await.expect(200);
    assert_eq!(roles(&jerry, group).await, [json!([2, "owner"])]);
    tom.delete(&at(group, &tom)).await.refused(403, "not_a_member");
}

#[tokio::test]
async fn a_removed_member_sees_nothing_of_the_group_any_more_and_may_come_back() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = jerry.conversation_of(group).await;
    let sent = jerry.write_group(group, "while I was there").await;
    tom.delete(&at(group, &jerry)).await.expect(200);
    let after = tom.write_group(group, "behind his back").await;
    assert_eq!(jerry.get("/v1/groups").await.expect(200), json!([]));
    assert_eq!(jerry.get("/v1/chats").await.expect(200), json!([]));
    assert_eq!(jerry.get("/v1/conversations").await.expect(200)["conversations"], json!([]));
    assert_eq!(jerry.get("/v1/unread").await.expect(200)["unread"], 0);
    jerry.get(&in_conversation(&conversation)).await.refused(404, "conversation_not_found");
    jerry.get(&format!("/v1/messages/{}", sent["id"])).await.refused(404, "message_not_found");
    jerry.post(&to_group(group), &json!({ "content": "hi" })).await.refused(403, "not_a_member");
    tom.add(group, jerry.id).await.expect(200);
    let back = jerry.conversation(&conversation).await;
    assert_eq!((&back["role"], &back["unread"]), (&json!("member"), &json!(0)));
    assert_eq!(jerry.message(&after["id"]).await["content"], "behind his back");
}

#[tokio::test]
async fn of_two_who_are_made_the_owner_at_once_one_is() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    for _ in 0..5 {
        let group = tom.group("Cheese", &[&jerry, &spike]).await;
        let (one, other) =
            tokio::join!(set_role(&tom, group, &jerry, "owner"), set_role(&tom, group, &spike, "owner"));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403]);
        let owners = roles(&tom, group).await.iter().filter(|role| role[1] == "owner").count();
        assert_eq!(owners, 1);
    }
}
