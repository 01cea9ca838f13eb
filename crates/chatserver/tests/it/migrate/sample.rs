//! A server on which everything possible has happened, and everything that its users see of it.

use serde_json::{Value, json};

use crate::support::people::{in_conversation, p2p, to_group};
use crate::support::{Request, Server, Stream, User};

pub struct SampleData {
    pub tom: User,
    pub jerry: User,
    pub spike: User,
    tyke: User,
    group: i64,
    /// Ids of the messages that Tom has written to the group.
    ids: Vec<Value>,
    /// The cursor of Jerry's client.
    cursor: String,
    /// A token of Tom's that was logged out.
    pub logged_out: String,
    /// The message that Tom has sent under the key `once`.
    pub sent_once: Value,
    /// The highest id of a message.
    pub last_message: i64,
}

impl SampleData {
    pub async fn fill(server: &Server) -> Self {
        let (tom, jerry) = server.tom_and_jerry().await;
        let (spike, tyke) = (server.register("spike").await, server.register("tyke").await);
        let logged_out = server.login("tom").await;
        logged_out.send(Request::new("POST", "/v1/users/logout")).await.expect(200);
        let once = json!({ "content": "once", "client_msg_id": "once" });
        let sent_once = tom.post(&p2p(jerry.id), &once).await.expect(201)["id"].clone();
        let group = tom.group("Cheese", &[&jerry, &spike, &tyke]).await;
        let mut ids = Vec::new();
        for number in 0..12 {
            ids.push(tom.write_group(group, &format!("message {number} 🧀")).await["id"].clone());
        }
        let cursor = Stream::connect(server, &jerry).await.cursor;
        let logged_out = logged_out.token;
        let sample =
            Self { tom, jerry, spike, tyke, group, ids, cursor, logged_out, sent_once, last_message: 0 };
        sample.change_messages().await;
        sample.write_rich_messages().await;
        sample.change_own_parts().await;
        sample
    }

    fn of_message(&self, number: usize, rest: &str) -> String {
        format!("/v1/messages/{}{rest}", self.ids[number])
    }

    async fn change_messages(&self) {
        for text in ["edited once", "edited twice"] {
            self.tom.patch(&self.of_message(0, ""), &json!({ "content": text })).await.expect(200);
        }
        self.tom.delete(&self.of_message(1, "")).await.expect(200);
        for (user, emoji) in
            [(&self.jerry, "+1"), (&self.spike, "+1"), (&self.spike, "%F0%9F%A7%80"), (&self.tom, ":mouse:")]
        {
            user.put(&self.of_message(2, &format!("/reactions/{emoji}"))).await.expect(200);
        }
        self.tom.put(&self.of_message(3, "/pin")).await.expect(200);
        self.tom.put(&self.of_message(4, "/pin")).await.expect(200);
        self.tom.delete(&self.of_message(4, "/pin")).await.expect(200);
        self.jerry.put(&self.of_message(5, "/saved")).await.is_empty();
        self.jerry.put(&self.of_message(6, "/saved")).await.is_empty();
        self.jerry.delete(&self.of_message(6, "/saved")).await.is_empty();
        self.jerry.delete(&self.of_message(7, "?for=me")).await.is_empty();
    }

    async fn write_rich_messages(&self) {
        let to = to_group(self.group);
        let reply = json!({ "content": "in a thread", "thread_id": self.ids[8], "reply_to": self.ids[8] });
        self.spike.post(&to, &reply).await.expect(201);
        let rich = json!({
            "content": "Look, @jerry", "mentions": [self.jerry.id], "custom": { "cheese": ["gouda", 7] },
            "media": [
                { "url": "https://example.com/a.mp4", "type": "video", "name": "a.mp4", "size": 9 },
                { "url": "https://example.com/b.png" },
            ],
        });
        let rich = self.tom.post(&to, &rich).await.expect(201)["id"].clone();
        let media = json!({ "media_url": "https://example.com/c.png", "type": "image" });
        self.tom.post(&to, &media).await.expect(201);
        self.tom.post(&to, &json!({ "content": "all", "mention_all": true })).await.expect(201);
        let path = format!("/v1/messages/{rich}/forward");
        self.jerry.post(&path, &json!({ "to_user": self.spike.id })).await.expect(201);
        for is_finished in [false, true] {
            let growing = json!({ "content": "I was", "streaming": true });
            let id = self.tom.post(&p2p(self.jerry.id), &growing).await.expect(201)["id"].clone();
            let more = json!({ "offset": 5, "content": " about to" });
            self.tom.post(&format!("/v1/messages/{id}/append"), &more).await.expect(200);
            if is_finished {
                self.tom.post(&format!("/v1/messages/{id}/finish"), &json!({})).await.expect(200);
            }
        }
    }

