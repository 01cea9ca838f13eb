//! The hub as a whole: shards, connections over real sockets, and announcements to other nodes.

use std::time::Duration;

use chat_core::access::Revoked;
use chat_core::conversations::{Conversation, ConversationKind, OwnPart};
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq};
use chat_core::messages::Recipient;
use chat_core::time::Timestamp;
use serde_json::{Value, json};

use super::testing::{self, Client, Got, Received, Recorder, message, publish};
use super::*;

const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);
/// Of three shards, the last one has this user's connections.
const TOM_OF_THE_THIRD: UserId = UserId(5);
const CHEESE: ConversationId = ConversationId(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn hub(shards: usize) -> Hub {
    testing::hub(shards, None)
}

fn reading(position: i64, conversations: &[ConversationId]) -> Memberships {
    Memberships { conversations: conversations.to_vec(), position: Position(position) }
}

/// A client whose replay has not ended.
async fn attached(hub: &Hub, user: UserId, protocol: Protocol) -> (Arc<Connection>, Client) {
    let (connection, client) = testing::connect(hub, user, protocol).await;
    hub.attach(connection.clone()).await;
    hub.joined(connection.clone(), reading(0, &[])).await;
    (connection, client)
}

fn go_live(connection: &Connection, given: i64) {
    assert_eq!(connection.go_live(given, None), ReplayEnd::Live);
    connection.flush();
}

fn saved(position: i64) -> Event {
    let change = Change::MessageSaved { user: TOM, message: MessageId(position), saved: true };
    Event { position: Position(position), change }
}

fn to_tom(position: i64) -> Event {
    message(position, JERRY, Recipient::User(TOM))
}

fn in_cheese(position: i64) -> Event {
    message(position, JERRY, Recipient::Group(GroupId(1)))
}

fn membership(position: i64, user: UserId, is_member: bool) -> Event {
    let kind = ConversationKind::Group { id: GroupId(1), name: "Cheese".into(), owner: JERRY };
    let (rev, last_seq, created_at) = (Rev(1), Seq(0), Timestamp(0));
    let conversation = Conversation { id: CHEESE, kind, rev, last_seq, n_members: 2, created_at };
    let change = if is_member {
        Change::MemberChanged { conversation, user, own: OwnPart::default() }
    } else {
        Change::MemberRemoved { conversation, user }
    };
    Event { position: Position(position), change }
}

/// Positions of the next frames, up to and including `last`.
async fn positions(client: &mut Client, protocol: Protocol, last: i64) -> Vec<i64> {
    let mut positions = Vec::new();
    while positions.last() != Some(&last) {
        let frame = client.frame().await;
        positions.push(match protocol {
            Protocol::V1 => frame["ID"].as_i64().unwrap(),
            Protocol::V2 => position(&frame),
        });
    }
    positions
}

fn position(frame: &Value) -> i64 {
    frame["cursor"].as_str().unwrap().split_once('-').unwrap().1.parse().unwrap()
}

/// With a relay, an event may reach the hub long after a connection has read the log beyond it.
#[tokio::test]
async fn what_the_log_has_given_is_not_repeated_however_late_the_hub_gets_it() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let hub = hub(2);
        let (connection, mut client) = attached(&hub, TOM, protocol).await;
        publish(&hub, vec![to_tom(8)]).await;
        go_live(&connection, 10);
        publish(&hub, vec![to_tom(9)]).await;
        publish(&hub, vec![to_tom(10), to_tom(11)]).await;
        publish(&hub, vec![to_tom(12)]).await;
        assert_eq!(positions(&mut client, protocol, 12).await, [11, 12], "{protocol:?}");
    }
}

