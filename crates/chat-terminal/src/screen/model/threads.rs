//! Threads: the replies below a message, as a place of their own that is read apart from its conversation.

use chat_client::v2::Op;
use chat_protocol::message::{Message, Thread};
use chat_protocol::v2::Pointer;

use super::{Model, Place};

impl Model {
    /// Opens the thread that the selected message is in, or the one below it.
    pub(super) fn open_thread(&mut self) {
        let selected = self.desk().and_then(|desk| desk.selected);
        let Some(message) = selected.and_then(|seq| self.message_at(seq)) else { return };
        if message.deleted_at.is_some() && message.thread.is_none() {
            self.tell("it was deleted, and it has no replies");
            return;
        }
        self.open(Place::Thread(message.conversation_id, message.thread_id.unwrap_or(message.id)));
    }

    /// Goes back from a thread to its conversation; `false`: none is open.
    pub(super) fn leave_thread(&mut self) -> bool {
        let Some(place @ Place::Thread(..)) = self.place else { return false };
        self.open(place.entry());
        true
    }

    /// The root of the thread that is open.
    pub(crate) fn thread_root(&self) -> Option<i64> {
        match self.place? {
            Place::Thread(_, root) => Some(root),
            Place::Room(_) | Place::User(_) => None,
        }
    }

    /// Whether a message of the open conversation is shown where one is.
    pub(crate) fn belongs_here(&self, message: &Message) -> bool {
        self.thread_root().is_none_or(|root| message.id == root || message.thread_id == Some(root))
    }

    /// The message of this id, if it is known.
    pub(crate) fn message_of(&self, conversation: i64, id: i64) -> Option<&Message> {
        // A message that one looks at is mostly among the last.
        self.room(conversation)?.messages().values().rfind(|message| message.id == id)
    }

    pub(super) fn thread_told(&mut self, thread: &Thread) {
        self.state.load_messages(std::slice::from_ref(&thread.root));
        let root = &thread.root;
        let read = self.told.threads.entry(root.id).or_default();
        *read = thread.read_seq.max(*read);
        let new_from = (thread.unread > 0).then_some(thread.read_seq + 1);
        if let Some(desk) = self.desks.get_mut(&Place::Thread(root.conversation_id, root.id)) {
            desk.new_from = desk.new_from.or(new_from);
        }
    }

    /// Where the line between read and unread goes in a thread that was read before.
    pub(super) fn first_unread_reply(&self, root: i64) -> Option<i64> {
        self.told.threads.get(&root).map(|read| read + 1)
    }

    /// Tells that all of a thread has been read.
    pub(super) fn mark_thread_read(&mut self, conversation: i64, root: i64) {
        let Some(room) = self.room(conversation) else { return };
        let replies = room.messages().values().rev().filter(|message| message.thread_id == Some(root));
        let Some(seq) = replies.map(|reply| reply.seq).next() else { return };
        if self.told.threads.get(&root).is_none_or(|told| *told < seq) {
            self.told.threads.insert(root, seq);
            self.ask(Op::Read(Pointer { conversation_id: conversation, seq, thread_id: Some(root) }));
        }
    }
}
