//! Presence over several nodes.

use serde_json::{Value, json};

use super::*;
use crate::hub::Hub;
use crate::hub::ReplayEnd;
use crate::hub::testing::{self, Client, Received, Witness};

const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);
const HERE: ConversationId = ConversationId(1);
const NORTH: NodeId = NodeId(11);
const SOUTH: NodeId = NodeId(12);
const ALL: [Option<PresenceStatus>; 4] =
    [None, Some(PresenceStatus::Invisible), Some(PresenceStatus::Online), Some(PresenceStatus::Away)];

/// Tom looks at Jerry.
struct House {
    hub: Hub,
    presence: Presence,
    witness: Arc<Witness>,
    connection: Arc<Connection>,
    toms: Client,
    at: i64,
}

impl House {
    async fn new() -> Self {
        let hub = testing::hub(1, None);
        let witness = Arc::new(Witness::default());
        let presence = Presence::new(Some(witness.clone()));
        let (connection, mut toms) = testing::connect(&hub, TOM, Protocol::V2).await;
        assert_eq!(connection.go_live(0, Some(marker())), ReplayEnd::Live);
        connection.flush();
        assert_eq!(toms.frame().await["type"], "live");
        presence.look(&connection, &[(HERE, JERRY, None)], 0).unwrap();
        Self { hub, presence, witness, connection, toms, at: 0 }
    }

    /// A later moment each time.
    fn now(&mut self) -> Timestamp {
        self.at += 1_000_000;
        Timestamp(self.at)
    }

    async fn jerry_comes(&mut self) -> Arc<Connection> {
        let (connection, _) = testing::connect(&self.hub, JERRY, Protocol::V2).await;
        let now = self.now();
        self.presence.came(&connection, now);
        connection
    }

    fn jerry_chooses(&mut self, connection: &Connection, choice: PresenceStatus) {
        let now = self.now();
        self.presence.choose(connection, choice, now);
    }

    fn jerry_goes(&mut self, connection: &Connection) {
        let now = self.now();
        self.presence.went(connection, now);
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

    /// What Tom is told next.
    async fn told(&mut self, status: &str) -> Value {
        let frame = self.toms.frame().await;
        assert_eq!(json!([frame["user_id"], frame["status"]]), json!([JERRY.0, status]), "{frame}");
        frame["last_seen"].clone()
    }

    /// Tom is told nothing that was not asked for by now.
    async fn told_nothing(&mut self) {
        assert_eq!(self.connection.push(marker(), None), Flush::Due);
        self.connection.flush();
        assert_eq!(self.toms.frame().await["type"], "live");
    }

    /// The moment that `now` gave last.
    fn moment(&self) -> Value {
        serde_json::to_value(chat_wire::time(Timestamp(self.at))).unwrap()
    }
}

/// A frame that is no presence.
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
                let mut house = House::new().await;
                let connection = house.jerry_comes().await;
                match here {
                    Some(choice) => house.jerry_chooses(&connection, choice),
                    None => house.jerry_goes(&connection),
                }
                house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
                house.jerry_is_said_to_be(NORTH, north);
                house.jerry_is_said_to_be(SOUTH, south);
                assert_eq!(house.status(), expected(&[here, north, south]), "{here:?} {north:?} {south:?}");
            }
        }
    }
}

#[tokio::test]
async fn who_looks_is_told_of_changes_elsewhere_that_show_and_of_no_others() {
    let mut house = House::new().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Away));
    house.told("away").await;
    house.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Away));
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Away));
    house.jerry_is_said_to_be(NORTH, None);
    house.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Online));
    house.told("online").await;
    let jerrys = house.jerry_comes().await;
    house.jerry_is_said_to_be(SOUTH, None);
    house.jerry_chooses(&jerrys, PresenceStatus::Away);
    house.told("away").await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Invisible));
    assert_eq!(house.told("offline").await, house.moment());
    house.jerry_chooses(&jerrys, PresenceStatus::Online);
    house.jerry_goes(&jerrys);
    house.told_nothing().await;
    house.jerry_is_said_to_be(NORTH, None);
    house.told_nothing().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    house.told("online").await;
    house.told_nothing().await;
}

