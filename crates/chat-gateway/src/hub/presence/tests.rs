//! Presence over several nodes.

use serde_json::{Value, json};

use super::*;
use crate::hub::Hub;
use crate::hub::ReplayEnd;
use crate::hub::testing::{self, Client, Received, Recorder};

const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);
const HERE: ConversationId = ConversationId(1);
const NORTH: NodeId = NodeId(11);
const SOUTH: NodeId = NodeId(12);
const ALL: [Option<PresenceStatus>; 4] =
    [None, Some(PresenceStatus::Invisible), Some(PresenceStatus::Online), Some(PresenceStatus::Away)];

/// Tom watches Jerry.
struct Fixture {
    hub: Hub,
    presence: Presence,
    recorder: Arc<Recorder>,
    connection: Arc<Connection>,
    toms: Client,
    at: i64,
}

impl Fixture {
    async fn new() -> Self {
        let hub = testing::hub(1, None);
        let recorder = Arc::new(Recorder::default());
        let presence = Presence::new(Some(recorder.clone()));
        let (connection, mut toms) = testing::connect(&hub, TOM, Protocol::V2).await;
        assert_eq!(connection.go_live(0, Some(marker())), ReplayEnd::Live);
        connection.flush();
        assert_eq!(toms.frame().await["type"], "live");
        presence.watch(&connection, &[(HERE, JERRY, None)], 0).unwrap();
        Self { hub, presence, recorder, connection, toms, at: 0 }
    }

    /// A time one second later than the last.
    fn now(&mut self) -> Timestamp {
        self.at += 1_000_000;
        Timestamp(self.at)
    }

    async fn jerry_comes(&mut self) -> Arc<Connection> {
        let (connection, _) = testing::connect(&self.hub, JERRY, Protocol::V2).await;
        let now = self.now();
        self.presence.connected(&connection, now);
        connection
    }

    fn jerry_chooses(&mut self, connection: &Connection, choice: PresenceStatus) {
        let now = self.now();
        self.presence.choose(connection, choice, now);
    }

    fn jerry_goes(&mut self, connection: &Connection) {
        let now = self.now();
        self.presence.disconnected(connection, now);
    }

    fn jerry_is_said_to_be(&mut self, node: NodeId, choice: Option<PresenceStatus>) {
        let now = self.now();
        self.presence.there(node, &[(JERRY, choice)], now);
    }

    fn is_lost(&mut self, node: NodeId) {
        let now = self.now();
        self.presence.lost(node, now);
    }

    fn seen(&self) -> Wire {
        self.presence.of(&[(JERRY, None)]).remove(0)
    }

    fn status(&self) -> String {
        self.seen().status.into_owned()
    }

    fn last_seen(&self) -> Value {
        serde_json::to_value(self.seen()).unwrap()["last_seen"].clone()
    }

    /// Waits for Tom's next presence frame and checks the status. Returns `last_seen`.
    async fn expect_status(&mut self, status: &str) -> Value {
        let frame = self.toms.frame().await;
        assert_eq!(json!([frame["user_id"], frame["status"]]), json!([JERRY.0, status]), "{frame}");
        frame["last_seen"].clone()
    }

    /// Checks that no presence frame was queued for Tom so far.
    async fn expect_nothing(&mut self) {
        assert_eq!(self.connection.push(marker(), None), Flush::Due);
        self.connection.flush();
        assert_eq!(self.toms.frame().await["type"], "live");
    }

    /// The time that `now` returned last, as JSON.
    fn moment(&self) -> Value {
        serde_json::to_value(chat_wire::time(Timestamp(self.at))).unwrap()
    }
}

/// A frame that is not a presence frame.
fn marker() -> bytes::Bytes {
    wire::v2::frame(&ServerFrame::Live(chat_protocol::v2::At { cursor: String::new() }))
}

fn expected(choices: &[Option<PresenceStatus>]) -> &'static str {
    let all: Vec<_> = choices.iter().flatten().collect();
    match () {
        () if all.contains(&&PresenceStatus::Invisible) => "offline",
        () if all.contains(&&PresenceStatus::Online) => "online",
        () if all.contains(&&PresenceStatus::Away) => "away",
        () => "offline",
    }
}

#[tokio::test]
async fn a_user_is_seen_by_what_was_chosen_at_all_nodes() {
    for here in ALL {
        for north in ALL {
            for south in ALL {
                let mut fixture = Fixture::new().await;
                let connection = fixture.jerry_comes().await;
                match here {
                    Some(choice) => fixture.jerry_chooses(&connection, choice),
                    None => fixture.jerry_goes(&connection),
                }
                fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
                fixture.jerry_is_said_to_be(NORTH, north);
                fixture.jerry_is_said_to_be(SOUTH, south);
                assert_eq!(fixture.status(), expected(&[here, north, south]), "{here:?} {north:?} {south:?}");
            }
        }
    }
}

