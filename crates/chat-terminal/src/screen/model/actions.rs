//! Actions on a message or a conversation.

use chat_client::v2::{Op, Room};
use chat_protocol::conversation::StateRequest;
use chat_protocol::message::{EditRequest, Message};
use chat_protocol::time::Time;
use chat_protocol::v2;

use super::draft::is_command;
use super::{Chat, Focus, Model, Writing};
use crate::screen::editor::Editor;
use crate::screen::request::Request;

/// Longest text of a message, in bytes.
pub(super) const MAX_TEXT: usize = 16 * 1024;
/// Shortest time between two typing signals, in milliseconds.
const TYPING_EVERY: i64 = 3_000;
/// Hours that a conversation stays muted if no time is given: ten years.
const MUTED_HOURS: i64 = 10 * 365 * 24;

impl Model {
    /// The selected message, unless it was deleted. Keys act on it.
    pub(super) fn selected(&self) -> Option<&Message> {
        self.message_at(self.pane()?.selected?).filter(|message| message.deleted_at.is_none())
    }

    /// The message that commands act on: the selected one, or else the last one.
    pub(super) fn addressed(&self) -> Option<&Message> {
        self.selected().or_else(|| {
            let room = self.room(self.room_id()?)?;
            let last = room.messages().values().rfind(|message| self.belongs_here(message));
            last.filter(|message| message.deleted_at.is_none())
        })
    }

    /// The user's own last message in what is open, unless it was deleted or is still streaming.
    fn own_last(&self) -> Option<&Message> {
        let room = self.room(self.room_id()?)?;
        let me = self.me();
        let mut latest = room.messages().values().rev();
        latest.find(|message| {
            message.sender_id == me
                && message.deleted_at.is_none()
                && message.streaming.is_none()
                && self.belongs_here(message)
        })
    }

    pub(super) fn write(&mut self, writing: Writing) {
        if let Some(pane) = self.pane_mut() {
            pane.writing = writing;
        }
        self.stop_selecting();
    }

    pub(super) fn begin_edit(&mut self, is_last: bool) {
        let me = self.me();
        if is_last && self.waiting().next().is_some() {
            // Without its id, an earlier message would be edited instead.
            self.notify("your last message is not on the server yet");
            return;
        }
        let found = if is_last { self.own_last() } else { self.selected() };
        let Some(message) = found else {
            self.notify("there is nothing to edit here");
            return;
        };
        if message.sender_id != me {
            self.notify_error("only its author may edit a message");
            return;
        }
        let (id, seq, text) = (message.id, message.seq, message.content.clone());
        if let Some(pane) = self.pane_mut() {
            if !matches!(pane.writing, Writing::Edit(..)) {
                pane.put_aside = pane.editor.take();
            }
            pane.editor = Editor::with(&text);
        }
        self.write(Writing::Edit(id, seq));
    }

    /// Cancels a reply or an edit. Returns `false` if there is none.
    pub(super) fn cancel_writing(&mut self) -> bool {
        let Some(pane) = self.pane_mut() else { return false };
        if pane.writing == Writing::New {
            return false;
        }
        if matches!(pane.writing, Writing::Edit(..)) {
            pane.editor = Editor::with(&std::mem::take(&mut pane.put_aside));
        }
        pane.writing = Writing::New;
        true
    }

    /// Handles Enter in the composer: sends a message, saves an edit, or runs a command.
    pub(super) fn submit(&mut self) {
        let Some(pane) = self.pane_mut() else {
            self.submit_without_chat();
            return;
        };
        let text = pane.editor.text().trim_end().to_owned();
        if text.trim().is_empty() {
            return;
        }
        if let Some(command) = text.strip_prefix('/').filter(|rest| !rest.starts_with('/')) {
            pane.editor.take();
            self.run_command(command);
            return;
        }
        let text = if text.starts_with("//") { text.get(1..).unwrap_or_default().to_owned() } else { text };
        if text.len() > MAX_TEXT {
            self.notify_error(format!("too long: {} of at most {MAX_TEXT} bytes", text.len()));
            return;
        }
        pane.editor.take();
        pane.typing_sent_at = 0;
        let writing = std::mem::take(&mut pane.writing);
        let put_aside = std::mem::take(&mut pane.put_aside);
        pane.editor = Editor::with(&put_aside);
        match writing {
            Writing::Edit(message_id, _) => {
                self.submit_op(Op::Edit(v2::Edit { message_id, edit: EditRequest { content: text } }));
            }
            writing => self.send(text, writing),
        }
    }

