//! Applies the responses to REST requests.

use chat_protocol::conversation::Conversations;
use chat_protocol::message::Message;
use chat_protocol::time::Time;
use chat_protocol::v2::{Receipt, ServerFrame};

use super::{Action, Chat, Model, PromptKind, Scroll, Window};
use crate::screen::request::{Completed, Failure, PAGE, Request, Response};
use crate::screen::viewport::Key;
use crate::target::Target;

/// Delay before a failed load is repeated, in milliseconds.
const RETRY_DELAY: i64 = 2_000;

impl Model {
    pub(super) fn handle_completed(&mut self, completed: Completed) {
        let Completed { request, generation, outcome } = completed;
        let is_current = generation == self.generation;
        match outcome {
            Ok(response) if is_current => self.apply(request, response),
            // A response from before a full reload would leave gaps in the new state. A name is valid in any case.
            Ok(Response::User(user)) => self.learn_name(user.id, &user.username),
            Ok(_) => {}
            Err(failure) => self.failed(&request, &failure, is_current),
        }
    }

    fn apply(&mut self, request: Request, response: Response) {
        match (request, response) {
            (Request::Conversations { asked_at, .. }, Response::Conversations(page)) => {
                self.conversations(asked_at, page);
            }
            (
                Request::Conversation { asked_at, .. } | Request::SetState { asked_at, .. },
                Response::Conversation(conversation),
            ) => self.conversation(asked_at, &conversation),
            (Request::SaveDraft { asked_at, id, text }, Response::Conversation(conversation)) => {
                self.draft_saved(id, &text);
                self.conversation(asked_at, &conversation);
            }
            (Request::Older { conversation, thread, before }, Response::Messages(messages)) => {
                self.older(chat_of(conversation, thread), before, &messages);
            }
            (Request::Thread(_), Response::Thread(thread)) => self.thread_loaded(&thread),
            (Request::Newer { conversation, .. }, Response::Messages(messages)) => {
                self.newer(conversation, &messages);
            }
            (Request::Around { conversation, seq }, Response::Messages(messages)) => {
                self.around(conversation, seq, &messages);
            }
            (Request::Date { conversation, at }, Response::Messages(messages)) => {
                self.date(conversation, at, &messages);
            }
            (Request::User(_), Response::User(user)) => self.learn_name(user.id, &user.username),
            (Request::Find(_), Response::User(user)) => {
                self.learn_name(user.id, &user.username);
                self.open_user(user.id);
            }
            (Request::Find(name) | Request::AddMember { name, .. }, Response::Nobody) => {
                self.notify_error(format!("there is no user {name}"));
            }
            (Request::Users(prefix), Response::Users(users)) => self.offer_users(&prefix, &users),
            (Request::Receipts(conversation), Response::Receipts(receipts)) => {
                for receipt in receipts {
                    // Pointers only grow, so one from REST can be applied like one from the stream.
                    self.state.apply(&ServerFrame::Receipt(Receipt {
                        conversation_id: conversation,
                        user_id: receipt.user_id,
                        delivered_seq: receipt.delivered_seq,
                        read_seq: receipt.read_seq,
                        ..Receipt::default()
                    }));
                }
            }
            (Request::Members { conversation, .. }, Response::Members(members)) => {
                for member in &members {
                    self.learn_name(member.id, &member.username);
                }
                if let Some(pane) = self.panes.get_mut(&Chat::Room(conversation)) {
                    pane.members = members;
                }
                self.offer_members();
            }
            (Request::CreateGroup(_), Response::Group(group)) => {
                self.config.pending = Some(Target::Group(group));
                self.open_pending();
                let asked_at = self.state.now();
                self.send_request(Request::Conversations { asked_at, cursor: None });
            }
            (Request::AddMember { conversation, group, .. }, Response::User(user)) => {
                self.learn_name(user.id, &user.username);
                self.notify(format!("{} is a member now", user.username));
                self.send_request(Request::Members { conversation, group });
            }
            (Request::RemoveMember { conversation, group, user }, Response::Done) => {
                let name = self.name(user).into_owned();
                self.notify(format!("{name} is no longer a member"));
                if user != self.me() {
                    self.send_request(Request::Members { conversation, group });
                }
            }
            (Request::Search { words, .. }, Response::Messages(messages)) => {
                self.offer_found(PromptKind::Search, &words, &messages);
            }
            (Request::Pins(_), Response::Messages(found)) => self.offer_found(PromptKind::Pins, "", &found),
            _ => {}
        }
    }

    fn failed(&mut self, request: &Request, failure: &Failure, is_current: bool) {
        match request {
            // A name is requested again after the next connection, matching users with the next key.
            Request::User(_) | Request::Users(_) => return,
            Request::SaveDraft { id, text, .. } => {
                self.draft_failed(*id, text, failure.is_temporary);
                if failure.is_temporary {
                    return;
                }
            }
            Request::Conversations { .. } if is_current => {
                self.list_again_at = Some(self.millis() + RETRY_DELAY);
            }
            Request::Older { conversation, thread, .. } if is_current => {
                self.load_later(chat_of(*conversation, *thread));
            }
            Request::Newer { conversation, .. }
            | Request::Around { conversation, .. }
            | Request::Date { conversation, .. }
                if is_current =>
            {
                self.load_later(Chat::Room(*conversation));
            }
            _ => {}
        }
        if !failure.is_temporary || self.is_online() {
            self.notify_error(failure.why.clone());
        }
    }

