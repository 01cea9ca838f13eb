//! How a stream ends, on v1 and v2: what was requested is answered first, nothing follows the closing frame, and frames
//! that were not begun when access ended are not executed.

use serde_json::{Value, json};

use crate::support::raw_ws::{CLOSE, Frame, TEXT, masked};
use crate::support::{RawWs, Server, User, cluster};

/// Number of attempts for what happens in an instant.
const ROUNDS: usize = 25;

fn text(frame: &Value) -> Vec<u8> {
    masked(TEXT, frame.to_string().as_bytes())
}

fn goodbye() -> Vec<u8> {
    masked(CLOSE, &1000_u16.to_be_bytes())
}

/// Opens a v1 stream and reads its welcome.
async fn v1(server: &Server, user: &User) -> RawWs {
    let mut ws = RawWs::connect(server, &user.token).await;
    assert!(ws.frame().await.unwrap().text().contains("Welcome"));
    ws
}

/// Opens a v2 stream and reads its first frames.
async fn v2(server: &Server, user: &User) -> RawWs {
    let mut ws = RawWs::connect_v2(server, &user.token).await;
    for kind in ["hello", "live"] {
        assert!(ws.frame().await.unwrap().text().contains(kind));
    }
    ws
}

/// Frames in brief: the type or the text of a text frame, or the code of a closing frame. Pings are left out.
fn briefs(frames: &[Frame]) -> Vec<String> {
    let brief = |frame: &Frame| match frame.opcode {
        TEXT => {
            let frame: Value = serde_json::from_str(frame.text()).unwrap();
            let word = |name: &str| frame[name].as_str().map(str::to_owned);
            word("code").or_else(|| word("event")).or_else(|| word("content")).or_else(|| word("type"))
        }
        CLOSE => Some(frame.close_code().to_string()),
        _ => None,
    };
    frames.iter().filter_map(brief).collect()
}

/// As `printf ... | websocat` does. On a cluster, one's own message arrives through the relay, perhaps later.
#[tokio::test]
async fn who_writes_and_leaves_at_once_on_v1_hears_of_it_and_nothing_follows_the_end() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for _ in 0..ROUNDS {
        let mut ws = v1(&server, &tom).await;
        let choice = json!({"action": "set_recipient", "user_id": jerry.id});
        ws.send_bytes(&[text(&choice), masked(TEXT, b"cheese"), goodbye()].concat()).await;
        let got = briefs(&ws.rest().await);
        assert!(got == ["cheese", "1000"] || (cluster::is_wanted() && got == ["1000"]), "{got:?}");
    }
}

#[tokio::test]
async fn who_sends_and_leaves_at_once_on_v2_is_answered_and_nothing_follows_the_end() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let send = json!({"op": "send", "id": 1, "to_user": jerry.id, "content": "cheese"});
    // The first message of a conversation causes a conversation event too.
    tom.write(&jerry, "before").await;
    for round in 0..ROUNDS {
        let mut ws = v2(&server, &tom).await;
        let leaves = round % 2 == 0;
        ws.send_bytes(&[text(&send), if leaves { goodbye() } else { Vec::new() }].concat()).await;
        if !leaves {
            ws.end().await;
        }
        let mut got = briefs(&ws.rest().await);
        assert_eq!(got.pop_if(|last| last == "1000").is_some(), leaves, "the end comes last: {got:?}");
        got.sort_unstable();
        assert!(got == ["ack", "created"] || (cluster::is_wanted() && got == ["ack"]), "{got:?}");
    }
}

/// Many small frames in one packet, and then a logout: frames that were read before it but not begun are not executed,
/// and are answered as not executed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_begun_when_access_ended_is_not_done() {
    const FRAMES: usize = 300;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for is_v2 in [false, true] {
        let leaving = server.login("tom").await;
        let mut ws = if is_v2 { v2(&server, &leaving).await } else { v1(&server, &leaving).await };
        let frames = (0..FRAMES).flat_map(|id| {
            text(&match is_v2 {
                true => json!({"op": "send", "id": id, "to_user": jerry.id, "content": "x"}),
                false => json!({"type": "text", "recipient_id": jerry.id, "content": "x"}),
            })
        });
        let before = count(&tom, &jerry).await;
        ws.send_bytes(&frames.collect::<Vec<_>>()).await;
        leaving.post("/v1/users/logout", &json!({})).await.expect(200);
        // The node with the stream may be another one than the node that handled the logout.
        leaving.has_ended().await;
        let at_logout = count(&tom, &jerry).await;
        let mut frames = Vec::new();
        while frames.last().is_none_or(|frame: &Frame| frame.opcode != CLOSE) {
            frames.push(ws.frame().await.expect("a closing frame"));
        }
        let got = briefs(&frames);
        let stored = count(&tom, &jerry).await;
        // Frames that were begun are finished: one on v1, and on v2 the 64 that may be under way.
        let begun = if is_v2 { 64 } else { 1 };
        assert!(stored <= at_logout + begun, "v2: {is_v2}; {at_logout} at the logout, {stored} after it");
        assert_eq!(got.last().map(String::as_str), Some("4001"), "v2: {is_v2}");
        let n = |brief: &str| got.iter().filter(|it| *it == brief).count();
        if !cluster::is_wanted() {
            let heard = if is_v2 { n("ack") } else { n("x") };
            assert_eq!(
                (heard, heard + n("not_done")),
                (stored - before, FRAMES),
                "each has one answer; v2: {is_v2}"
            );
        }
    }
}

async fn count(tom: &User, jerry: &User) -> usize {
    tom.all_messages(&format!("/v1/messages/history/{}", jerry.id)).await.len()
}
