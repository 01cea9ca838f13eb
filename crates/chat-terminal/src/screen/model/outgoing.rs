//! Messages of this client that the server has not confirmed. The session resends each over new connections until the
//! server answers, and its `client_msg_id` keeps it from being stored twice.

use chat_client::v2::Op;
use chat_names::comparable;
use chat_protocol::message::{Message, SendRequest};
use chat_protocol::v2;

use super::{Chat, Model, Scroll, Writing};

/// A message that is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) chat: Chat,
    pub(crate) content: String,
    /// Why the server refused it; `None` while it waits.
    pub(crate) refused: Option<String>,
    /// Its `client_msg_id`.
    key: String,
    writing: Writing,
}

impl Model {
    /// Unconfirmed and refused messages of what is open, oldest first, with their indices in `outgoing`.
    pub(crate) fn waiting(&self) -> impl DoubleEndedIterator<Item = (usize, &Outgoing)> {
        let chat = self.chat;
        self.outgoing.iter().enumerate().filter(move |(_, outgoing)| Some(outgoing.chat) == chat)
    }

    /// Number of messages that are neither confirmed nor refused, in all conversations.
    pub(crate) fn n_waiting(&self) -> usize {
        self.outgoing.iter().filter(|outgoing| outgoing.refused.is_none()).count()
    }

    pub(super) fn send(&mut self, content: String, writing: Writing) {
        let Some(chat) = self.chat else { return };
        let key = (self.config.new_key)();
        let outgoing = Outgoing { chat, content, refused: None, key, writing };
        self.dispatch(&outgoing);
        self.outgoing.push(outgoing);
        if let Some(pane) = self.pane_mut() {
            pane.scroll = Scroll::Bottom;
            pane.new_from = None;
            // The message stands at the end, so show the end even if the person was reading elsewhere.
            if pane.window.is_some_and(|window| window.last.is_some()) {
                pane.window = None;
            }
        }
    }

    fn dispatch(&mut self, outgoing: &Outgoing) {
        let (mentions, mention_all) = self.mentioned(&outgoing.content);
        let mut send = v2::Send {
            body: SendRequest {
                content: Some(outgoing.content.clone()),
                mentions: Some(mentions).filter(|mentions| !mentions.is_empty()),
                mention_all: Some(true).filter(|_| mention_all),
                client_msg_id: Some(outgoing.key.clone()),
                ..SendRequest::default()
            },
            ..v2::Send::default()
        };
        match outgoing.chat {
            Chat::Room(id) => send.conversation_id = Some(id),
            Chat::User(id) => send.to_user = Some(id),
            Chat::Thread(id, root) => {
                send.conversation_id = Some(id);
                send.body.thread_id = Some(root);
            }
        }
        if let Writing::Reply(id, seq) = outgoing.writing {
            send.body.reply_to = Some(id);
            // A reply to a message of a thread belongs to that thread.
            let thread = self.message_at(seq).and_then(|message| message.thread_id);
            send.body.thread_id = send.body.thread_id.or(thread);
        }
        self.submit_op(Op::Send(send));
    }

    /// The ids of the members that a text mentions by `@name`, and whether it mentions everybody by `@all`.
    fn mentioned(&self, content: &str) -> (Vec<i64>, bool) {
        let words: Vec<_> = content
            .split(|c: char| c.is_whitespace() || ",.;:!?()".contains(c))
            .filter_map(|word| word.strip_prefix('@'))
            .map(comparable)
            .collect();
        let is_mentioned = |name: &str| words.contains(&comparable(name));
        let members = self.members();
        let mentioned = members.iter().filter(|member| is_mentioned(&member.username));
        (mentioned.map(|member| member.id).collect(), !members.is_empty() && is_mentioned("all"))
    }

    /// Removes a message that the server has stored.
    pub(super) fn confirm_sent(&mut self, message: &Message) {
        if let Some(key) = &message.client_msg_id {
            self.outgoing.retain(|outgoing| outgoing.key != *key);
        }
    }

    /// Keeps a refused message with the reason. Returns `false` if the operation sends no message.
    pub(super) fn send_refused(&mut self, op: &Op, why: &str) -> bool {
        let Op::Send(send) = op else { return false };
        let key = send.body.client_msg_id.as_deref();
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| Some(outgoing.key.as_str()) == key) {
            outgoing.refused = Some(crate::clean::clean(why));
        }
        self.notify_error(format!("not sent: {why}"));
        true
    }

    pub(super) fn outbox_full(&mut self, op: Op) {
        let why = "too many messages are already waiting for the server";
        if !self.send_refused(&op, why) && !matches!(op, Op::Typing(_) | Op::View(_)) {
            self.notify_error(format!("not done: {why}"));
        }
    }

    /// Resends the refused messages of what is open, under new keys.
    pub(super) fn retry(&mut self) {
        let chat = self.chat;
        let (again, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outgoing)
            .into_iter()
            .partition(|outgoing| outgoing.refused.is_some() && Some(outgoing.chat) == chat);
        self.outgoing = kept;
        if again.is_empty() {
            self.notify("no message was refused here");
        }
        for outgoing in again {
            self.send(outgoing.content, outgoing.writing);
        }
    }

    /// Discards the refused messages of what is open.
    pub(super) fn drop_refused(&mut self) {
        let chat = self.chat;
        self.outgoing.retain(|outgoing| outgoing.refused.is_none() || Some(outgoing.chat) != chat);
    }
}
