//! What came of errands.

use chat_protocol::conversation::Conversations;
use chat_protocol::message::Message;
use chat_protocol::v2::{Receipt, ServerFrame};

use super::{Asking, Deed, Model, Place, Scroll, Window};
use crate::screen::errand::{Answer, Errand, Failure, Fruit, PAGE};
use crate::screen::walk::Key;
use crate::target::Target;

/// How long what could not be loaded is let be, in milliseconds.
const PAUSE: i64 = 2_000;

impl Model {
    pub(super) fn answered(&mut self, answer: Answer) {
        let Answer { errand, generation, outcome } = answer;
        let is_current = generation == self.generation;
        match outcome {
            Ok(fruit) if is_current => self.harvest(errand, fruit),
            // What was asked for before everything was loaded anew would leave gaps.
            Ok(Fruit::User(user)) => self.learn_name(user.id, &user.username),
            Ok(_) => {}
            Err(failure) => self.failed(&errand, &failure, is_current),
        }
    }

    fn harvest(&mut self, errand: Errand, fruit: Fruit) {
        match (errand, fruit) {
            (Errand::Conversations { asked, .. }, Fruit::Conversations(page)) => {
                self.conversations(asked, page);
            }
            (
                Errand::Conversation { asked, .. } | Errand::SetState { asked, .. },
                Fruit::Conversation(told),
            ) => self.conversation(asked, &told),
            (Errand::SaveDraft { asked, id, text }, Fruit::Conversation(told)) => {
                self.draft_saved(id, &text);
                self.conversation(asked, &told);
            }
            (Errand::Older { conversation, thread, before }, Fruit::Messages(messages)) => {
                self.older(place_of(conversation, thread), before, &messages);
            }
            (Errand::Thread(_), Fruit::Thread(thread)) => self.thread_told(&thread),
            (Errand::Newer { conversation, .. }, Fruit::Messages(messages)) => {
                self.newer(conversation, &messages);
            }
            (Errand::Around { conversation, seq }, Fruit::Messages(messages)) => {
                self.around(conversation, seq, &messages);
            }
            (Errand::User(_), Fruit::User(user)) => self.learn_name(user.id, &user.username),
            (Errand::Find(_), Fruit::User(user)) => {
                self.learn_name(user.id, &user.username);
                self.open_user(user.id);
            }
            (Errand::Find(name) | Errand::AddMember { name, .. }, Fruit::Nobody) => {
                self.complain(format!("there is no user {name}"));
            }
            (Errand::Users(prefix), Fruit::Users(users)) => self.offer_users(&prefix, &users),
            (Errand::Receipts(conversation), Fruit::Receipts(receipts)) => {
                for told in receipts {
                    // A pointer from REST is as good as one from the stream: both only grow.
                    self.state.apply(&ServerFrame::Receipt(Receipt {
                        conversation_id: conversation,
                        user_id: told.user_id,
                        delivered_seq: told.delivered_seq,
                        read_seq: told.read_seq,
                        unread: None,
                        mentions: None,
                        cursor: String::new(),
                    }));
                }
            }
            (Errand::Members { conversation, .. }, Fruit::Members(members)) => {
                for member in &members {
                    self.learn_name(member.id, &member.username);
                }
                if let Some(desk) = self.desks.get_mut(&Place::Room(conversation)) {
                    desk.members = members;
                }
                self.offer_members();
            }
            (Errand::CreateGroup(_), Fruit::Group(group)) => {
                self.fixed.wish = Some(Target::Group(group));
                self.grant_wish();
                let asked = self.state.now();
                self.run(Errand::Conversations { asked, cursor: None });
            }
            (Errand::AddMember { conversation, group, .. }, Fruit::User(user)) => {
                self.learn_name(user.id, &user.username);
                self.tell(format!("{} is a member now", user.username));
                self.run(Errand::Members { conversation, group });
            }
            (Errand::RemoveMember { conversation, group, user }, Fruit::Done) => {
                let name = self.name(user).into_owned();
                self.tell(format!("{name} is no longer a member"));
                if user != self.me() {
                    self.run(Errand::Members { conversation, group });
                }
            }
            (Errand::Search { words, .. }, Fruit::Messages(messages)) => {
                self.offer_found(Asking::Search, &words, &messages);
            }
            (Errand::Pins(_), Fruit::Messages(messages)) => self.offer_found(Asking::Pins, "", &messages),
            _ => {}
        }
    }

    fn failed(&mut self, errand: &Errand, failure: &Failure, is_current: bool) {
        match errand {
            // They are asked for again with the next connection.
            Errand::User(_) | Errand::Users(_) => return,
            Errand::SaveDraft { id, text, .. } => {
                self.draft_failed(*id, text, failure.is_passing);
                if failure.is_passing {
                    return;
                }
            }
            Errand::Conversations { .. } if is_current => self.list_again_at = Some(self.millis() + PAUSE),
            Errand::Older { conversation, thread, .. } if is_current => {
                self.load_later(place_of(*conversation, *thread));
            }
            Errand::Newer { conversation, .. } | Errand::Around { conversation, .. } if is_current => {
                self.load_later(Place::Room(*conversation));
            }
            _ => {}
        }
        if !failure.is_passing || self.is_online() {
            self.complain(failure.why.clone());
        }
    }