#[tokio::test]
async fn what_was_held_back_comes_once_and_in_order_with_what_comes_late() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let hub = hub(1);
        let (connection, mut client) = attached(&hub, TOM, protocol).await;
        publish(&hub, vec![to_tom(5), to_tom(6)]).await;
        publish(&hub, vec![to_tom(7)]).await;
        // A frame that is held back cannot be observed. But once the shard has handled this later command, it has
        // handled the earlier ones.
        let (_, mut other) = attached_live(&hub, JERRY).await;
        publish(&hub, vec![message(8, TOM, Recipient::User(JERRY))]).await;
        other.frame().await;
        go_live(&connection, 6);
        publish(&hub, vec![to_tom(9)]).await;
        assert_eq!(positions(&mut client, protocol, 9).await, [7, 8, 9], "{protocol:?}");
    }
}

async fn attached_live(hub: &Hub, user: UserId) -> (Arc<Connection>, Client) {
    let (connection, client) = attached(hub, user, Protocol::V2).await;
    go_live(&connection, 0);
    (connection, client)
}

/// The v1 backlog omits a user's own messages from before the connection. So they must not arrive just because the hub
/// is behind either.
#[tokio::test]
async fn a_users_own_earlier_message_is_not_repeated_when_the_hub_is_behind() {
    let hub = hub(1);
    let (connection, mut client) = attached(&hub, TOM, Protocol::V1).await;
    go_live(&connection, 10);
    publish(&hub, vec![message(10, TOM, Recipient::User(JERRY))]).await;
    publish(&hub, vec![message(11, TOM, Recipient::User(JERRY))]).await;
    assert_eq!(positions(&mut client, Protocol::V1, 11).await, [11]);
}

#[tokio::test]
async fn changes_without_a_v1_frame_move_nothing_on_v1() {
    let hub = hub(1);
    let (connection, mut client) = attached(&hub, TOM, Protocol::V1).await;
    go_live(&connection, 10);
    publish(&hub, vec![saved(11), to_tom(12)]).await;
    assert_eq!(positions(&mut client, Protocol::V1, 12).await, [12]);
}

/// A reading may be ahead of the hub: late events lead to the same state.
#[tokio::test]
async fn a_member_who_was_removed_and_added_again_before_the_hub_gets_it_stays() {
    let hub = hub(1);
    let (connection, mut client) = testing::connect(&hub, TOM, Protocol::V2).await;
    hub.attach(connection.clone()).await;
    hub.joined(connection.clone(), reading(10, &[CHEESE])).await;
    go_live(&connection, 10);
    let late = vec![membership(8, TOM, false), membership(9, TOM, true)];
    publish(&hub, late).await;
    publish(&hub, vec![in_cheese(11)]).await;
    assert_eq!(positions(&mut client, Protocol::V2, 11).await, [11]);
}

fn delay_ms(reason: &str) -> u64 {
    let digits = reason.split_once("reconnect in ").unwrap().1.strip_suffix(" ms").unwrap();
    digits.parse().unwrap()
}

/// The code and reason with which a connection is closed, written as a session would.
async fn closed(connection: &Connection, client: &mut Client) -> (u16, String) {
    while connection.woken().await.unwrap() != Woken::Closing {
        let _ = connection.try_read(&mut [0]);
    }
    connection.write_close_frame().await;
    match client.next().await {
        Got::Closed(code, reason) => (code, reason),
        other => panic!("{other:?}"),
    }
}

async fn all_clients_resume(hub: &Hub) {
    let hub = hub.clone();
    tokio::task::spawn_blocking(move || hub.all_clients_resume()).await.unwrap();
}

#[tokio::test]
async fn everybody_resumes_soon_and_not_all_at_once() {
    let hub = hub(2);
    let mut clients = Vec::new();
    for number in 1..=20 {
        clients.push(attached_live(&hub, UserId(number)).await);
    }
    all_clients_resume(&hub).await;
    let mut delays = Vec::new();
    for (connection, client) in &mut clients {
        let (code, reason) = closed(connection, client).await;
        assert_eq!(code, 1012);
        delays.push(delay_ms(&reason));
    }
    assert!(delays.iter().all(|delay| (100..1_100).contains(delay)), "{delays:?}");
    let (soonest, latest) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(latest - soonest > 300, "{delays:?}");
    tokio::time::timeout(std::time::Duration::from_secs(20), hub.missed()).await.unwrap();
}

