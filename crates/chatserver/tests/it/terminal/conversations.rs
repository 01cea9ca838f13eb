//! Features of a conversation besides its messages: threads, drafts, and marking it as unread.

use serde_json::json;

use super::full_screen::chat;
use super::tmux::TmuxServer;
use crate::support::people::p2p;
use crate::support::{Server, eventually};

#[tokio::test]
async fn a_thread_is_a_place_of_its_own() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = server.tom_and_jerry().await;
    let root =
        tom.post(&p2p(jerry.id), &json!({ "content": "Is there cheese?" })).await.expect(201)["id"].clone();
    tom.post(&p2p(jerry.id), &json!({ "content": "Anybody?" })).await.expect(201);
    let screen = chat(&tmux, &server, "jerry", "tom");
    screen.shows("Anybody?");
    screen.presses("Up");
    screen.presses("Up");
    screen.types("t");
    screen.shows("0 replies");
    screen.says("There is.");
    screen.shows("1 reply");
    screen.waits_until("the root, the reply and nothing else", |shown| {
        let rows = || shown.lines().filter_map(|row| row.split('│').nth(1));
        rows().any(|row| row.contains("There is.") && row.contains('✓'))
            && !rows().any(|row| row.contains("Anybody?"))
    });
    tom.post(&p2p(jerry.id), &json!({ "content": "Show me", "thread_id": root })).await.expect(201);
    screen.shows("Show me");
    let path = format!("/v1/messages/{root}/thread");
    let user = server.login("jerry").await;
    eventually(20, "the thread has been read", async || user.get(&path).await.json()["read_seq"] == 4).await;
    screen.presses("Escape");
    screen.shows("└ 2 replies");
    assert_eq!(screen.count("Anybody?"), 1);
}

#[tokio::test]
async fn what_is_begun_is_on_all_devices_until_it_is_sent() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = jerry.post(&p2p(tom.id), &json!({ "content": "Hungry?" })).await.expect(201);
    let conversation = format!("/v1/conversations/{}", sent["conversation_id"]);
    let state = format!("{conversation}/state");
    let draft = async || tom.get(&conversation).await.expect(200)["draft"].clone();
    tom.patch(&state, &json!({ "draft": "begun elsewhere" })).await.expect(200);
    let screen = chat(&tmux, &server, "tom", "jerry");
    screen.shows("› begun elsewhere");
    screen.types(", ended here");
    eventually(20, "the server has it", async || draft().await == "begun elsewhere, ended here").await;
    screen.presses("Enter");
    eventually(20, "it is a draft no longer", async || draft().await.is_null()).await;
    screen.waits_until("ticks", |shown| shown.contains("ended here") && shown.contains('✓'));
    tom.patch(&state, &json!({ "draft": "and more" })).await.expect(200);
    screen.shows("› and more");
    // A draft is found again after leaving in the middle of a sentence.
    screen.types(" of it");
    screen.presses("C-c");
    screen.shows("status=0");
    assert_eq!(draft().await, "and more of it");
}

#[tokio::test]
async fn a_conversation_is_marked_as_unread_and_stays_so_before_ones_eyes() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = jerry.post(&p2p(tom.id), &json!({ "content": "Later?" })).await.expect(201);
    let conversation = format!("/v1/conversations/{}", sent["conversation_id"]);
    let marked = async || tom.get(&conversation).await.expect(200)["marked_unread"] == true;
    let screen = chat(&tmux, &server, "tom", "jerry");
    eventually(20, "it was read", async || tom.get(&conversation).await.expect(200)["read_seq"] == 1).await;
    screen.presses("Tab");
    screen.shows("u unread");
    screen.types("u");
    screen.shows("•");
    assert!(marked().await);
    screen.presses("Tab");
    screen.shows("Tab list");
    screen.shows("•");
    assert!(marked().await);
    screen.presses("Tab");
    screen.presses("Enter");
    screen.shows_no_more("•");
    eventually(20, "it is read again", async || !marked().await).await;
}
