//! Users of a server, each with a token.

use serde_json::{Value, json};

use super::{Answer, Request, Server, cluster, eventually};

/// Password of all users, of the demo users too.
pub const PASSWORD: &str = "password123";

/// A logged-in user.
#[derive(Clone)]
pub struct User {
    pub id: i64,
    pub token: String,
    address: String,
}

impl User {
    /// Returns a user with this token.
    pub fn with_token(server: &Server, id: i64, token: &str) -> Self {
        Self { id, token: token.into(), address: server.address.clone() }
    }

    /// Returns the same user at another server.
    pub fn at(&self, server: &Server) -> Self {
        Self::with_token(server, self.id, &self.token)
    }

    pub async fn send(&self, request: Request) -> Answer {
        request.bearer(&self.token).send(&self.address).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::post(path, body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = Request::new("PATCH", path).header("Content-Type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    pub async fn put(&self, path: &str) -> Answer {
        self.send(Request::new("PUT", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Request::new("DELETE", path)).await
    }

    /// Waits until the token has ended: on the node that ended it at once, on the other nodes of a cluster soon.
    pub async fn has_ended(&self) {
        if cluster::is_wanted() {
            // Each connection goes to the next node.
            let mut refused = 0;
            eventually(5, "all nodes refuse the token", async || {
                refused = if self.get("/v1/test-auth").await.status == 401 { refused + 1 } else { 0 };
                refused >= cluster::NODES
            })
            .await;
        }
        self.get("/v1/test-auth").await.refused(401, "unauthenticated");
    }

    /// Returns a message as this user sees it.
    pub async fn message(&self, id: &Value) -> Value {
        self.get(&format!("/v1/messages/{id}")).await.expect(200)
    }

    /// Returns a conversation as this user sees it.
    pub async fn conversation(&self, id: &Value) -> Value {
        self.get(&format!("/v1/conversations/{id}")).await.expect(200)
    }

    /// Returns the conversation of a group of this user.
    pub async fn conversation_of(&self, group: i64) -> Value {
        let page = self.get("/v1/conversations?limit=200").await.expect(200);
        let all = page["conversations"].as_array().unwrap();
        all.iter().find(|it| it["group_id"] == group).expect("the group is there")["id"].clone()
    }

    /// Writes to another user and returns the answer.
    pub async fn write(&self, to: &User, content: &str) -> Value {
        self.post(&p2p(to.id), &json!({ "content": content })).await.expect(201)
    }

    /// Writes to a group and returns the answer.
    pub async fn write_group(&self, group: i64, content: &str) -> Value {
        self.post(&to_group(group), &json!({ "content": content })).await.expect(201)
    }

    /// Makes a group with these members besides its owner.
    pub async fn group(&self, name: &str, members: &[&User]) -> i64 {
        let created = self.post("/v1/groups", &json!({ "name": name })).await.expect(201);
        let group = created["group_id"].as_i64().unwrap();
        for member in members {
            self.add(group, member.id).await.expect(200);
        }
        group
    }

    pub async fn add(&self, group: i64, user: i64) -> Answer {
        self.post(&format!("/v1/groups/{group}/members"), &json!({ "user_id": user })).await
    }

    /// Returns the newest page of messages with another user.
    pub async fn history(&self, with: &User) -> Vec<Value> {
        self.messages(&format!("/v1/messages/history/{}", with.id)).await
    }

    /// Returns the messages of a page.
    pub async fn messages(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).await.expect(200);
        page["messages"].as_array().unwrap().clone()
    }

    /// Returns all messages of a conversation, oldest first, read page by page.
    pub async fn all_messages(&self, path: &str) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut before = String::new();
        loop {
            let page = self.messages(&format!("{path}?limit=200{before}")).await;
            let Some(first) = page.first() else { break };
            before = format!("&before_id={}", first["id"]);
            pages.push(page);
        }
        pages.into_iter().rev().flatten().collect()
    }

    /// Returns the status of a message with another user.
    pub async fn status_of(&self, with: &User, id: &Value) -> String {
        let history = self.history(with).await;
        let message = history.iter().find(|message| message["id"] == *id).expect("the message is there");
        message["status"].as_str().unwrap().to_owned()
    }
}

impl Server {
    /// Registers a user with this name and the address `<name>@example.com`, without the name's odd characters.
    pub async fn register(&self, name: &str) -> User {
        let local: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let body = json!({ "username": name, "email": format!("{local}@example.com"), "password": PASSWORD });
        let registered = self.post("/v1/users/register", &body).await.expect(201);
        let id = registered["id"].as_i64().unwrap();
        let token = registered["token"].as_str().unwrap().to_owned();
        User { id, token, address: self.address.clone() }
    }

    pub async fn login(&self, name: &str) -> User {
        let body = json!({ "username": name, "password": PASSWORD });
        let token =
            self.post("/v1/users/login", &body).await.expect(200)["token"].as_str().unwrap().to_owned();
        let mut user = User { id: 0, token, address: self.address.clone() };
        user.id = user.get("/v1/test-auth").await.expect(200)["user_id"].as_i64().unwrap();
        user
    }

    /// Returns the two users that every new server on loopback has.
    pub async fn tom_and_jerry(&self) -> (User, User) {
        (self.login("tom").await, self.login("jerry").await)
    }
}

/// Path for reading and sending a conversation's messages.
pub fn in_conversation(id: &Value) -> String {
    format!("/v1/conversations/{id}/messages")
}

/// Path for sending a message to a user.
pub fn p2p(user: i64) -> String {
    format!("/v1/messages/p2p/{user}")
}

/// Path for sending a message to a group.
pub fn to_group(group: i64) -> String {
    format!("/v1/messages/group/{group}")
}
