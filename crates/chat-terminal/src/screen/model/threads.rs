//! Threads: the replies to a message. A thread is opened by itself and has its own read pointer.

use chat_client::v2::Op;
use chat_protocol::message::{Message, Thread};
use chat_protocol::v2::Pointer;

use super::{Chat, Model};

impl Model {
    /// Opens the thread that the selected message belongs to, or the thread of its replies.
    pub(super) fn open_thread(&mut self) {
        let selected = self.pane().and_then(|pane| pane.selected);
        let Some(message) = selected.and_then(|seq| self.message_at(seq)) else { return };
        if message.deleted_at.is_some() && message.thread.is_none() {
            self.notify("it was deleted, and it has no replies");
            return;
        }
        self.open(Chat::Thread(message.conversation_id, message.thread_id.unwrap_or(message.id)));
    }

    /// Goes back from a thread to its conversation. Returns `false` if no thread is open.
    pub(super) fn leave_thread(&mut self) -> bool {
        let Some(chat @ Chat::Thread(..)) = self.chat else { return false };
        self.open(chat.entry());
        true
    }

    /// Id of the root of the open thread.
    pub(crate) fn thread_root(&self) -> Option<i64> {
        match self.chat? {
            Chat::Thread(_, root) => Some(root),
            Chat::Room(_) | Chat::User(_) => None,
        }
    }

    /// Whether a message of the open conversation is shown: always, or only messages of the open thread.
    pub(crate) fn belongs_here(&self, message: &Message) -> bool {
        self.thread_root().is_none_or(|root| message.id == root || message.thread_id == Some(root))
    }

    /// The message of this id; `None` if it is not loaded.
    pub(crate) fn message_of(&self, conversation: i64, id: i64) -> Option<&Message> {
        // Search from the end: messages on the screen are mostly recent.
        self.room(conversation)?.messages().values().rfind(|message| message.id == id)
    }

    pub(super) fn thread_loaded(&mut self, thread: &Thread) {
        self.state.load_messages(std::slice::from_ref(&thread.root));
        let root = &thread.root;
        let read = self.reported.threads.entry(root.id).or_default();
        *read = thread.read_seq.max(*read);
        let new_from = (thread.unread > 0).then_some(thread.read_seq + 1);
        if let Some(pane) = self.panes.get_mut(&Chat::Thread(root.conversation_id, root.id)) {
            pane.new_from = pane.new_from.or(new_from);
        }
    }

    /// The `seq` above which the "new" line goes in a thread that was read before.
    pub(super) fn first_unread_reply(&self, root: i64) -> Option<i64> {
        self.reported.threads.get(&root).map(|read| read + 1)
    }

    /// Reports that all of a thread is read.
    pub(super) fn mark_thread_read(&mut self, conversation: i64, root: i64) {
        let Some(room) = self.room(conversation) else { return };
        let replies = room.messages().values().rev().filter(|message| message.thread_id == Some(root));
        let Some(seq) = replies.map(|reply| reply.seq).next() else { return };
        if self.reported.threads.get(&root).is_none_or(|read| *read < seq) {
            self.reported.threads.insert(root, seq);
            self.submit_op(Op::Read(Pointer { conversation_id: conversation, seq, thread_id: Some(root) }));
        }
    }
}