#[tokio::test]
async fn after_everybody_was_asked_to_resume_they_get_nothing_more_and_cursors_are_of_the_new_epoch() {
    let hub = hub(2);
    let (connection, mut client) = attached_live(&hub, TOM).await;
    publish(&hub, vec![to_tom(1)]).await;
    assert_eq!(client.frame().await["cursor"], json!("00000001-1"));
    all_clients_resume(&hub).await;
    assert!(connection.is_closing(), "before that returns");
    hub.set_epoch(Epoch(8));
    let (_again, mut client) = attached_live(&hub, TOM).await;
    publish(&hub, vec![to_tom(1)]).await;
    assert_eq!(client.frame().await["cursor"], json!("00000008-1"));
}

/// The shards run their commands one by one, and a client may be back before the last shard has its command.
#[tokio::test]
async fn a_client_that_comes_back_while_the_log_turns_is_not_closed_by_the_turn() {
    let (mut hub, mut inboxes) = (hub(1), Vec::new());
    let with_inbox = |_| {
        let (commands, inbox) = mpsc::channel(2);
        inboxes.push(inbox);
        commands
    };
    hub.shards = (0..3).map(with_inbox).collect();
    // Nothing takes commands yet, and the second shard has no room for one: closing stops between the first and the
    // third.
    for _ in 0..2 {
        hub.shards[1].try_send(Command::Answer(oneshot::channel().0)).unwrap();
    }
    let turning = tokio::spawn({
        let hub = hub.clone();
        async move { all_clients_resume(&hub).await }
    });
    let first_dismissed = inboxes[0].recv().await;
    assert!(matches!(first_dismissed, Some(Command::CloseAll(CloseReason::Missed))));
    let (connection, mut client) = testing::connect(&hub, TOM_OF_THE_THIRD, Protocol::V2).await;
    let mut attaching = std::pin::pin!(hub.attach(connection.clone()));
    let is_attached = futures_util::future::poll_immediate(attaching.as_mut()).await.is_some();

    for inbox in inboxes {
        tokio::spawn(shard::Shard::new(hub.state.metrics.clone(), hub.clock.clone()).run(inbox));
    }
    if !is_attached {
        tokio::time::timeout(PATIENCE, attaching).await.expect("it attaches once all shards are dismissed");
    }
    tokio::time::timeout(PATIENCE, turning).await.expect("the turn ends").unwrap();
    assert!(!connection.is_closing(), "it came after the first client was closed");
    hub.set_epoch(Epoch(8));
    hub.joined(connection.clone(), reading(0, &[])).await;
    go_live(&connection, 0);
    publish(&hub, vec![message(1, JERRY, Recipient::User(TOM_OF_THE_THIRD))]).await;
    assert_eq!(client.frame().await["cursor"], json!("00000008-1"));
}

/// A client that reconnects is served before its closed connection has ended.
#[tokio::test]
async fn what_was_known_of_groups_counts_no_more_once_events_were_missed() {
    let hub = hub(1);
    let (before, mut gone) = testing::connect(&hub, TOM, Protocol::V2).await;
    hub.attach(before.clone()).await;
    hub.joined(before.clone(), reading(5, &[CHEESE])).await;
    go_live(&before, 5);
    all_clients_resume(&hub).await;
    let (again, mut client) = testing::connect(&hub, TOM, Protocol::V2).await;
    hub.attach(again.clone()).await;
    hub.joined(again.clone(), reading(20, &[])).await;
    go_live(&again, 20);
    publish(&hub, vec![in_cheese(21), to_tom(22)]).await;
    assert_eq!(positions(&mut client, Protocol::V2, 22).await, [22]);
    assert_eq!(closed(&before, &mut gone).await.0, 1012);
    hub.detach(before).await;
    publish(&hub, vec![to_tom(23)]).await;
    assert_eq!(positions(&mut client, Protocol::V2, 23).await, [23]);
}