#[tokio::test]
async fn whoever_was_at_a_lost_node_alone_is_gone() {
    let mut house = House::new().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    house.jerry_is_said_to_be(SOUTH, Some(PresenceStatus::Away));
    house.told("online").await;
    house.is_lost(NORTH);
    house.told("away").await;
    house.is_lost(NORTH);
    house.is_lost(SOUTH);
    assert_eq!(house.told("offline").await, house.moment());
    assert_eq!(house.last_seen(), house.moment());
    house.is_lost(SOUTH);
    house.told_nothing().await;
}

#[tokio::test]
async fn many_users_of_a_node_are_taken_in_and_let_go_of() {
    let house = House::new().await;
    let users: Vec<_> = (10..2000).map(|id| (UserId(id), Some(PresenceStatus::Online))).collect();
    house.presence.there(NORTH, &users, Timestamp(1));
    let asked: Vec<_> = users.iter().map(|(user, _)| (*user, None)).collect();
    assert!(house.presence.of(&asked).iter().all(|seen| seen.status == "online"));
    assert_eq!(house.presence.here(), [], "those are not here");
    house.presence.lost(NORTH, Timestamp(2));
    assert!(house.presence.of(&asked).iter().all(|seen| seen.status == "offline"));
}

#[tokio::test]
async fn each_node_writes_down_its_own_users_and_remembers_the_others_for_a_while() {
    let mut house = House::new().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    house.jerry_is_said_to_be(NORTH, None);
    let moment = house.moment();
    assert_eq!(house.last_seen(), moment);
    assert_eq!(house.presence.take_seen(Timestamp(house.at)), [], "that is for the other node to write");
    assert_eq!(house.last_seen(), moment, "it may not have done so yet");
    house.presence.take_seen(Timestamp(house.at + 10_000_000));
    assert_eq!(house.last_seen(), Value::Null, "the store knows it by now");

    let jerrys = house.jerry_comes().await;
    house.jerry_goes(&jerrys);
    let moment = house.moment();
    let now = Timestamp(house.at);
    assert_eq!(house.presence.take_seen(now), [(JERRY, now)]);
    assert_eq!(house.last_seen(), moment);
    assert_eq!(house.presence.take_seen(now), []);
}

/// Two nodes that lose a user at the same moment each believe that the other still has them.
#[tokio::test]
async fn a_user_who_leaves_two_nodes_at_once_is_written_down() {
    let mut house = House::new().await;
    let jerrys = house.jerry_comes().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    house.jerry_goes(&jerrys);
    let left = Timestamp(house.at);
    house.jerry_is_said_to_be(NORTH, None);
    assert_eq!(house.presence.take_seen(left), [(JERRY, left)]);
}

#[tokio::test]
async fn whoever_is_invisible_at_another_node_leaves_no_trace_here() {
    let mut house = House::new().await;
    let jerrys = house.jerry_comes().await;
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Invisible));
    let hidden_since = house.moment();
    house.jerry_goes(&jerrys);
    assert_eq!(house.presence.take_seen(Timestamp(house.at)), []);
    assert_eq!(house.last_seen(), hidden_since);
}

#[tokio::test]
async fn other_nodes_are_told_of_what_changes_for_them() {
    let mut house = House::new().await;
    let first = house.jerry_comes().await;
    assert_eq!(house.witness.take(), [Received::Presence(JERRY, Some(PresenceStatus::Online))]);
    let second = house.jerry_comes().await;
    house.jerry_chooses(&second, PresenceStatus::Away);
    assert_eq!(house.witness.take(), [], "the first client is still there");
    house.jerry_chooses(&first, PresenceStatus::Away);
    assert_eq!(house.witness.take(), [Received::Presence(JERRY, Some(PresenceStatus::Away))]);
    house.jerry_is_said_to_be(NORTH, Some(PresenceStatus::Online));
    assert_eq!(house.witness.take(), [], "what others say is not said again");
    house.jerry_chooses(&second, PresenceStatus::Invisible);
    assert_eq!(house.presence.here(), [(JERRY, PresenceStatus::Invisible)]);
    house.jerry_goes(&second);
    house.jerry_goes(&first);
    let told = [Some(PresenceStatus::Invisible), Some(PresenceStatus::Away), None];
    assert_eq!(house.witness.take(), told.map(|choice| Received::Presence(JERRY, choice)));
    assert_eq!(house.presence.here(), []);
}
