//! Messages of this client that the server has not confirmed. The session asks until it is told, over as many
//! connections as that takes, and the key keeps a message from being stored twice.

use chat_client::v2::Op;
use chat_names::comparable;
use chat_protocol::message::{Message, SendRequest};
use chat_protocol::v2;

use super::{Model, Place, Scroll, Writing};

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) place: Place,
    pub(crate) content: String,
    /// What the server said against it.
    pub(crate) refused: Option<String>,
    key: String,
    writing: Writing,
}

impl Model {
    /// Messages of the open place that wait, the oldest first, with their numbers.
    pub(crate) fn waiting(&self) -> impl DoubleEndedIterator<Item = (usize, &Outgoing)> {
        let place = self.place;
        self.outgoing.iter().enumerate().filter(move |(_, outgoing)| Some(outgoing.place) == place)
    }

    /// How many have not been refused and have not been confirmed.
    pub(crate) fn n_waiting(&self) -> usize {
        self.outgoing.iter().filter(|outgoing| outgoing.refused.is_none()).count()
    }

    pub(super) fn send(&mut self, content: String, writing: Writing) {
        let Some(place) = self.place else { return };
        self.n_sent += 1;
        let key = format!("{}-{}", self.fixed.name, self.n_sent);
        let outgoing = Outgoing { place, content, refused: None, key, writing };
        self.dispatch(&outgoing);
        self.outgoing.push(outgoing);
        if let Some(desk) = self.desk_mut() {
            desk.scroll = Scroll::Bottom;
            desk.new_from = None;
            // What was written belongs to the end, wherever one was reading.
            if desk.window.is_some_and(|window| window.last.is_some()) {
                desk.window = None;
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
        match outgoing.place {
            Place::Room(id) => send.conversation_id = Some(id),
            Place::User(id) => send.to_user = Some(id),
            Place::Thread(id, root) => {
                send.conversation_id = Some(id);
                send.body.thread_id = Some(root);
            }
        }
        if let Writing::Reply(id, seq) = outgoing.writing {
            send.body.reply_to = Some(id);
            // What is in a thread is answered there.
            let thread = self.message_at(seq).and_then(|message| message.thread_id);
            send.body.thread_id = send.body.thread_id.or(thread);
        }
        self.ask(Op::Send(send));
    }

    /// The members that a text calls upon by `@name`, and whether by `@all` everybody.
    fn mentioned(&self, content: &str) -> (Vec<i64>, bool) {
        let words: Vec<_> = content
            .split(|c: char| c.is_whitespace() || ",.;:!?()".contains(c))
            .filter_map(|word| word.strip_prefix('@'))
            .map(comparable)
            .collect();
        let is_called = |name: &str| words.contains(&comparable(name));
        let members = self.members();
        let called = members.iter().filter(|member| is_called(&member.username));
        (called.map(|member| member.id).collect(), !members.is_empty() && is_called("all"))
    }

    /// The server has stored a message of the user's own.
    pub(super) fn sent(&mut self, message: &Message) {
        if let Some(key) = &message.client_msg_id {
            self.outgoing.retain(|outgoing| outgoing.key != *key);
        }
    }

    /// `false`: it was no sending.
    pub(super) fn send_refused(&mut self, op: &Op, why: &str) -> bool {
        let Op::Send(send) = op else { return false };
        let key = send.body.client_msg_id.as_deref();
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| Some(outgoing.key.as_str()) == key) {
            outgoing.refused = Some(crate::clean::clean(why));
        }
        self.complain(format!("not sent: {why}"));
        true
    }

    pub(super) fn not_taken(&mut self, op: Op) {
        let why = "too many messages are already waiting for the server";
        if !self.send_refused(&op, why) && !matches!(op, Op::Typing(_) | Op::View(_)) {
            self.complain(format!("not done: {why}"));
        }
    }

    /// Sends once more what was refused.
    pub(super) fn retry(&mut self) {
        let place = self.place;
        let (again, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outgoing)
            .into_iter()
            .partition(|outgoing| outgoing.refused.is_some() && Some(outgoing.place) == place);
        self.outgoing = kept;
        if again.is_empty() {
            self.tell("no message was refused here");
        }
        for outgoing in again {
            self.send(outgoing.content, outgoing.writing);
        }
    }

    /// Lets go of what was refused.
    pub(super) fn drop_refused(&mut self) {
        let place = self.place;
        self.outgoing.retain(|outgoing| outgoing.refused.is_none() || Some(outgoing.place) != place);
    }
}
