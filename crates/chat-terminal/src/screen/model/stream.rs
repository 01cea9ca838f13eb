//! Applies the events of the stream session.

use std::time::Duration;

use chat_client::v2::{Event, Op, State};
use chat_protocol::conversation::Presence;
use chat_protocol::message::Message;
use chat_protocol::v2::{Ack, Hello, Hidden, Receipt, Refusal, ServerFrame, Typing};

use super::{Chat, Link, Model};
use crate::screen::request::Request;

impl Model {
    pub(super) fn handle_event(&mut self, event: Event) {
        match event {
            Event::Frame(frame) => self.apply_frame(&frame),
            Event::Acked { op, ack, .. } => self.acked(&op, &ack),
            Event::Refused { op, refusal, .. } => self.refused(&op, &refusal),
            Event::Disconnected { why, again_in } => self.disconnected(why, again_in),
            Event::Unknown(_) => {}
        }
    }

    fn apply_frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Hello(hello) => return self.connected(hello, frame),
            ServerFrame::Live(_) => {
                self.link = Link::Online;
                self.refresh();
            }
            ServerFrame::Typing(typing) => self.typing_received(typing),
            ServerFrame::Presence(Presence { user_id, status, .. }) => {
                self.presence.insert(*user_id, status.clone());
            }
            ServerFrame::Message(change) => {
                self.message_changed(&change.message, change.event == "created");
                if change.message.deleted_at.is_some() {
                    self.uncount_message(&change.message);
                }
            }
            _ => {}
        }
        self.state.apply(frame);
        match frame {
            ServerFrame::Conversation(change) => {
                let conversation = &change.conversation;
                if let Some(own) = &conversation.own {
                    let counted = (own.unread, own.mentions);
                    self.set_count(conversation.id, counted, (conversation.last_seq, conversation.rev));
                }
                self.user_became_room(conversation.user_id, conversation.id);
                if own_part_is_missing(self, conversation.id) {
                    self.load_conversation(conversation.id);
                }
            }
            ServerFrame::Receipt(receipt) => self.receipt_received(receipt),
            ServerFrame::Receipts(several) => several.each().for_each(|one| self.receipt_received(&one)),
            ServerFrame::Hidden(hidden) => self.hidden_received(hidden),
            ServerFrame::Message(change) if self.about(change.conversation_id).is_none() => {
                self.load_conversation(change.conversation_id);
            }
            _ => {}
        }
    }

    /// Handles the start of a connection. If the stream does not resume where the last one ended, the events in between
    /// are unknown and everything is loaded again.
    fn connected(&mut self, hello: &Hello, frame: &ServerFrame) {
        self.link = Link::CatchingUp;
        self.reported.forget_connection();
        self.typing.clear();
        if !hello.resumed {
            self.generation += 1;
            self.state = State::default();
            self.counts.clear();
            self.is_loaded = false;
            for pane in self.panes.values_mut() {
                pane.window = None;
                pane.is_loading = false;
                pane.draft.is_saving = false;
            }
        }
        self.state.apply(frame);
    }

    fn disconnected(&mut self, why: String, again_in: Duration) {
        let now = self.millis();
        let since = match self.link {
            Link::Offline { since, .. } => since,
            _ => now,
        };
        let delay = i64::try_from(again_in.as_millis()).unwrap_or_default();
        self.link = Link::Offline { why: crate::clean::clean(&why), since, until: now + delay };
        self.typing.clear();
        self.presence.clear();
    }

    fn message_changed(&mut self, message: &Message, is_new: bool) {
        self.typing.remove(&(message.conversation_id, message.sender_id));
        if message.sender_id == self.me() {
            self.confirm_sent(message);
        }
        if !is_new {
            return;
        }
        let before = self.count(message.conversation_id);
        self.count_message(message);
        let after = self.count(message.conversation_id);
        let is_mentioned = after.mentions > before.mentions;
        if after.unread > before.unread
            && !self.has_focus
            && (is_mentioned || message.group_id == 0)
            && !self.is_muted(message.conversation_id)
        {
            self.effects.push(super::Effect::Ring);
        }
    }

    fn typing_received(&mut self, typing: &Typing) {
        let until = self.millis() + i64::from(typing.expires_in_ms);
        self.typing.insert((typing.conversation_id, typing.user_id), until);
    }

    fn receipt_received(&mut self, receipt: &Receipt) {
        if receipt.user_id != self.me() {
            return;
        }
        if let (Some(unread), Some(mentions)) = (receipt.unread, receipt.mentions) {
            let top = || self.top(receipt.conversation_id).max(receipt.read_seq);
            let upto = receipt.last_seq.unwrap_or_else(top);
            self.set_count(receipt.conversation_id, (unread, mentions), (upto, receipt.rev.unwrap_or(0)));
        }
    }

    fn hidden_received(&mut self, hidden: &Hidden) {
        let id = hidden.conversation_id;
        let Hidden { unread: Some(unread), mentions: Some(mentions), read_seq: Some(read_seq), .. } = *hidden
        else {
            // A node of an earlier release does not tell.
            return self.load_conversation(id);
        };
        // The receipt of a later reading, which a REST answer has shown already, brings its own counts.
        if read_seq >= self.read_to(id) {
            let upto = hidden.last_seq.unwrap_or_else(|| self.top(id));
            self.set_count(id, (unread, mentions), (upto, hidden.rev.unwrap_or(0)));
        }
    }

    fn acked(&mut self, op: &Op, ack: &Ack) {
        if let Some(message) = &ack.message {
            if message.sender_id == self.me() {
                self.confirm_sent(message);
            }
            if self.state.rooms().contains_key(&message.conversation_id) {
                self.state.load_messages(std::slice::from_ref(message));
            }
            if let Op::Send(send) = op
                && let Some(user) = send.to_user
            {
                self.user_became_room(Some(user), message.conversation_id);
                if self.about(message.conversation_id).is_none() {
                    self.load_conversation(message.conversation_id);
                }
            }
        }
    }

    fn refused(&mut self, op: &Op, refusal: &Refusal) {
        if !self.send_refused(op, &refusal.error) {
            self.notify_error(format!("not done: {}", refusal.error));
        }
    }

    /// Moves the state of a user without a conversation to the conversation that now exists with that user.
    pub(super) fn user_became_room(&mut self, user: Option<i64>, conversation: i64) {
        let Some(user) = user else { return };
        let (old, new) = (Chat::User(user), Chat::Room(conversation));
        if let Some(pane) = self.panes.remove(&old) {
            self.panes.entry(new).or_insert(pane);
        }
        for chat in [&mut self.chat, &mut self.listed].into_iter().flatten() {
            if *chat == old {
                *chat = new;
            }
        }
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.chat == old) {
            outgoing.chat = new;
        }
    }

    pub(super) fn load_conversation(&mut self, id: i64) {
        let asked_at = self.state.now();
        self.send_request(Request::Conversation { asked_at, id });
    }
}

fn own_part_is_missing(model: &Model, id: i64) -> bool {
    model.room(id).is_some_and(|room| room.own().is_none())
}