    fn load_later(&mut self, chat: Chat) {
        let again_at = self.millis() + RETRY_DELAY;
        if let Some(pane) = self.panes.get_mut(&chat) {
            pane.is_loading = false;
            pane.loads_again_at = again_at;
        }
    }

    fn conversations(&mut self, asked_at: chat_client::v2::Moment, page: Conversations) {
        for conversation in &page.conversations {
            self.conversation(asked_at, conversation);
        }
        if let Some(cursor) = page.next_cursor {
            self.send_request(Request::Conversations { asked_at, cursor: Some(cursor) });
            return;
        }
        self.is_loaded = true;
        self.open_pending();
        if self.chat.is_none() {
            self.listed = self.listing().first().copied();
            if let Some(first) = self.listed {
                self.open(first);
            }
        }
    }

    fn conversation(
        &mut self,
        asked_at: chat_client::v2::Moment,
        conversation: &chat_protocol::conversation::Conversation,
    ) {
        let is_news = self.state.load_conversation(asked_at, conversation);
        if let Some(last) = &conversation.last_message {
            self.state.load_messages(std::slice::from_ref(last));
        }
        if let Some(own) = conversation.own.as_ref().filter(|_| is_news) {
            let held = (conversation.last_seq, conversation.rev);
            self.set_count(conversation.id, (own.unread, own.mentions), held);
        }
        self.user_became_room(conversation.user_id, conversation.id);
    }

    fn older(&mut self, chat: Chat, before: Option<i64>, messages: &[Message]) {
        self.state.load_messages(messages);
        let Some(pane) = self.panes.get_mut(&chat) else { return };
        pane.is_loading = false;
        let is_whole = messages.len() < usize::from(PAGE);
        let first = match chat {
            // The root stands above the first reply, wherever it is in the conversation.
            Chat::Thread(..) if is_whole => Some(1),
            _ => messages.first().map(|message| message.seq),
        };
        match (before, &mut pane.window) {
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
        let Some(pane) = self.panes.get_mut(&Chat::Room(conversation)) else { return };
        pane.is_loading = false;
        if let Some(window) = &mut pane.window {
            let last = messages.last().map(|message| message.seq);
            window.last = last.filter(|last| *last < top);
        }
    }

    fn around(&mut self, conversation: i64, seq: i64, messages: &[Message]) {
        self.state.load_messages(messages);
        let top = self.about(conversation).map_or(0, |about| about.last_seq).max(self.top(conversation));
        let Some(pane) = self.panes.get_mut(&Chat::Room(conversation)) else { return };
        pane.is_loading = false;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return };
        let last = Some(last.seq).filter(|last| *last < top);
        pane.window = Some(Window { first: first.seq, is_whole: first.seq == 1, last });
        pane.selected = Some(seq);
        pane.scroll = Scroll::At(Key::Seq(seq), 0);
        // If the person has opened something else meanwhile, leave the focus there.
        if self.chat == Some(Chat::Room(conversation)) {
            self.focus = super::Focus::Messages;
            self.center();
        }
    }

    /// Shows the first message sent at a time or later, or else the last one.
    fn date(&mut self, conversation: i64, at: Time, messages: &[Message]) {
        let found = messages.iter().find(|message| message.timestamp >= at);
        let shown = found.or(messages.last()).map(|message| message.seq);
        self.around(conversation, shown.unwrap_or_default(), messages);
        if found.is_none() {
            self.notify("nothing was sent here after that");
        }
    }

    /// Opens [`Config::pending`](super::Config::pending) if it is known already.
    pub(super) fn open_pending(&mut self) {
        match self.config.pending {
            Some(Target::User(user)) => self.open_user(user),
            Some(Target::Group(group)) => {
                let Some(chat) = self.chat_of_group(group) else { return };
                self.open(chat);
            }
            None => return,
        }
        self.config.pending = None;
    }

    fn offer_found(&mut self, kind: PromptKind, words: &str, messages: &[Message]) {
        let choices: Vec<_> = messages.iter().map(|message| self.choice_of(message)).collect();
        let Some(prompt) = self.prompt.as_mut().filter(|prompt| prompt.kind == kind) else { return };
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
        let chat = Chat::Room(message.conversation_id);
        super::Choice {
            label: crate::clean::clean_name(&message.content),
            detail: format!("{} in {}", self.name(message.sender_id), self.title(chat)),
            action: Action::Jump { conversation: message.conversation_id, seq: message.seq },
        }
    }
}

fn chat_of(conversation: i64, thread: Option<i64>) -> Chat {
    thread.map_or(Chat::Room(conversation), |root| Chat::Thread(conversation, root))
}
