//! A database of the previous release: all users can log in, all messages are there, old keys are known and old cursors
//! served.
//!
//! The file was made by that release and dumped as SQL. Its history: Tom and Jerry wrote to each other and, with Spike,
//! in the group *Cheese*, most of it under keys; then, after `CURSOR`, a message was deleted, one grew, Spike was
//! removed, and Jerry left a draft.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::people::{p2p, to_group};
use crate::support::{Server, Setup, Stream};

const FILE: &str = include_str!("../fixtures/before_open_ground.sql");
const CURSOR: &str = "da2d5d7f-17";
const GROUP: i64 = 1;
const DIRECT: i64 = 1;

fn upgraded() -> Server {
    let setup = Setup::new();
    Connection::open(setup.database()).unwrap().execute_batch(FILE).unwrap();
    setup.start()
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_database_of_the_release_before_has_everything_it_had() {
    let server = upgraded();
    let copies = std::fs::read_dir(server.setup.path("")).unwrap();
    let names: Vec<_> = copies.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("chatserver.db.backup-")), "{names:?}");
    let (tom, jerry) = server.tom_and_jerry().await;
    let direct = tom.history(&jerry).await;
    let wanted = ["Is there cheese?", "In the kitchen!", "Look", "Yes", "Grr", "", "Once upon"];
    assert_eq!(contents(&direct), wanted);
    let group = tom.messages(&format!("/v1/groups/{GROUP}/messages")).await;
    assert_eq!(contents(&group), ["Plans", "Below", "Grr", "Without Spike"]);
    assert_eq!(direct[0]["reactions"], json!([{"emoji": "+1", "count": 1, "me": false}]));
    assert_eq!(
        (&direct[2]["media"][0]["name"], &direct[2]["custom"]),
        (&json!("Käse.png"), &json!({"a": [1, 2.5]}))
    );
    assert_eq!(
        (&direct[3]["quote"]["content"], &direct[4]["forwarded_from"]["sender_id"]),
        (&json!("Is there cheese?"), &json!(3))
    );
    assert_eq!(direct[6]["streaming"], "finished");
    let versions = tom.get(&format!("/v1/messages/{}/versions", direct[1]["id"])).await.expect(200);
    assert!(
        versions.to_string().contains("In the kichen") && versions.to_string().contains("In the kitchen\"")
    );
    assert_eq!(jerry.conversation(&json!(DIRECT)).await["draft"], "Dear Tom");
}

#[tokio::test]
async fn keys_from_before_the_upgrade_stand_for_what_they_stood_for() {
    let server = upgraded();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.login("Spike").await;
    let media = json!([{"url": "https://example.com/a.png", "name": "Käse.png", "width": 7}]);
    let again = [
        (&tom, p2p(2), json!({"content": "Is there cheese?", "client_msg_id": "first"}), 1),
        (&tom, p2p(2), json!({"content": "In the kichen", "client_msg_id": "edited"}), 2),
        (
            &jerry,
            p2p(1),
            json!({"content": "Look", "media": media, "custom": {"a": [1, 2.5]}, "client_msg_id": "picture"}),
            3,
        ),
        (&jerry, p2p(1), json!({"content": "Yes", "reply_to": 1, "client_msg_id": "reply"}), 4),
        (&tom, to_group(GROUP), json!({"content": "Plans", "mentions": [2], "client_msg_id": "root"}), 5),
        (&tom, p2p(2), json!({"content": "A secret", "client_msg_id": "gone"}), 9),
        (&tom, p2p(2), json!({"content": "Once", "streaming": true, "client_msg_id": "grown"}), 10),
        (&spike, to_group(GROUP), json!({"content": "Grr", "client_msg_id": "spikes"}), 7),
        (&jerry, "/v1/messages/7/forward".into(), json!({"to_user": 1, "client_msg_id": "forward"}), 8),
    ];
    for (user, path, body, id) in again {
        let answer = user.post(&path, &body).await.expect(201);
        assert_eq!((&answer["id"], &answer["duplicate"]), (&json!(id), &json!(true)), "{body}");
        let mut elsewhere = body.clone();
        elsewhere["to_user"] = json!(spike.id);
        let path = if path.ends_with("forward") { path } else { p2p(spike.id + 1) };
        user.post(&path, &elsewhere).await.refused(409, "key_reused");
    }
    let other = json!({"content": "Is there milk?", "client_msg_id": "first"});
    tom.post(&p2p(2), &other).await.refused(409, "key_reused");
    assert_eq!(tom.history(&jerry).await.len(), 7, "nothing was sent");
}

#[tokio::test]
async fn cursors_from_before_the_upgrade_are_served() {
    let server = upgraded();
    let tom = server.login("tom").await;
    let spike = server.login("Spike").await;
    let (_, missed) = Stream::resume(&server, &tom, CURSOR).await;
    let received: Vec<_> = missed.iter().filter(|frame| frame["type"] == "message").collect();
    let received: Vec<_> =
        received.iter().map(|frame| frame["message"]["content"].as_str().unwrap()).collect();
    assert_eq!(received, ["", "Once upon", "Without Spike"]);
    let left = async || {
        let (_, missed) = Stream::resume(&server, &spike, CURSOR).await;
        let [only] = &missed[..] else { panic!("{missed:?}") };
        only["conversation"].clone()
    };
    let before = left().await;
    assert_eq!((&before["group_id"], &before["name"]), (&json!(GROUP), &json!("")));
    tom.write_group(GROUP, "what Spike is not to hear of").await;
    assert_eq!(left().await["rev"], before["rev"]);
}
