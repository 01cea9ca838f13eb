//! What is done with a message or a conversation.

use chat_client::v2::{Op, Room};
use chat_protocol::conversation::StateRequest;
use chat_protocol::message::{EditRequest, Message};
use chat_protocol::time::Time;
use chat_protocol::v2;

use super::draft::is_command;
use super::{Focus, Model, Place, Writing};
use crate::screen::editor::Editor;
use crate::screen::errand::Errand;

/// Longest text of a message, in bytes.
pub(super) const MAX_TEXT: usize = 16 * 1024;
/// How often it is told that the user types, in milliseconds.
const TYPING_EVERY: i64 = 3_000;
/// A conversation that is muted without a time stays so for ten years.
const LONG: i64 = 10 * 365 * 24;

impl Model {
    /// The message that keys act on: the selected one.
    pub(super) fn selected(&self) -> Option<&Message> {
        self.message_at(self.desk()?.selected?).filter(|message| message.deleted_at.is_none())
    }

    /// The message that commands act on where none is selected: the last one.
    pub(super) fn addressed(&self) -> Option<&Message> {
        self.selected().or_else(|| {
            let room = self.room(self.room_id()?)?;
            let last = room.messages().values().rfind(|message| self.belongs_here(message));
            last.filter(|message| message.deleted_at.is_none())
        })
    }