    fn submit_without_chat(&mut self) {
        self.notify("choose a recipient: Ctrl-K");
    }

    /// Signals that the user is typing, at most once per [`TYPING_EVERY`].
    pub(super) fn send_typing(&mut self) {
        let now = self.millis();
        let Some(conversation_id) = self.room_id().filter(|_| self.is_online()) else { return };
        let Some(pane) = self.pane_mut() else { return };
        let is_message = !pane.editor.is_empty() && !is_command(pane.editor.text());
        if is_message && now - pane.typing_sent_at >= TYPING_EVERY {
            pane.typing_sent_at = now;
            self.submit_op(Op::Typing(v2::TypingIn { conversation_id }));
        }
    }

    pub(super) fn react(&mut self, seq: i64, emoji: &str) {
        let emoji = emoji.trim().to_owned();
        let Some(message) = self.message_at(seq).filter(|_| !emoji.is_empty()) else { return };
        let is_mine = message.reactions.iter().any(|reaction| reaction.emoji == emoji && reaction.me);
        let react = v2::React { message_id: message.id, emoji };
        self.submit_op(if is_mine { Op::Unreact(react) } else { Op::React(react) });
    }

    pub(super) fn toggle_pin(&mut self) {
        let Some(message) = self.selected() else { return };
        let of = v2::OfMessage { message_id: message.id };
        let op = if message.pinned_at.is_some() { Op::Unpin(of) } else { Op::Pin(of) };
        self.submit_op(op);
    }

    pub(super) fn delete(&mut self, message_id: i64, is_for_all: bool) {
        let scope = (!is_for_all).then(|| "me".to_owned());
        self.submit_op(Op::Delete(v2::Delete { message_id, scope }));
    }

    /// Changes the user's per-member state of a conversation.
    pub(super) fn set_state(&mut self, chat: Option<Chat>, state: StateRequest) {
        let Some(id) = chat.and_then(Chat::room) else { return };
        if !self.is_online() {
            self.notify_error("this needs the server, which is not reachable");
            return;
        }
        let asked_at = self.state.now();
        self.send_request(Request::SetState { asked_at, id, state });
    }

    pub(super) fn toggle_muted(&mut self, chat: Option<Chat>, hours: Option<i64>) {
        let Some(id) = chat.and_then(Chat::room) else { return };
        let is_muted = self.is_muted(id);
        let until = self.now.as_microsecond() + hours.unwrap_or(MUTED_HOURS) * 3_600_000_000;
        let muted_until = if is_muted && hours.is_none() { None } else { Some(Time(until)) };
        self.notify(if muted_until.is_some() { "muted" } else { "no longer muted" });
        self.set_state(chat, StateRequest { muted_until: Some(muted_until), ..StateRequest::default() });
    }

    pub(super) fn toggle_conversation_pin(&mut self, chat: Option<Chat>) {
        let Some(id) = chat.and_then(Chat::room) else { return };
        let pinned = self.room(id).and_then(Room::own).is_none_or(|own| !own.pinned);
        self.set_state(chat, StateRequest { pinned: Some(pinned), ..StateRequest::default() });
    }

    pub(super) fn toggle_archived(&mut self, chat: Option<Chat>) {
        let Some(id) = chat.and_then(Chat::room) else { return };
        let archived = self.room(id).and_then(Room::own).is_none_or(|own| !own.archived);
        self.notify(if archived {
            "archived; A in the list shows archived conversations"
        } else {
            "back in the list"
        });
        self.set_state(chat, StateRequest { archived: Some(archived), ..StateRequest::default() });
    }

    /// The ids of the open conversation and of its group. Notifies the person if it is not a group.
    pub(super) fn group(&mut self) -> Option<(i64, i64)> {
        let conversation = self.room_id();
        let group = conversation.and_then(|id| self.about(id)?.group_id);
        if group.is_none() {
            self.notify_error("this is not a group");
        }
        Some((conversation?, group?))
    }

    pub(super) fn toggle_shows_archived(&mut self) {
        self.shows_archived = !self.shows_archived;
        self.listed = self.listing().first().copied();
        self.focus = Focus::List;
        self.notify(if self.shows_archived {
            "archived conversations; A goes back"
        } else {
            "conversations"
        });
    }
}