    fn load_later(&mut self, place: Place) {
        let again_at = self.millis() + PAUSE;
        if let Some(desk) = self.desks.get_mut(&place) {
            desk.is_loading = false;
            desk.loads_again_at = again_at;
        }
    }

    fn conversations(&mut self, asked: chat_client::v2::Moment, page: Conversations) {
        for told in &page.conversations {
            self.conversation(asked, told);
        }
        if let Some(cursor) = page.next_cursor {
            self.run(Errand::Conversations { asked, cursor: Some(cursor) });
            return;
        }
        self.is_loaded = true;
        self.grant_wish();
        if self.place.is_none() {
            self.listed = self.listing().first().copied();
            if let Some(first) = self.listed {
                self.open(first);
            }
        }
    }

    fn conversation(
        &mut self,
        asked: chat_client::v2::Moment,
        told: &chat_protocol::conversation::Conversation,
    ) {
        self.state.load_conversation(asked, told);
        if let Some(last) = &told.last_message {
            self.state.load_messages(std::slice::from_ref(last));
        }
        if let Some(own) = &told.own {
            self.count_as_told(told.id, (own.unread, own.mentions), told.last_seq);
        }
        self.place_became_room(told.user_id, told.id);
    }

    fn older(&mut self, place: Place, before: Option<i64>, messages: &[Message]) {
        self.state.load_messages(messages);
        let Some(desk) = self.desks.get_mut(&place) else { return };
        desk.is_loading = false;
        let is_whole = messages.len() < usize::from(PAGE);
        let first = match place {
            // Above the first reply there is the root, wherever it is in the conversation.
            Place::Thread(..) if is_whole => Some(1),
            _ => messages.first().map(|message| message.seq),
        };
        match (before, &mut desk.window) {
            (None, window) => {
                *window = Some(Window { first: first.unwrap_or(1), is_whole, last: None });
            }
            (Some(_), Some(window)) => {
                window.first = first.unwrap_or(window.first).min(window.first);
                window.is_whole = is_whole;
            }
            (Some(_), None) => {}
        }
    }

    fn newer(&mut self, conversation: i64, messages: &[Message]) {
        self.state.load_messages(messages);
        let top = self.about(conversation).map_or(0, |about| about.last_seq).max(self.top(conversation));
        let Some(desk) = self.desks.get_mut(&Place::Room(conversation)) else { return };
        desk.is_loading = false;
        if let Some(window) = &mut desk.window {
            let last = messages.last().map(|message| message.seq);
            window.last = last.filter(|last| *last < top);
        }
    }

    fn around(&mut self, conversation: i64, seq: i64, messages: &[Message]) {
        self.state.load_messages(messages);
        let top = self.about(conversation).map_or(0, |about| about.last_seq).max(self.top(conversation));
        let Some(desk) = self.desks.get_mut(&Place::Room(conversation)) else { return };
        desk.is_loading = false;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return };
        let last = Some(last.seq).filter(|last| *last < top);
        desk.window = Some(Window { first: first.seq, is_whole: first.seq == 1, last });
        desk.selected = Some(seq);
        desk.scroll = Scroll::At(Key::Seq(seq), 0);
        // Whoever has gone on to another place meanwhile is left there.
        if self.place == Some(Place::Room(conversation)) {
            self.focus = super::Focus::Messages;
            self.center();
        }
    }

    /// Opens what was asked for on the command line, or was made just now, once it is known.
    pub(super) fn grant_wish(&mut self) {
        match self.fixed.wish {
            Some(Target::User(user)) => self.open_user(user),
            Some(Target::Group(group)) => {
                let Some(place) = self.place_of_group(group) else { return };
                self.open(place);
            }
            None => return,
        }
        self.fixed.wish = None;
    }

    fn offer_found(&mut self, asking: Asking, words: &str, messages: &[Message]) {
        let choices: Vec<_> = messages.iter().map(|message| self.choice_of(message)).collect();
        let Some(prompt) = self.prompt.as_mut().filter(|prompt| prompt.asking == asking) else { return };
        prompt.note = match choices.len() {
            0 => "nothing found".into(),
            1 => "1 message".into(),
            n => format!("{n} messages"),
        };
        prompt.choices = choices;
        prompt.chosen = 0;
        prompt.searched = words.to_owned();
    }

    fn choice_of(&self, message: &Message) -> super::Choice {
        let place = Place::Room(message.conversation_id);
        super::Choice {
            label: crate::clean::clean_name(&message.content),
            detail: format!("{} in {}", self.name(message.sender_id), self.title(place)),
            deed: Deed::Jump { conversation: message.conversation_id, seq: message.seq },
        }
    }
}

fn place_of(conversation: i64, thread: Option<i64>) -> Place {
    thread.map_or(Place::Room(conversation), |root| Place::Thread(conversation, root))
}
