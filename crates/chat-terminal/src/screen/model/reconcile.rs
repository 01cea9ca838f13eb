//! Runs after every input: reports pointers and the view to the server, loads missing names and history, and
//! synchronizes drafts. Depends on the current state only, not on the input that led to it.

use std::collections::BTreeMap;

use chat_client::v2::{Op, Room};
use chat_protocol::conversation::StateRequest;
use chat_protocol::v2::{Pointer, View};

use super::{Chat, Link, Model};
use crate::screen::request::Request;
use crate::screen::viewport;

/// Most conversations in the view that is reported to the server.
const MAX_VIEW: usize = 20;

/// What this client has reported to the server, so that it reports only changes.
#[derive(Debug, Default)]
pub(super) struct Reported {
    /// Delivered pointers, by conversation.
    delivered: BTreeMap<i64, i64>,
    /// Read pointers, by conversation.
    read: BTreeMap<i64, i64>,
    /// Read pointers of threads, by the id of the root.
    pub(super) threads: BTreeMap<i64, i64>,
    view: Vec<i64>,
}

impl Reported {
    /// Forgets what the server keeps per connection only.
    pub(super) fn forget_connection(&mut self) {
        self.view.clear();
    }
}

impl Model {
    pub(crate) fn is_online(&self) -> bool {
        self.link == Link::Online
    }

    /// Retries everything that could not be loaded, now that the connection is back.
    pub(super) fn refresh(&mut self) {
        for pane in self.panes.values_mut() {
            pane.is_loading = false;
            pane.loads_again_at = 0;
        }
        self.requested_names.clear();
        if !self.is_loaded {
            self.list_again_at = Some(0);
        }
    }

    pub(super) fn reconcile(&mut self) {
        self.close_if_removed();
        if !self.is_online() {
            return;
        }
        if self.list_again_at.take_if(|at| *at <= self.now.as_millisecond()).is_some() {
            let asked_at = self.state.now();
            self.send_request(Request::Conversations { asked_at, cursor: None });
        }
        self.request_names();
        self.confirm_delivery();
        self.mark_seen_as_read();
        self.report_view();
        self.load_history();
        self.sync_drafts();
    }

    /// Closes the open conversation if the user is no longer a member.
    fn close_if_removed(&mut self) {
        let own = self.room_id().and_then(|id| self.room(id)?.own());
        if let (Some(chat), Some(None)) = (self.chat, own.map(|own| own.role.as_ref())) {
            self.notify(format!("you are no longer a member of {}", self.title(chat)));
            self.chat = None;
            self.panes.remove(&chat);
        }
    }

    /// Requests names that the screen shows and that are not known.
    fn request_names(&mut self) {
        let mut wanted: Vec<i64> =
            self.state.rooms().values().filter_map(|room| room.about()?.user_id).collect();
        let lasts = self.state.rooms().values().filter_map(|room| room.messages().last_key_value());
        wanted.extend(lasts.map(|(_, message)| message.sender_id));
        if let Some(room) = self.room_id().and_then(|id| self.room(id)) {
            let window = self.pane().and_then(|pane| pane.window).map_or(i64::MAX, |window| window.first);
            for message in room.messages().range(window..).map(|(_, message)| message) {
                wanted.push(message.sender_id);
                wanted.extend(message.quote.as_ref().map(|quote| quote.sender_id));
                wanted.extend(message.forwarded_from.as_ref().map(|from| from.sender_id));
            }
        }
        wanted.extend(self.typing.keys().map(|(_, user)| *user));
        if let Some(Chat::User(user)) = self.chat {
            wanted.push(user);
        }
        wanted.sort_unstable();
        wanted.dedup();
        for user in wanted {
            if user > 0 && !self.names.contains_key(&user) && self.requested_names.insert(user) {
                self.send_request(Request::User(user));
            }
        }
    }

