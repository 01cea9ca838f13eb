//! Asks a server whether we may say and hear everything, and knows when it has answered. A server handles in order what
//! comes over one connection and refuses at once what is not allowed; so when it answers the last that was said, there is
//! nothing more to be refused. What it is sure to answer is a message that nobody listens to and that has a subject for
//! replies: it replies that nobody does. (Of what we say ourselves it brings us nothing, and what it answers to a ping the
//! client keeps to itself.)

use std::collections::BTreeSet;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use chat_relay::Subject;
use futures_util::StreamExt;
use futures_util::stream::SelectAll;

use crate::refusal::{Refusal, Way};

/// The client hands on refusals by another task than messages (`thread.rs`). When it has sent what was said after the first
/// answer, that task has had its turn; so when the second answer is here, so is every refusal before the first.
const ROUNDS: u32 = 2;

/// What a server is asked over one connection.
pub(crate) struct Inquiry {
    client: Client,
    /// Listening to these is a part of the question. Each connection has its own, lest what an earlier one has answered
    /// is taken for an answer of this one.
    replies: SelectAll<Subscriber>,
    /// Said last.
    unheard: String,
    /// Replies to it come here.
    to_unheard: String,
    /// And here that no other node listens to what nodes say of themselves.
    to_node: String,
    is_alone: bool,
    n_answers: u32,
}

impl Inquiry {
    /// Says nothing on every kind of subject, which nodes pass over: what may not be said is refused. What every node
    /// listens to, the client has asked for by now. `again` are subjects that were refused before.
    pub(crate) async fn begin(client: Client, spell: impl Fn(Subject) -> String, again: &[Refusal]) -> Self {
        let [to_unheard, to_node] = Subject::OF_NOBODY.map(&spell);
        let mut replies = SelectAll::new();
        for subject in [&to_unheard, &to_node] {
            replies.extend(listen(&client, subject).await);
        }
        let kinds: BTreeSet<_> = Subject::OF_ALL.into_iter().chain(Subject::OF_NOBODY).map(&spell).collect();
        let mut to_say = kinds.clone();
        // Those that stand for their kind are asked for in any case.
        for Refusal { way, subject } in again.iter().filter(|refused| !kinds.contains(&refused.subject)) {
            match way {
                Way::Say => drop(to_say.insert(subject.clone())),
                Way::Hear => {
                    if let Some(mut subscriber) = listen(&client, subject).await {
                        let _ = subscriber.unsubscribe().await;
                    }
                }
            }
        }
        let node = spell(Subject::Node);
        to_say.remove(&node);
        for subject in to_say {
            let _ = client.publish(subject, Bytes::new()).await;
        }
        let _ = client.publish_with_reply(node, to_node.clone(), Bytes::new()).await;
        let unheard = spell(Subject::UNHEARD);
        let inquiry = Self { client, replies, unheard, to_unheard, to_node, is_alone: false, n_answers: 0 };
        inquiry.ask().await;
        inquiry
    }

    async fn ask(&self) {
        let reply = self.to_unheard.clone();
        let _ = self.client.publish_with_reply(self.unheard.clone(), reply, Bytes::new()).await;
    }

    /// What comes next; never anything if nothing is asked.
    pub(crate) async fn next(inquiry: &mut Option<Self>) -> Option<Message> {
        match inquiry {
            Some(inquiry) => inquiry.replies.next().await,
            None => std::future::pending().await,
        }
    }

    /// Takes what has come. Gives whether the server has answered by now that there is nothing more to be refused.
    pub(crate) async fn take(&mut self, message: &Message) -> bool {
        // Other nodes ask as well, and say nothing here.
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

    /// Whether no other node listened when the server was asked.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Listens no more. It has to be done before the next one begins: of two that listen to the same, the server replies
    /// to one.
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