    /// The user's own last message here that has a text.
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
        if let Some(desk) = self.desk_mut() {
            desk.writing = writing;
        }
        self.stop_selecting();
    }

    pub(super) fn begin_edit(&mut self, is_last: bool) {
        let me = self.me();
        if is_last && self.waiting().next().is_some() {
            // Otherwise an earlier message would get the text.
            self.tell("your last message is not on the server yet");
            return;
        }
        let found = if is_last { self.own_last() } else { self.selected() };
        let Some(message) = found else {
            self.tell("there is nothing to edit here");
            return;
        };
        if message.sender_id != me {
            self.complain("only its author may edit a message");
            return;
        }
        let (id, seq, text) = (message.id, message.seq, message.content.clone());
        if let Some(desk) = self.desk_mut() {
            if !matches!(desk.writing, Writing::Edit(..)) {
                desk.put_aside = desk.editor.take();
            }
            desk.editor = Editor::with(&text);
        }
        self.write(Writing::Edit(id, seq));
    }

    /// Gives up an answer or an edit; `false`: there was none.
    pub(super) fn cancel_writing(&mut self) -> bool {
        let Some(desk) = self.desk_mut() else { return false };
        if desk.writing == Writing::New {
            return false;
        }
        if matches!(desk.writing, Writing::Edit(..)) {
            desk.editor = Editor::with(&std::mem::take(&mut desk.put_aside));
        }
        desk.writing = Writing::New;
        true
    }

    /// Enter in the composer: a message, another text for one, or a command.
    pub(super) fn submit(&mut self) {
        let Some(desk) = self.desk_mut() else {
            self.submit_without_place();
            return;
        };
        let text = desk.editor.text().trim_end().to_owned();
        if text.trim().is_empty() {
            return;
        }
        if let Some(command) = text.strip_prefix('/').filter(|rest| !rest.starts_with('/')) {
            desk.editor.take();
            self.obey(command);
            return;
        }
        let text = if text.starts_with("//") { text.get(1..).unwrap_or_default().to_owned() } else { text };
        if text.len() > MAX_TEXT {
            self.complain(format!("too long: {} of at most {MAX_TEXT} bytes", text.len()));
            return;
        }
        desk.editor.take();
        desk.typing_told = 0;
        let writing = std::mem::take(&mut desk.writing);
        let put_aside = std::mem::take(&mut desk.put_aside);
        desk.editor = Editor::with(&put_aside);
        match writing {
            Writing::Edit(message_id, _) => {
                self.ask(Op::Edit(v2::Edit { message_id, edit: EditRequest { content: text } }));
            }
            writing => self.send(text, writing),
        }
    }

    fn submit_without_place(&mut self) {
        self.tell("choose a recipient: Ctrl-K");
    }

    /// Tells the others that the user types, now and then.
    pub(super) fn tell_typing(&mut self) {
        let now = self.millis();
        let Some(conversation_id) = self.room_id().filter(|_| self.is_online()) else { return };
        let Some(desk) = self.desk_mut() else { return };
        let is_message = !desk.editor.is_empty() && !is_command(desk.editor.text());
        if is_message && now - desk.typing_told >= TYPING_EVERY {
            desk.typing_told = now;
            self.ask(Op::Typing(v2::TypingIn { conversation_id }));
        }
    }

    pub(super) fn react(&mut self, seq: i64, emoji: &str) {
        let emoji = emoji.trim().to_owned();
        let Some(message) = self.message_at(seq).filter(|_| !emoji.is_empty()) else { return };
        let is_mine = message.reactions.iter().any(|reaction| reaction.emoji == emoji && reaction.me);
        let react = v2::React { message_id: message.id, emoji };
        self.ask(if is_mine { Op::Unreact(react) } else { Op::React(react) });
    }

    pub(super) fn toggle_pin(&mut self) {
        let Some(message) = self.selected() else { return };
        let of = v2::OfMessage { message_id: message.id };
        let op = if message.pinned_at.is_some() { Op::Unpin(of) } else { Op::Pin(of) };
        self.ask(op);
    }

    pub(super) fn delete(&mut self, message_id: i64, is_for_all: bool) {
        let scope = (!is_for_all).then(|| "me".to_owned());
        self.ask(Op::Delete(v2::Delete { message_id, scope }));
    }

    /// Changes the user's own part of a conversation.
    pub(super) fn set_state(&mut self, place: Option<Place>, state: StateRequest) {
        let Some(id) = place.and_then(Place::room) else { return };
        if !self.is_online() {
            self.complain("this needs the server, which is not reachable");
            return;
        }
        let asked = self.state.now();
        self.run(Errand::SetState { asked, id, state });
    }

    pub(super) fn toggle_muted(&mut self, place: Option<Place>, hours: Option<i64>) {
        let Some(id) = place.and_then(Place::room) else { return };
        let is_muted = self.is_muted(id);
        let until = self.now.as_microsecond() + hours.unwrap_or(LONG) * 3_600_000_000;
        let muted_until = if is_muted && hours.is_none() { None } else { Some(Time(until)) };
        self.tell(if muted_until.is_some() { "muted" } else { "no longer muted" });
        self.set_state(place, StateRequest { muted_until: Some(muted_until), ..StateRequest::default() });
    }

    pub(super) fn toggle_conversation_pin(&mut self, place: Option<Place>) {
        let Some(id) = place.and_then(Place::room) else { return };
        let pinned = self.room(id).and_then(Room::own).is_none_or(|own| !own.pinned);
        self.set_state(place, StateRequest { pinned: Some(pinned), ..StateRequest::default() });
    }

    pub(super) fn toggle_archived(&mut self, place: Option<Place>) {
        let Some(id) = place.and_then(Place::room) else { return };
        let archived = self.room(id).and_then(Room::own).is_none_or(|own| !own.archived);
        self.tell(if archived {
            "archived; A in the list shows archived conversations"
        } else {
            "back in the list"
        });
        self.set_state(place, StateRequest { archived: Some(archived), ..StateRequest::default() });
    }

    /// The group that is open, with its conversation; says so where it is none.
    pub(super) fn group(&mut self) -> Option<(i64, i64)> {
        let conversation = self.room_id();
        let group = conversation.and_then(|id| self.about(id)?.group_id);
        if group.is_none() {
            self.complain("this is not a group");
        }
        Some((conversation?, group?))
    }

    pub(super) fn toggle_shows_archived(&mut self) {
        self.shows_archived = !self.shows_archived;
        self.listed = self.listing().first().copied();
        self.focus = Focus::List;
        self.tell(if self.shows_archived { "archived conversations; A goes back" } else { "conversations" });
    }
}