    /// Confirms the delivery of new messages.
    fn confirm_delivery(&mut self) {
        let mut pointers = Vec::new();
        for (&id, room) in self.state.rooms() {
            let Some(own) = room.own().filter(|own| own.role.is_some()) else { continue };
            let seq = self.top(id);
            let reported = self.reported.delivered.get(&id).copied().unwrap_or_default();
            if seq > own.delivered_seq.max(reported) {
                pointers.push(Pointer { conversation_id: id, seq, thread_id: None });
            }
        }
        for pointer in pointers {
            self.reported.delivered.insert(pointer.conversation_id, pointer.seq);
            self.submit_op(Op::Delivered(pointer));
        }
    }

    /// Reports what is open as read while the person sees its end.
    fn mark_seen_as_read(&mut self) {
        let is_seen = self.has_focus && self.prompt.is_none() && viewport::is_shown(self);
        let Some(id) = self.room_id().filter(|_| is_seen) else { return };
        if self.pane().is_some_and(super::Pane::is_at_end) {
            match self.thread_root() {
                Some(root) => self.mark_thread_read(id, root),
                None => {
                    let clears_mark =
                        self.pane_mut().is_some_and(|pane| std::mem::take(&mut pane.clears_unread_mark));
                    self.read_to_end(id, clears_mark);
                }
            }
        }
    }

    pub(super) fn mark_read(&mut self, chat: Option<Chat>) {
        if let Some(id) = chat.and_then(Chat::room) {
            self.read_to_end(id, true);
        }
    }

    /// Marks a conversation as unread until it is opened again or marked as read.
    pub(super) fn mark_unread(&mut self, chat: Option<Chat>) {
        if let Some(pane) = chat.and_then(|chat| self.panes.get_mut(&chat.entry())) {
            pane.clears_unread_mark = false;
        }
        self.set_state(chat, StateRequest { marked_unread: Some(true), ..StateRequest::default() });
    }

    /// Reports that all of a conversation is read, unless the server knows already.
    fn read_to_end(&mut self, id: i64, clears_mark: bool) {
        let Some(own) = self.room(id).and_then(Room::own) else { return };
        let seq = self.top(id);
        let reported = self.reported.read.get(&id).copied().unwrap_or_default();
        if seq == 0 || (seq <= own.read_seq.max(reported) && !(clears_mark && own.marked_unread)) {
            return;
        }
        self.reported.read.insert(id, seq);
        self.reported.delivered.insert(id, seq);
        self.set_count(id, (0, 0), (seq, 0));
        self.submit_op(Op::Read(Pointer { conversation_id: id, seq, thread_id: None }));
    }

    /// Reports the view: the open conversation and the first ones of the list, at most [`MAX_VIEW`] in total.
    fn report_view(&mut self) {
        let listed = self.listing().into_iter().filter_map(|chat| match chat {
            Chat::Room(id) => Some(id),
            Chat::User(_) | Chat::Thread(..) => None,
        });
        let mut view: Vec<i64> = self.room_id().into_iter().chain(listed).collect();
        let mut seen = std::collections::BTreeSet::new();
        view.retain(|id| seen.insert(*id));
        view.truncate(MAX_VIEW);
        // Every message changes the order of the list, which must not count as a new view.
        view.sort_unstable();
        if view != self.reported.view {
            self.reported.view.clone_from(&view);
            self.submit_op(Op::View(View { conversation_ids: view }));
        }
    }

    fn load_history(&mut self) {
        let Some(conversation) = self.room_id() else { return };
        let now = self.millis();
        let may_load = |pane: &&super::Pane| !pane.is_loading && pane.loads_again_at <= now;
        let Some(pane) = self.pane().filter(may_load) else { return };
        let thread = self.thread_root();
        let request = match pane.window {
            None => Request::Older { conversation, thread, before: None },
            Some(window) => {
                let (is_at_top, is_at_end) = viewport::edges(self);
                if is_at_top && !window.is_whole {
                    Request::Older { conversation, thread, before: Some(window.first) }
                } else if is_at_end && let Some(after) = window.last {
                    Request::Newer { conversation, after }
                } else {
                    return;
                }
            }
        };
        if let (Request::Older { before: None, .. }, Some(root)) = (&request, thread) {
            self.send_request(Request::Thread(root));
        }
        if let Some(pane) = self.pane_mut() {
            pane.is_loading = true;
        }
        self.send_request(request);
    }
}