    async fn change_own_parts(&self) {
        let conversation = self.jerry.conversation_of(self.group).await;
        let path = format!("/v1/conversations/{conversation}");
        let state = json!({ "draft": "Dear Tom, 🧀", "pinned": true, "muted_until": "2999-01-01T00:00:00Z" });
        self.jerry.patch(&format!("{path}/state"), &state).await.expect(200);
        let state = json!({ "archived": true, "marked_unread": true });
        self.spike.patch(&format!("{path}/state"), &state).await.expect(200);
        self.jerry.post(&format!("{path}/read"), &json!({ "seq": 4 })).await.is_empty();
        let in_thread = json!({ "seq": 13, "thread_id": self.ids[8] });
        self.jerry.post(&format!("{path}/read"), &in_thread).await.is_empty();
        self.spike.post(&format!("{path}/delivered"), &json!({ "seq": 9 })).await.is_empty();
        let role = format!("/v1/groups/{}/members/{}", self.group, self.jerry.id);
        self.tom.patch(&role, &json!({ "role": "admin" })).await.expect(200);
    }

    /// Changes existing rows, and deletes some.
    pub async fn change_again(&mut self) {
        self.spike.delete(&self.of_message(2, "/reactions/+1")).await.expect(200);
        self.tom.delete(&format!("/v1/groups/{}/members/{}", self.group, self.tyke.id)).await.expect(200);
        self.tom.patch(&self.of_message(0, ""), &json!({ "content": "edited again" })).await.expect(200);
        let path = format!("/v1/conversations/{}/state", self.jerry.conversation_of(self.group).await);
        self.jerry.patch(&path, &json!({ "draft": null })).await.expect(200);
        let last = self.tom.write_group(self.group, "the last one").await;
        self.last_message = last["id"].as_i64().unwrap();
    }

    /// Returns what all users see, by path.
    pub async fn seen(&self, server: &Server) -> Vec<(String, Value)> {
        let mut seen = Vec::new();
        for user in [&self.tom, &self.jerry, &self.spike, &self.tyke].map(|user| user.at(server)) {
            let mut paths: Vec<String> = [
                "/v1/users",
                "/v1/users-with-chat-info",
                "/v1/groups",
                "/v1/unread",
                "/v1/conversations?limit=200",
                "/v1/conversations?archived=true",
                "/v1/saved",
                "/v1/messages/chats",
            ]
            .map(str::to_owned)
            .into();
            paths.push(format!("/v1/groups/{}/members", self.group));
            let conversations = user.get("/v1/conversations?limit=200").await.expect(200);
            for conversation in conversations["conversations"].as_array().unwrap() {
                let id = &conversation["id"];
                for rest in ["", "/receipts", "/pins"] {
                    paths.push(format!("/v1/conversations/{id}{rest}"));
                }
                paths.push(format!("{}?limit=200", in_conversation(id)));
            }
            for id in &self.ids {
                for rest in ["", "/versions", "/reactions", "/thread"] {
                    paths.push(format!("/v1/messages/{id}{rest}"));
                }
            }
            for path in paths {
                let answer = user.get(&path).await;
                let mut body = answer.json();
                if let Some(problem) = body.as_object_mut() {
                    problem.remove("request_id");
                }
                seen.push((format!("{} {path} {}", user.id, answer.status), body));
            }
        }
        assert!(seen.iter().filter(|(name, _)| name.ends_with(" 200")).count() > 150);
        seen
    }

    /// Returns the frames that Jerry's client gets when it reconnects.
    pub async fn missed_by_jerry(&self, server: &Server) -> Vec<Value> {
        let (_, missed) = Stream::resume(server, &self.jerry.at(server), &self.cursor).await;
        assert!(missed.len() > 15, "{missed:?}");
        missed
    }
}
