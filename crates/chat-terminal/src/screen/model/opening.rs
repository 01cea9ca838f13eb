//! Opening places and moving between them.

use chat_client::v2::Room;

use super::{Focus, Model, Place, Scroll};
use crate::screen::errand::Errand;

impl Model {
    /// Shows a place, where one left it.
    pub(super) fn open(&mut self, place: Place) {
        self.place = Some(place);
        self.listed = Some(place.entry());
        self.focus = Focus::Composer;
        let new_from = self.first_unread(place);
        let desk = self.desks.entry(place).or_default();
        desk.selected = None;
        desk.new_from = new_from;
        desk.takes_mark = true;
        let Place::Room(conversation) = place else { return };
        let group = self.about(conversation).and_then(|about| about.group_id);
        if let Some(group) = group {
            self.run(Errand::Members { conversation, group });
        }
        self.run(Errand::Receipts(conversation));
    }

    pub(super) fn open_user(&mut self, user: i64) {
        if user == self.me() {
            self.complain("you cannot chat with yourself");
            return;
        }
        let place = self.place_of_user(user);
        self.open(place);
    }

    /// Where the line between read and unread goes, if something waits.
    fn first_unread(&self, place: Place) -> Option<i64> {
        let id = match place {
            Place::Room(id) => id,
            Place::User(_) => return None,
            Place::Thread(_, root) => return self.first_unread_reply(root),
        };
        let own = self.room(id).and_then(Room::own)?;
        (self.count(id).unread > 0).then_some(own.read_seq + 1)
    }

    /// Opens the next conversation of the list, or the one before.
    pub(super) fn step(&mut self, is_down: bool) {
        if let Some(place) = self.beside(self.place.map(Place::entry), is_down) {
            self.open(place);
        }
    }

    /// Moves the list's cursor.
    pub(super) fn step_listed(&mut self, is_down: bool) {
        self.listed = self.beside(self.listed, is_down).or(self.listed);
    }

    fn beside(&self, place: Option<Place>, is_down: bool) -> Option<Place> {
        let listing = self.listing();
        let at = listing.iter().position(|listed| Some(*listed) == place);
        let wanted = match (at, is_down) {
            (None, _) => Some(0),
            (Some(at), true) => at.checked_add(1),
            (Some(at), false) => at.checked_sub(1),
        };
        wanted.and_then(|at| listing.get(at)).copied()
    }

    /// Shows a message of a conversation, wherever it is.
    pub(super) fn jump(&mut self, conversation: i64, seq: i64) {
        let place = Place::Room(conversation);
        let is_in_thread = self.room_id() == Some(conversation)
            && self.message_at(seq).is_some_and(|message| self.belongs_here(message));
        if self.place != Some(place) && !is_in_thread {
            self.open(place);
        }
        let is_here = self.message_at(seq).is_some();
        let Some(desk) = self.desk_mut() else { return };
        let is_in_window = desk
            .window
            .is_some_and(|window| seq >= window.first && window.last.is_none_or(|last| seq <= last));
        if is_in_window && is_here {
            desk.selected = Some(seq);
            self.focus = Focus::Messages;
            self.center();
        } else {
            desk.is_loading = true;
            self.run(Errand::Around { conversation, seq });
        }
    }

    /// Shows the end of the conversation, loading it where something else was loaded.
    pub(super) fn go_to_end(&mut self) {
        let Some(desk) = self.desk_mut() else { return };
        desk.scroll = Scroll::Bottom;
        desk.selected = None;
        if desk.window.is_some_and(|window| window.last.is_some()) {
            desk.window = None;
        }
    }
}
