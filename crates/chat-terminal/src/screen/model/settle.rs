//! What follows from a state, whatever led to it: confirmations, reading, what is looked at, and what is still to be
//! loaded.

use std::collections::BTreeMap;

use chat_client::v2::{Op, Room};
use chat_protocol::conversation::StateRequest;
use chat_protocol::v2::{Pointer, View};

use super::{Link, Model, Place};
use crate::screen::errand::Errand;
use crate::screen::walk;

/// Most conversations that may be looked at.
const MAX_VIEW: usize = 20;

/// What the server was told already.
#[derive(Debug, Default)]
pub(super) struct Told {
    delivered: BTreeMap<i64, i64>,
    read: BTreeMap<i64, i64>,
    /// How far threads have been read, by root.
    pub(super) threads: BTreeMap<i64, i64>,
    view: Vec<i64>,
}

impl Told {
    /// What concerned one connection alone went with it.
    pub(super) fn forget_connection(&mut self) {
        self.view.clear();
    }
}

impl Model {
    pub(crate) fn is_online(&self) -> bool {
        self.link == Link::Online
    }

    /// It is online again: what could not be loaded is tried again.
    pub(super) fn refresh(&mut self) {
        for desk in self.desks.values_mut() {
            desk.is_loading = false;
            desk.loads_again_at = 0;
        }
        self.asked_names.clear();
        if !self.is_loaded {
            self.list_again_at = Some(0);
        }
    }

    pub(super) fn settle(&mut self) {
        self.leave_what_is_gone();
        if !self.is_online() {
            return;
        }
        if self.list_again_at.take_if(|at| *at <= self.now.as_millisecond()).is_some() {
            let asked = self.state.now();
            self.run(Errand::Conversations { asked, cursor: None });
        }
        self.learn_names();
        self.confirm();
        self.read();
        self.look();
        self.load_history();
        self.keep_drafts();
    }

    /// Whoever is no member any more has nothing to see there.
    fn leave_what_is_gone(&mut self) {
        let own = self.room_id().and_then(|id| self.room(id)?.own());
        if let (Some(place), Some(None)) = (self.place, own.map(|own| own.role.as_ref())) {
            self.tell(format!("you are no longer a member of {}", self.title(place)));
            self.place = None;
            self.desks.remove(&place);
        }
    }

    fn learn_names(&mut self) {
        let mut wanted: Vec<i64> =
            self.state.rooms().values().filter_map(|room| room.about()?.user_id).collect();
        let lasts = self.state.rooms().values().filter_map(|room| room.messages().last_key_value());
        wanted.extend(lasts.map(|(_, message)| message.sender_id));
        if let Some(room) = self.room_id().and_then(|id| self.room(id)) {
            let window = self.desk().and_then(|desk| desk.window).map_or(i64::MAX, |window| window.first);
            for message in room.messages().range(window..).map(|(_, message)| message) {
                wanted.push(message.sender_id);
                wanted.extend(message.quote.as_ref().map(|quote| quote.sender_id));
                wanted.extend(message.forwarded_from.as_ref().map(|from| from.sender_id));
            }
        }
        wanted.extend(self.typing.keys().map(|(_, user)| *user));
        if let Some(Place::User(user)) = self.place {
            wanted.push(user);
        }
        wanted.sort_unstable();
        wanted.dedup();
        for user in wanted {
            if user > 0 && !self.names.contains_key(&user) && self.asked_names.insert(user) {
                self.run(Errand::User(user));
            }
        }
    }

    fn confirm(&mut self) {
        let mut pointers = Vec::new();
        for (&id, room) in self.state.rooms() {
            let Some(own) = room.own().filter(|own| own.role.is_some()) else { continue };
            let seq = self.top(id);
            let told = self.told.delivered.get(&id).copied().unwrap_or_default();
            if seq > own.delivered_seq.max(told) {
                pointers.push(Pointer { conversation_id: id, seq, thread_id: None });
            }
        }
        for pointer in pointers {
            self.told.delivered.insert(pointer.conversation_id, pointer.seq);
            self.ask(Op::Delivered(pointer));
        }
    }

    /// What is before the person's eyes is read.
    fn read(&mut self) {
        let is_seen = self.is_looked_at && self.prompt.is_none() && walk::is_shown(self);
        let Some(id) = self.room_id().filter(|_| is_seen) else { return };
        if self.desk().is_some_and(super::Desk::is_at_end) {
            match self.thread_root() {
                Some(root) => self.mark_thread_read(id, root),
                None => {
                    let takes_mark = self.desk_mut().is_some_and(|desk| std::mem::take(&mut desk.takes_mark));
                    self.read_to_end(id, takes_mark);
                }
            }
        }
    }

    pub(super) fn mark_read(&mut self, place: Option<Place>) {
        if let Some(id) = place.and_then(Place::room) {
            self.read_to_end(id, true);
        }
    }

    /// Marks a conversation as unread, which lasts until it is opened or marked as read.
    pub(super) fn mark_unread(&mut self, place: Option<Place>) {
        if let Some(desk) = place.and_then(|place| self.desks.get_mut(&place.entry())) {
            desk.takes_mark = false;
        }
        self.set_state(place, StateRequest { marked_unread: Some(true), ..StateRequest::default() });
    }

    /// Tells that all of a conversation has been read, unless the server knows.
    fn read_to_end(&mut self, id: i64, takes_mark: bool) {
        let Some(own) = self.room(id).and_then(Room::own) else { return };
        let seq = self.top(id);
        let told = self.told.read.get(&id).copied().unwrap_or_default();
        if seq == 0 || (seq <= own.read_seq.max(told) && !(takes_mark && own.marked_unread)) {
            return;
        }
        self.told.read.insert(id, seq);
        self.told.delivered.insert(id, seq);
        self.count_as_told(id, (0, 0), seq);
        self.ask(Op::Read(Pointer { conversation_id: id, seq, thread_id: None }));
    }

    fn look(&mut self) {
        let listed = self.listing().into_iter().filter_map(|place| match place {
            Place::Room(id) => Some(id),
            Place::User(_) | Place::Thread(..) => None,
        });
        let mut view: Vec<i64> = self.room_id().into_iter().chain(listed).collect();
        let mut seen = std::collections::BTreeSet::new();
        view.retain(|id| seen.insert(*id));
        view.truncate(MAX_VIEW);
        // The order is the list's, which every message changes.
        view.sort_unstable();
        if view != self.told.view {
            self.told.view.clone_from(&view);
            self.ask(Op::View(View { conversation_ids: view }));
        }
    }

    fn load_history(&mut self) {
        let Some(conversation) = self.room_id() else { return };
        let now = self.millis();
        let may_load = |desk: &&super::Desk| !desk.is_loading && desk.loads_again_at <= now;
        let Some(desk) = self.desk().filter(may_load) else { return };
        let thread = self.thread_root();
        let errand = match desk.window {
            None => Errand::Older { conversation, thread, before: None },
            Some(window) => {
                let (is_at_top, is_at_end) = walk::edges(self);
                if is_at_top && !window.is_whole {
                    Errand::Older { conversation, thread, before: Some(window.first) }
                } else if is_at_end && let Some(after) = window.last {
                    Errand::Newer { conversation, after }
                } else {
                    return;
                }
            }
        };
        if let (Errand::Older { before: None, .. }, Some(root)) = (&errand, thread) {
            self.run(Errand::Thread(root));
        }
        if let Some(desk) = self.desk_mut() {
            desk.is_loading = true;
        }
        self.run(errand);
    }
}
