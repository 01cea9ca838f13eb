//! Checks whether a server allows publishing and subscribing to everything, and knows when the check is complete. A
//! server handles the messages of one connection in order and refuses at once what is not allowed; so when it answers
//! the last message, no more refusals will come. It certainly answers a message without subscribers that has a reply
//! subject: the reply says that there are none. (The server does not send us our own messages, and the client hides the
//! answers to pings.)

use std::collections::BTreeSet;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use chat_relay::Subject;
use futures_util::StreamExt;
use futures_util::stream::SelectAll;

use crate::refusal::{Action, Refusal};

/// Answers to wait for. The client passes refusals on in another task than messages (`thread.rs`). By the time it sends
/// what was published after the first answer, that task has run; so the second answer comes after every refusal that
/// preceded the first.
const ROUNDS: u32 = 2;

/// A permission check on one connection.
pub(crate) struct PermissionCheck {
    client: Client,
    /// Subscribing to these is part of the check. Each connection has its own, so that an answer over an earlier
    /// connection is not taken for one over this.
    replies: SelectAll<Subscriber>,
    /// The subject without subscribers, published to last.
    unheard: String,
    /// Reply subject of `unheard`.
    to_unheard: String,
    /// Reply subject for the announcements of nodes: a reply says that no other node is subscribed to them.
    to_node: String,
    is_alone: bool,
    n_answers: u32,
}

impl PermissionCheck {
    /// Publishes an empty message, which nodes ignore, on every kind of subject, so that the server refuses those that
    /// are not allowed. The client has already subscribed to what every node needs. `again` are subjects that were
    /// refused before.
    pub(crate) async fn begin(client: Client, name: impl Fn(Subject) -> String, again: &[Refusal]) -> Self {
        let [to_unheard, to_node] = Subject::OF_NOBODY.map(&name);
        let mut replies = SelectAll::new();
        for subject in [&to_unheard, &to_node] {
            replies.extend(listen(&client, subject).await);
        }
        let kinds: BTreeSet<_> = Subject::OF_ALL.into_iter().chain(Subject::OF_NOBODY).map(&name).collect();
        let mut to_publish = kinds.clone();
        // The representatives of each kind are checked in any case.
        for Refusal { action, subject } in again.iter().filter(|refused| !kinds.contains(&refused.subject)) {
            match action {
                Action::Publish => drop(to_publish.insert(subject.clone())),
                Action::Subscribe => {
                    if let Some(mut subscriber) = listen(&client, subject).await {
                        let _ = subscriber.unsubscribe().await;
                    }
                }
            }
        }
        let node = name(Subject::Node);
        to_publish.remove(&node);
        for subject in to_publish {
            let _ = client.publish(subject, Bytes::new()).await;
        }
        let _ = client.publish_with_reply(node, to_node.clone(), Bytes::new()).await;
        let unheard = name(Subject::UNHEARD);
        let check = Self { client, replies, unheard, to_unheard, to_node, is_alone: false, n_answers: 0 };
        check.ask().await;
        check
    }

    async fn ask(&self) {
        let reply = self.to_unheard.clone();
        let _ = self.client.publish_with_reply(self.unheard.clone(), reply, Bytes::new()).await;
    }

    /// The next answer. Stays pending without a check.
    pub(crate) async fn next(check: &mut Option<Self>) -> Option<Message> {
        match check {
            Some(check) => check.replies.next().await,
            None => std::future::pending().await,
        }
    }

    /// Processes an answer. Returns whether the check is complete: no more refusals will come.
    pub(crate) async fn take(&mut self, message: &Message) -> bool {
        // An empty message from another node's check.
        if message.status.is_none() {
            return false;
        }
        if *message.subject == *self.to_node {
            self.is_alone = true;
            return false;
        }
        self.n_answers += 1;
        if self.n_answers < ROUNDS {
            self.ask().await;
        }
        self.n_answers == ROUNDS
    }

    /// Whether no other node was subscribed at the time of the check.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Unsubscribes. Must be called before the next check begins: of two subscriptions to one subject, the server
    /// replies to only one.
    pub(crate) async fn end(self) {
        for mut subscriber in self.replies {
            let _ = subscriber.unsubscribe().await;
        }
    }
}

async fn listen(client: &Client, subject: &str) -> Option<Subscriber> {
    let subscribed = client.subscribe(subject.to_owned()).await;
    subscribed.inspect_err(|error| tracing::error!(%error, subject, "a subscription failed")).ok()
}
