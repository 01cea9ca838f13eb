//! What the stream tells.

use std::time::Duration;

use chat_client::v2::{Event, Op, State};
use chat_protocol::conversation::Presence;
use chat_protocol::message::Message;
use chat_protocol::v2::{Ack, Hello, Receipt, Refusal, ServerFrame, Typing};

use super::{Link, Model, Place};
use crate::screen::errand::Errand;

impl Model {
    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Frame(frame) => self.take(&frame),
            Event::Acked { op, ack, .. } => self.acked(&op, &ack),
            Event::Refused { op, refusal, .. } => self.refused(&op, &refusal),
            Event::Disconnected { why, again_in } => self.disconnected(why, again_in),
            Event::Unknown(_) => {}
        }
    }

    fn take(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Hello(hello) => return self.greeted(hello, frame),
            ServerFrame::Live(_) => {
                self.link = Link::Online;
                self.refresh();
            }
            ServerFrame::Typing(typing) => self.types(typing),
            ServerFrame::Presence(Presence { user_id, status, .. }) => {
                self.presence.insert(*user_id, status.clone());
            }
            ServerFrame::Message(told) => {
                self.arrived(&told.message, told.event == "created");
            }
            _ => {}
        }
        self.state.apply(frame);
        match frame {
            ServerFrame::Conversation(told) => {
                let conversation = &told.conversation;
                if let Some(own) = &conversation.own {
                    let counted = (own.unread, own.mentions);
                    self.count_as_told(conversation.id, counted, conversation.last_seq);
                }
                self.place_became_room(conversation.user_id, conversation.id);
                if own_part_is_missing(self, conversation.id) {
                    self.load_conversation(conversation.id);
                }
            }
            ServerFrame::Receipt(receipt) => self.receipt(receipt),
            ServerFrame::Message(told) if self.about(told.conversation_id).is_none() => {
                self.load_conversation(told.conversation_id);
            }
            _ => {}
        }
    }

    /// A stream that does not go on where the last one ended knows nothing of what was between: all is loaded anew.
    fn greeted(&mut self, hello: &Hello, frame: &ServerFrame) {
        self.link = Link::CatchingUp;
        self.told.forget_connection();
        self.typing.clear();
        if !hello.resumed {
            self.generation += 1;
            self.state = State::default();
            self.counts.clear();
            self.is_loaded = false;
            for desk in self.desks.values_mut() {
                desk.window = None;
                desk.is_loading = false;
                desk.draft.is_saving = false;
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

    fn arrived(&mut self, message: &Message, is_new: bool) {
        self.typing.remove(&(message.conversation_id, message.sender_id));
        if message.sender_id == self.me() {
            self.sent(message);
        }
        if !is_new {
            return;
        }
        let before = self.count(message.conversation_id);
        self.count_message(message);
        let after = self.count(message.conversation_id);
        let is_called = after.mentions > before.mentions;
        if after.unread > before.unread
            && !self.is_looked_at
            && (is_called || message.group_id == 0)
            && !self.is_muted(message.conversation_id)
        {
            self.effects.push(super::Effect::Ring);
        }
    }

    fn types(&mut self, typing: &Typing) {
        let until = self.millis() + i64::from(typing.expires_in_ms);
        self.typing.insert((typing.conversation_id, typing.user_id), until);
    }

    fn receipt(&mut self, receipt: &Receipt) {
        if receipt.user_id != self.me() {
            return;
        }
        if let (Some(unread), Some(mentions)) = (receipt.unread, receipt.mentions) {
            let upto = self.top(receipt.conversation_id).max(receipt.read_seq);
            self.count_as_told(receipt.conversation_id, (unread, mentions), upto);
        }
    }

    fn acked(&mut self, op: &Op, ack: &Ack) {
        if let Some(message) = &ack.message {
            if message.sender_id == self.me() {
                self.sent(message);
            }
            if self.state.rooms().contains_key(&message.conversation_id) {
                self.state.load_messages(std::slice::from_ref(message));
            }
            if let Op::Send(send) = op
                && let Some(user) = send.to_user
            {
                self.place_became_room(Some(user), message.conversation_id);
                if self.about(message.conversation_id).is_none() {
                    self.load_conversation(message.conversation_id);
                }
            }
        }
    }

    fn refused(&mut self, op: &Op, refusal: &Refusal) {
        if !self.send_refused(op, &refusal.error) {
            self.complain(format!("not done: {}", refusal.error));
        }
    }

    /// Whoever was written to for the first time has a conversation now.
    pub(super) fn place_became_room(&mut self, user: Option<i64>, conversation: i64) {
        let Some(user) = user else { return };
        let (old, new) = (Place::User(user), Place::Room(conversation));
        if let Some(desk) = self.desks.remove(&old) {
            self.desks.entry(new).or_insert(desk);
        }
        for place in [&mut self.place, &mut self.listed].into_iter().flatten() {
            if *place == old {
                *place = new;
            }
        }
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.place == old) {
            outgoing.place = new;
        }
    }

    pub(super) fn load_conversation(&mut self, id: i64) {
        let asked = self.state.now();
        self.run(Errand::Conversation { asked, id });
    }
}

fn own_part_is_missing(model: &Model, id: i64) -> bool {
    model.room(id).is_some_and(|room| room.own().is_none())
}
