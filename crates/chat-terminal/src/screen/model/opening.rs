//! Opening conversations, users and threads, and moving between them.

use chat_client::v2::Room;
use chat_protocol::time::Time;
use jiff::civil::DateTime;

use super::{Chat, Focus, Model, Scroll};
use crate::screen::request::Request;

impl Model {
    /// Opens a conversation, user or thread at the position where the person left it.
    pub(super) fn open(&mut self, chat: Chat) {
        self.chat = Some(chat);
        self.listed = Some(chat.entry());
        self.focus = Focus::Composer;
        let new_from = self.first_unread(chat);
        let pane = self.panes.entry(chat).or_default();
        pane.selected = None;
        pane.new_from = new_from;
        pane.clears_unread_mark = true;
        let Chat::Room(conversation) = chat else { return };
        let group = self.about(conversation).and_then(|about| about.group_id);
        if let Some(group) = group {
            self.send_request(Request::Members { conversation, group });
        }
        self.send_request(Request::Receipts(conversation));
    }

    pub(super) fn open_user(&mut self, user: i64) {
        if user == self.me() {
            self.notify_error("you cannot chat with yourself");
            return;
        }
        let chat = self.chat_with_user(user);
        self.open(chat);
    }

    /// The `seq` above which the "new" line goes; `None` if nothing is unread.
    fn first_unread(&self, chat: Chat) -> Option<i64> {
        let id = match chat {
            Chat::Room(id) => id,
            Chat::User(_) => return None,
            Chat::Thread(_, root) => return self.first_unread_reply(root),
        };
        let own = self.room(id).and_then(Room::own)?;
        (self.count(id).unread > 0).then_some(own.read_seq + 1)
    }

    /// Opens the next or the previous conversation of the list.
    pub(super) fn step(&mut self, is_down: bool) {
        if let Some(chat) = self.neighbour(self.chat.map(Chat::entry), is_down) {
            self.open(chat);
        }
    }

    /// Moves the list's cursor.
    pub(super) fn step_listed(&mut self, is_down: bool) {
        self.listed = self.neighbour(self.listed, is_down).or(self.listed);
    }

    fn neighbour(&self, chat: Option<Chat>, is_down: bool) -> Option<Chat> {
        let listing = self.listing();
        let at = listing.iter().position(|listed| Some(*listed) == chat);
        let wanted = match (at, is_down) {
            (None, _) => Some(0),
            (Some(at), true) => at.checked_add(1),
            (Some(at), false) => at.checked_sub(1),
        };
        wanted.and_then(|at| listing.get(at)).copied()
    }

    /// Shows a message of a conversation. Loads the messages around it if it is not loaded.
    pub(super) fn jump(&mut self, conversation: i64, seq: i64) {
        let chat = Chat::Room(conversation);
        // The messages around another one are loaded into the conversation's pane, so a thread must have it already.
        let is_in_thread = self.room_id() == Some(conversation) && self.shows(seq);
        if self.chat != Some(chat) && !is_in_thread {
            self.open(chat);
        }
        let is_shown = self.shows(seq);
        let Some(pane) = self.pane_mut() else { return };
        if is_shown {
            pane.selected = Some(seq);
            self.focus = Focus::Messages;
            self.center();
        } else {
            pane.is_loading = true;
            self.send_request(Request::Around { conversation, seq });
        }
    }

    /// Whether the open pane has loaded the message of this `seq`.
    fn shows(&self, seq: i64) -> bool {
        let is_in_window = self
            .pane()
            .and_then(|pane| pane.window)
            .is_some_and(|window| seq >= window.first && window.last.is_none_or(|last| seq <= last));
        is_in_window && self.message_at(seq).is_some_and(|message| self.belongs_here(message))
    }

    /// Shows the messages of the open conversation from a day, or a day and a time, on.
    pub(super) fn go_to_date(&mut self, moment: &str) {
        let Some(conversation) = self.room_id() else {
            self.notify_error("no conversation is open");
            return;
        };
        let zone = self.config.zone.clone();
        let Ok(at) = moment.parse::<DateTime>().and_then(|at| at.to_zoned(zone)) else {
            self.notify_error("/date needs a day and perhaps a time, such as 2026-11-01 or 2026-11-01 14:30");
            return;
        };
        let chat = Chat::Room(conversation);
        if self.chat != Some(chat) {
            self.open(chat);
        }
        if let Some(pane) = self.pane_mut() {
            pane.is_loading = true;
            self.send_request(Request::Date { conversation, at: Time(at.timestamp().as_microsecond()) });
        }
    }

    /// Shows the end of the conversation. Loads it if an earlier range is loaded.
    pub(super) fn go_to_end(&mut self) {
        let Some(pane) = self.pane_mut() else { return };
        pane.scroll = Scroll::Bottom;
        pane.selected = None;
        if pane.window.is_some_and(|window| window.last.is_some()) {
            pane.window = None;
        }
    }
}