#[tokio::test]
async fn watchers_get_visible_changes_elsewhere_and_no_others() {
    let mut fixture = Fixture::new().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Away));
    fixture.expect_status("away").await;
    fixture.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Away));
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Away));
    fixture.jerry_is_said_to_be(NORTH, None);
    fixture.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Online));
    fixture.expect_status("online").await;
    let jerrys = fixture.jerry_comes().await;
    fixture.jerry_is_said_to_be(SOUTH, None);
    fixture.jerry_chooses(&jerrys, PresenceStatus::Away);
    fixture.expect_status("away").await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Invisible));
    assert_eq!(fixture.expect_status("offline").await, fixture.moment());
    fixture.jerry_chooses(&jerrys, PresenceStatus::Online);
    fixture.jerry_goes(&jerrys);
    fixture.expect_nothing().await;
    fixture.jerry_is_said_to_be(NORTH, None);
    fixture.expect_nothing().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    fixture.expect_status("online").await;
    fixture.expect_nothing().await;
}

#[tokio::test]
async fn a_user_of_a_lost_node_alone_is_gone() {
    let mut fixture = Fixture::new().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    fixture.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Away));
    fixture.expect_status("online").await;
    fixture.is_lost(NORTH);
    fixture.expect_status("away").await;
    fixture.is_lost(NORTH);
    fixture.is_lost(SOUTH);
    assert_eq!(fixture.expect_status("offline").await, fixture.moment());
    assert_eq!(fixture.last_seen(), fixture.moment());
    fixture.is_lost(SOUTH);
    fixture.expect_nothing().await;
}

#[tokio::test]
async fn many_users_of_a_node_are_added_and_removed() {
    let fixture = Fixture::new().await;
    let users: Vec<_> = (10..2000).map(|id| (UserId(id), Some(PresenceStatus::Online))).collect();
    fixture.presence.there(NORTH, &users, Timestamp(1));
    let asked: Vec<_> = users.iter().map(|(user, _)| (*user, None)).collect();
    assert!(fixture.presence.of(&asked).iter().all(|seen| seen.status == "online"));
    assert_eq!(fixture.presence.here(), [], "those are not here");
    fixture.presence.lost(NORTH, Timestamp(2));
    assert!(fixture.presence.of(&asked).iter().all(|seen| seen.status == "offline"));
}

#[tokio::test]
async fn each_node_writes_down_its_own_users_and_remembers_the_others_for_a_while() {
    let mut fixture = Fixture::new().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    fixture.jerry_is_said_to_be(NORTH, None);
    let moment = fixture.moment();
    assert_eq!(fixture.last_seen(), moment);
    assert_eq!(fixture.presence.take_seen(Timestamp(fixture.at)), [], "that is for the other node to write");
    assert_eq!(fixture.last_seen(), moment, "it may not have done so yet");
    fixture.presence.take_seen(Timestamp(fixture.at + 10_000_000));
    assert_eq!(fixture.last_seen(), Value::Null, "the store knows it by now");

    let jerrys = fixture.jerry_comes().await;
    fixture.jerry_goes(&jerrys);
    let moment = fixture.moment();
    let now = Timestamp(fixture.at);
    assert_eq!(fixture.presence.take_seen(now), [(JERRY, now)]);
    assert_eq!(fixture.last_seen(), moment);
    assert_eq!(fixture.presence.take_seen(now), []);
}

/// Two nodes that lose a user at the same moment each believe that the other still has them.
#[tokio::test]
async fn a_user_who_leaves_two_nodes_at_once_is_written_down() {
    let mut fixture = Fixture::new().await;
    let jerrys = fixture.jerry_comes().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    fixture.jerry_goes(&jerrys);
    let left = Timestamp(fixture.at);
    fixture.jerry_is_said_to_be(NORTH, None);
    assert_eq!(fixture.presence.take_seen(left), [(JERRY, left)]);
}

#[tokio::test]
async fn a_user_who_is_invisible_at_another_node_leaves_no_trace_here() {
    let mut fixture = Fixture::new().await;
    let jerrys = fixture.jerry_comes().await;
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Invisible));
    let hidden_since = fixture.moment();
    fixture.jerry_goes(&jerrys);
    assert_eq!(fixture.presence.take_seen(Timestamp(fixture.at)), []);
    assert_eq!(fixture.last_seen(), hidden_since);
}

#[tokio::test]
async fn other_nodes_get_the_changes_that_concern_them() {
    let mut fixture = Fixture::new().await;
    let first = fixture.jerry_comes().await;
    assert_eq!(fixture.recorder.take(), [Received::Presence(JERRY, Some(PresenceStatus::Online))]);
    let second = fixture.jerry_comes().await;
    fixture.jerry_chooses(&second, PresenceStatus::Away);
    assert_eq!(fixture.recorder.take(), [], "the first client is still there");
    fixture.jerry_chooses(&first, PresenceStatus::Away);
    assert_eq!(fixture.recorder.take(), [Received::Presence(JERRY, Some(PresenceStatus::Away))]);
    fixture.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    assert_eq!(fixture.recorder.take(), [], "what others say is not said again");
    fixture.jerry_chooses(&second, PresenceStatus::Invisible);
    assert_eq!(fixture.presence.here(), [(JERRY, PresenceStatus::Invisible)]);
    fixture.jerry_goes(&second);
    fixture.jerry_goes(&first);
    let announced = [Some(PresenceStatus::Invisible), Some(PresenceStatus::Away), None];
    assert_eq!(fixture.recorder.take(), announced.map(|choice| Received::Presence(JERRY, choice)));
    assert_eq!(fixture.presence.here(), []);
}
