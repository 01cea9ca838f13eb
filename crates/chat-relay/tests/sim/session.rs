//! A node's side of one client's connection: attaches, sends what the client missed, goes live, serves.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::client::ToNode;
use crate::database::Write;
use crate::hub::{Connection, ToClient, frame};
use crate::net::{Frames, Out, json};
use crate::node::{Core, Node};
use crate::store::{Answer, Ask};

const SEND_WITHIN: Duration = Duration::from_millis(500);

pub(crate) async fn run(node: Node, out: Out, mut frames: Frames) {
    let Some(ToNode::Hello { user, cursor }) = frames.value().await else { return };
    let connection = Connection::new(user, out.clone());
    let closing = connection.closing.clone();
    let id = node.core.borrow_mut().attach(connection);
    node.core.borrow().note(format_args!("is resumed by client {user} from {cursor}"));
    node.wake.notify_one();
    let serve = async {
        if open(&node, id, user, cursor, &out).await.is_some() {
            serve(&node, user, &out, &mut frames).await;
        }
    };
    tokio::select! {
        biased;
        () = closing.notified() => {}
        () = serve => {}
    }
    node.core.borrow().note(format_args!("has lost client {user}"));
    node.core.borrow_mut().detach(id);
    node.wake.notify_one();
}

/// Sends the client what it missed. Returns `None` if the connection has to end.
async fn open(node: &Node, id: u64, user: i64, cursor: i64, out: &Out) -> Option<()> {
    let Some(Answer::Memberships(groups)) = node.reader.ask(Ask::Memberships { user }).await else {
        return None;
    };
    node.core.borrow_mut().joined(id, groups);
    let Some(Answer::End(end)) = node.reader.ask(Ask::End).await else { return None };
    if cursor == end && go_live(&node.core, id, end, out) {
        return Some(());
    }
    let mut after = cursor;
    loop {
        let ask = Ask::Changes { user, after };
        let Some(Answer::Changes { positions, up_to, complete }) = node.reader.ask(ask).await else {
            return None;
        };
        for position in positions {
            let event = node.core.borrow().database().borrow().event(position);
            if let Some(frame) = frame(&event) {
                timeout(SEND_WITHIN, out.send(frame)).await.ok()?.ok()?;
            }
        }
        after = up_to;
        if complete && go_live(&node.core, id, after, out) {
            return Some(());
        }
    }
}

fn go_live(core: &Rc<RefCell<Core>>, id: u64, up_to: i64, out: &Out) -> bool {
    let mut core = core.borrow_mut();
    let Some(connection) = core.hub.connections.get_mut(&id) else { return false };
    // Sent before the frames that were held back, since `up_to` does not include them.
    let _ = out.try_send(json(&ToClient::Live { up_to }));
    connection.go_live(up_to)
}

async fn serve(node: &Node, user: i64, out: &Out, frames: &mut Frames) {
    while let Some(said) = frames.value::<ToNode>().await {
        let (write, answer) = match said {
            ToNode::Hello { .. } => return,
            ToNode::Send { key, conversation } => {
                (Write::Post { user, key, conversation }, Some(ToClient::Ack { key }))
            }
            ToNode::Join { conversation } => (Write::Join { user, conversation }, Some(ToClient::Joined)),
            ToNode::Delivered { conversation, seq } => (Write::Delivered { user, conversation, seq }, None),
        };
        let (waiting, done) = oneshot::channel();
        let is_taken = node.jobs.try_send((write, waiting)).is_ok();
        let out = out.clone();
        tokio::task::spawn_local(async move {
            let is_committed = is_taken && done.await == Ok(true);
            let Some(answer) = answer else { return };
            let answer = if is_committed { answer } else { ToClient::Refused };
            // A client that misses the answer sends its request again.
            let _ = out.try_send(json(&answer));
        });
    }
}