#[tokio::test]
async fn streams_with_revoked_tokens_end() {
    let hub = hub(2);
    let (connection, mut toms) = attached_live(&hub, TOM).await;
    let (_jerrys, mut jerrys) = attached_live(&hub, JERRY).await;
    let ended = |user, second| Ended { user, which: Revoked::IssuedBefore(second) };
    hub.end_access(vec![ended(TOM, 101), ended(JERRY, 100)]).await;
    assert_eq!(closed(&connection, &mut toms).await.0, 4001);
    publish(&hub, vec![message(1, TOM, Recipient::User(JERRY))]).await;
    assert_eq!(jerrys.frame().await["message"]["content"], json!("1"));
}

#[tokio::test]
async fn local_users_are_announced_before_the_log_can_be_read() {
    let recorder = Arc::new(Recorder::default());
    let hub = testing::hub(4, Some(recorder.clone()));
    let mut connections = Vec::new();
    for number in 1..=8 {
        let (connection, _client) = testing::connect(&hub, UserId(number), Protocol::V2).await;
        hub.attach(connection.clone()).await;
        assert_eq!(recorder.take(), [Received::User(UserId(number), true)]);
        hub.joined(connection.clone(), reading(1, &[CHEESE])).await;
        let first = number == 1;
        assert_eq!(recorder.take(), first.then_some(Received::Group(CHEESE, true)).as_slice());
        connections.push(connection);
    }
    while let Some(connection) = connections.pop() {
        hub.detach(connection.clone()).await;
        let last = connections.is_empty().then_some(Received::Group(CHEESE, false));
        let gone = Received::User(connection.user(), false);
        assert_eq!(recorder.take(), last.into_iter().chain([gone]).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn the_interest_that_an_event_brings_is_announced_before_the_next_event_is_published() {
    let recorder = Arc::new(Recorder::default());
    let hub = testing::hub(4, Some(recorder.clone()));
    let (_connection, _client) = attached_live(&hub, TOM).await;
    assert_eq!(recorder.take(), [Received::User(TOM, true)]);
    publish(&hub, vec![membership(1, JERRY, true), membership(2, TOM, true)]).await;
    assert_eq!(recorder.take(), [Received::Group(CHEESE, true)]);
    publish(&hub, vec![membership(3, JERRY, false)]).await;
    assert_eq!(recorder.take(), []);
    publish(&hub, vec![membership(4, TOM, false)]).await;
    assert_eq!(recorder.take(), [Received::Group(CHEESE, false)]);
}

/// Keeps a paused clock from moving by itself while nothing can run, until the guard is dropped.
fn hold_clock() -> std::sync::mpsc::Sender<()> {
    let (guard, dropped) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || dropped.recv());
    guard
}

/// Frames that wait together cost one system call for each client instead of one each.
#[tokio::test(start_paused = true)]
async fn after_writing_to_many_a_shard_collects_for_a_moment() {
    let _held = hold_clock();
    let hub = hub(1);
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(attached_live(&hub, TOM).await);
    }
    publish(&hub, vec![to_tom(1)]).await;
    for (_, client) in &mut clients {
        assert_eq!(position(&client.frame().await), 1);
    }
    for later in [2, 3] {
        publish(&hub, vec![to_tom(later)]).await;
    }
    hub.caught_up(TOM).await;
    for (connection, client) in &mut clients {
        assert_eq!(connection.last_queued(), 3);
        assert!(!client.has_more(), "it was written at once");
    }
    tokio::time::advance(Duration::from_millis(1)).await;
    for (_, client) in &mut clients {
        assert_eq!([position(&client.frame().await), position(&client.frame().await)], [2, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_writing_to_a_few_a_shard_writes_at_once() {
    let _held = hold_clock();
    let hub = hub(1);
    let (_connection, mut client) = attached_live(&hub, TOM).await;
    let begun = tokio::time::Instant::now();
    for number in 1..=3 {
        publish(&hub, vec![to_tom(number)]).await;
        assert_eq!(position(&client.frame().await), number);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
