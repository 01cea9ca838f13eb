//! State that nodes share, and their announcements to each other.

use std::sync::{Arc, Mutex};

use chat_core::cluster::{Link, LocalMembers, NodeId, Peers};
use chat_core::ids::{ConversationId, UserId};
use chat_core::messages::Recipient;
use chat_core::presence::PresenceStatus;
use hyper::Method;
use serde_json::json;

use crate::support::{Others, TestCluster, eventually};

/// Records one node's announcements to the others, and has a link that can be cut.
struct Recorder {
    received: Mutex<Vec<String>>,
    link: Mutex<Option<Link>>,
}

impl Recorder {
    fn new() -> Arc<Self> {
        Arc::new(Self { received: Mutex::default(), link: Mutex::new(Some(Link::Up)) })
    }

    fn others(self: &Arc<Self>) -> Others {
        Others { local_members: self.clone(), peers: self.clone() }
    }

    fn note(&self, received: String) {
        self.received.lock().unwrap().push(received);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

impl LocalMembers for Recorder {
    fn user(&self, user: UserId, is_here: bool) {
        self.note(format!("user {user} {is_here}"));
    }

    fn group(&self, conversation: ConversationId, is_here: bool) {
        self.note(format!("group {conversation} {is_here}"));
    }

    fn presence(&self, user: UserId, choice: Option<PresenceStatus>) {
        self.note(format!("presence {user} {}", choice.map_or("gone", PresenceStatus::as_str)));
    }
}

impl Peers for Recorder {
    fn link(&self) -> Option<Link> {
        *self.link.lock().unwrap()
    }

    fn lag(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_ticket_of_one_node_opens_one_stream_at_another() {
    let cluster = TestCluster::of(2).await;
    let tom = cluster.register("tom").await;
    let [here, there] = &cluster.nodes[..] else { panic!() };
    let (status, ticket) = here.post("/v1/ws-ticket", &tom.token, json!({})).await;
    assert_eq!((status, &ticket["expires_in"]), (201, &json!(30)));
    let ticket = ticket["ticket"].as_str().unwrap();
    assert_eq!(
        [
            there.upgrade_status(ticket).await,
            there.upgrade_status(ticket).await,
            here.upgrade_status(ticket).await
        ],
        [101, 401, 401]
    );
}

#[tokio::test]
async fn readiness_reports_the_bus_of_a_node() {
    let others = Recorder::new();
    let cluster = TestCluster::joined(1, Some(others.others())).await;
    let ready = async || cluster.nodes[0].call(Method::GET, "/readyz", "", None).await;
    assert_eq!(ready().await, (200, json!({ "status": "ready", "bus": "up" })));
    *others.link.lock().unwrap() = Some(Link::Down);
    assert_eq!(ready().await, (200, json!({ "status": "ready", "bus": "down" })));
    *others.link.lock().unwrap() = None;
    assert_eq!(ready().await, (200, json!({ "status": "ready", "bus": "none" })));
    let alone = TestCluster::of(1).await;
    let (status, body) = alone.nodes[0].call(Method::GET, "/readyz", "", None).await;
    assert_eq!((status, body), (200, json!({ "status": "ready" })));
}

#[tokio::test]
async fn a_user_and_their_groups_are_announced_to_the_others_before_the_welcome() {
    let others = Recorder::new();
    let cluster = TestCluster::joined(1, Some(others.others())).await;
    let (tom, jerry) = (cluster.register("tom").await, cluster.register("jerry").await);
    let node = &cluster.nodes[0];
    let group = node.chat.create_group(tom.id, "Cheese").await.unwrap();
    let conversation = node.chat.memberships(tom.id).await.unwrap().conversations[0];
    let toms = node.v2(&tom, None).await;
    let expected = [format!("presence {} online", tom.id), format!("user {} true", tom.id)];
    assert_eq!(
        others.take(),
        expected.into_iter().chain([format!("group {conversation} true")]).collect::<Vec<_>>()
    );
    let jerrys = node.v1(&jerry).await;
    node.chat.add_member(tom.id, group.id, jerry.id).await.unwrap();
    drop(toms);
    eventually("Tom has gone", async || others.received.lock().unwrap().len() == 4).await;
    let expected = [
        format!("presence {} online", jerry.id),
        format!("user {} true", jerry.id),
        format!("user {} false", tom.id),
        format!("presence {} gone", tom.id),
    ];
    assert_eq!(others.take(), expected, "Jerry is in the group too");
    drop(jerrys);
    eventually("Jerry has gone", async || others.received.lock().unwrap().len() == 3).await;
    let expected = [
        format!("group {conversation} false"),
        format!("user {} false", jerry.id),
        format!("presence {} gone", jerry.id),
    ];
    assert_eq!(others.take(), expected);
}

#[tokio::test]
async fn a_user_at_another_node_is_seen_here() {
    let cluster = TestCluster::of(1).await;
    let (tom, jerry) = (cluster.register("tom").await, cluster.register("jerry").await);
    let node = &cluster.nodes[0];
    node.write(&tom, Recipient::User(jerry.id), "Hello").await;
    let status = async || {
        let (_, seen) = node.call(Method::GET, "/v1/conversations/1/presence", &tom.token, None).await;
        (seen[0]["status"].clone(), seen[0]["last_seen"].is_string())
    };
    assert_eq!(status().await, (json!("offline"), false));
    let presence_registry = node.hub.presence_registry();
    presence_registry.there(NodeId(5), &[(jerry.id, Some(PresenceStatus::Online))]);
    assert_eq!(status().await, (json!("online"), false));
    assert_eq!(presence_registry.here(), []);
    let _toms = node.v2(&tom, None).await;
    assert_eq!(presence_registry.here(), [(tom.id, PresenceStatus::Online)]);
    presence_registry.lost(NodeId(5));
    assert_eq!(status().await, (json!("offline"), true));
}
