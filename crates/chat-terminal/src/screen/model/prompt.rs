//! Prompts over the screen: an input line, choices, or both.

use chat_names::{is_found, match_name, wanted};
use chat_protocol::rest::User;

use super::{Chat, Effect, Model};
use crate::screen::editor::Editor;
use crate::screen::request::Request;

/// Reactions that the prompt offers.
pub(crate) const EMOJI: [&str; 8] = ["👍", "💛", "😂", "🎉", "😮", "😢", "🙏", "🧀"];

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptKind {
    /// A conversation, or a user to write to.
    GoTo,
    /// A name for a new group.
    NewGroup,
    /// The name of a user to add to the group.
    AddMember,
    /// One of the members, to write to.
    Members,
    /// Words to search for.
    Search,
    /// One of the pinned messages.
    Pins,
    /// A reaction to the message of this `seq`.
    React(i64),
    /// Whether to delete the message of this id for the user or for everyone.
    Delete(i64),
    /// Whether to quit although messages are unsent.
    Quit,
    /// Nothing: the help page.
    Help,
}

/// A choice of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) action: Action,
}

/// What a choice does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Open(Chat),
    OpenUser(i64),
    Jump { conversation: i64, seq: i64 },
    React(String),
    Delete { is_for_all: bool },
    Quit,
    Stay,
}

/// An open prompt.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) kind: PromptKind,
    pub(crate) editor: Editor,
    pub(crate) choices: Vec<Choice>,
    /// Index of the highlighted choice. On the help page, the number of rows scrolled.
    pub(crate) chosen: usize,
    pub(crate) note: String,
    /// The words whose search results are shown.
    pub(crate) searched: String,
    /// Users whose names match the input line, from the server.
    users: Vec<User>,
}

impl PromptKind {
    /// Whether the prompt has an input line.
    pub(crate) fn has_line(self) -> bool {
        !matches!(self, Self::Members | Self::Pins | Self::Delete(_) | Self::Quit | Self::Help)
    }
}

impl Model {
    pub(super) fn open_prompt(&mut self, kind: PromptKind) {
        let conversation = self.room_id();
        match kind {
            PromptKind::AddMember | PromptKind::Members => {
                let Some((conversation, group)) = self.group() else { return };
                self.send_request(Request::Members { conversation, group });
            }
            PromptKind::Pins => {
                let Some(id) = conversation else { return };
                self.send_request(Request::Pins(id));
            }
            PromptKind::GoTo => self.send_request(Request::Users(String::new())),
            _ => {}
        }
        self.prompt = Some(Prompt {
            kind,
            editor: Editor::default(),
            choices: Vec::new(),
            chosen: 0,
            note: String::new(),
            searched: String::new(),
            users: Vec::new(),
        });
        self.offer();
    }

    pub(super) fn open_reaction_prompt(&mut self) {
        match self.addressed().map(|message| message.seq) {
            Some(seq) => self.open_prompt(PromptKind::React(seq)),
            None => self.notify("there is no message to react to"),
        }
    }

    pub(super) fn open_deletion_prompt(&mut self) {
        if let Some(id) = self.selected().map(|message| message.id) {
            self.open_prompt(PromptKind::Delete(id));
        }
    }

    /// The text of the input line has changed: refreshes the choices.
    pub(super) fn prompt_changed(&mut self) {
        let Some(prompt) = &mut self.prompt else { return };
        if prompt.kind == PromptKind::GoTo {
            let prefix = prompt.editor.text().trim().to_owned();
            prompt.chosen = 0;
            self.send_request(Request::Users(prefix));
        }
        self.offer();
    }

    pub(super) fn offer_users(&mut self, prefix: &str, users: &[User]) {
        for user in users {
            self.learn_name(user.id, &user.username);
        }
        if let Some(prompt) = &mut self.prompt
            && prompt.kind == PromptKind::GoTo
            && prompt.editor.text().trim() == prefix
        {
            prompt.users = users.to_vec();
            self.offer();
        }
    }

    pub(super) fn offer_members(&mut self) {
        if self.prompt.as_ref().is_some_and(|prompt| prompt.kind == PromptKind::Members) {
            self.offer();
        }
    }

    /// Refreshes the choices that depend on the model alone.
    fn offer(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        let text = prompt.editor.text().trim().to_owned();
        let choices = match prompt.kind {
            PromptKind::GoTo => self.destinations(&text, &prompt.users),
            PromptKind::React(seq) => self.reactions(seq),
            PromptKind::Members => self.people(),
            PromptKind::Delete(id) => self.deletions(id),
            PromptKind::Quit => {
                vec![
                    choice("stay", "", Action::Stay),
                    choice("leave all the same", "and lose it", Action::Quit),
                ]
            }
            PromptKind::Search
            | PromptKind::Pins
            | PromptKind::NewGroup
            | PromptKind::AddMember
            | PromptKind::Help => return,
        };
        if let Some(prompt) = &mut self.prompt {
            prompt.choices = choices;
            prompt.chosen = prompt.chosen.min(prompt.choices.len().saturating_sub(1));
        }
    }

    /// The conversations whose names match, best match first, then the users without a conversation with this user.
    fn destinations(&self, text: &str, users: &[User]) -> Vec<Choice> {
        let chats =
            self.state.rooms().iter().filter(|(_, room)| {
                room.about().is_some() && room.own().is_some_and(|own| own.role.is_some())
            });
        let wanted = wanted(text);
        let mut choices: Vec<_> = chats
            .map(|(id, _)| Chat::Room(*id))
            .filter(|chat| is_found(&self.title(*chat), &wanted))
            .map(|chat| {
                let kind = if self.other_side(chat).is_some() { "" } else { "group" };
                choice(&self.title(chat), kind, Action::Open(chat))
            })
            .collect();
        choices.sort_by_key(|choice| match_name(&choice.label, &wanted));
        for user in users.iter().filter(|user| user.id != self.me()) {
            if let Chat::User(id) = self.chat_with_user(user.id) {
                choices.push(choice(&self.name(id), "new", Action::OpenUser(id)));
            }
        }
        choices
    }

    fn reactions(&self, seq: i64) -> Vec<Choice> {
        let Some(message) = self.message_at(seq) else { return Vec::new() };
        let used = message.reactions.iter().map(|reaction| reaction.emoji.as_str());
        let mut emoji: Vec<&str> = used.chain(EMOJI).collect();
        let mut seen = std::collections::BTreeSet::new();
        emoji.retain(|emoji| seen.insert(*emoji));
        emoji
            .into_iter()
            .map(|emoji| {
                let mine = message.reactions.iter().any(|it| it.emoji == emoji && it.me);
                choice(
                    &crate::clean::clean_name(emoji),
                    if mine { "take back" } else { "" },
                    Action::React(emoji.to_owned()),
                )
            })
            .collect()
    }

    fn people(&self) -> Vec<Choice> {
        self.members()
            .iter()
            .map(|member| {
                let name = crate::clean::clean_name(&member.username);
                choice(&name, &crate::clean::clean_name(&member.role), Action::OpenUser(member.id))
            })
            .collect()
    }

    fn deletions(&self, id: i64) -> Vec<Choice> {
        let for_me = choice("for me", "it stays for everybody else", Action::Delete { is_for_all: false });
        let room = self.room_id().and_then(|id| self.room(id));
        let is_mine = room.is_some_and(|room| {
            room.messages().values().any(|message| message.id == id && message.sender_id == self.me())
        });
        let own = room.and_then(chat_client::v2::Room::own);
        let may = own.is_some_and(|own| own.capabilities.iter().any(|it| it == "delete_any"));
        if is_mine || may {
            vec![choice("for everyone", "", Action::Delete { is_for_all: true }), for_me]
        } else {
            vec![for_me]
        }
    }

    pub(super) fn search_for(&mut self, words: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.editor = Editor::with(words);
            prompt.note = "searching …".into();
        }
        self.send_request(Request::Search { words: words.into(), conversation: None });
    }

    /// Handles Enter: carries out the choice, or uses the text of the input line.
    pub(super) fn decide(&mut self) {
        let Some(prompt) = self.prompt.clone() else { return };
        let text = prompt.editor.text().trim().to_owned();
        let chosen = prompt.choices.get(prompt.chosen).map(|choice| choice.action.clone());
        match (prompt.kind, chosen) {
            (PromptKind::Search, _) if text.is_empty() => {}
            // The index lags behind the messages, so the same words may find more the next time.
            (PromptKind::Search, chosen) if chosen.is_none() || text != prompt.searched => {
                self.search_for(&text);
            }
            (PromptKind::React(seq), _) if !text.is_empty() => {
                self.prompt = None;
                self.react(seq, &text);
            }
            (PromptKind::NewGroup | PromptKind::AddMember, _) if text.is_empty() => {}
            (PromptKind::NewGroup, _) => {
                self.prompt = None;
                self.send_request(Request::CreateGroup(text));
            }
            (PromptKind::AddMember, _) => {
                self.prompt = None;
                self.add_member(&text);
            }
            (kind, Some(action)) => {
                self.prompt = None;
                self.carry_out(kind, action);
            }
            (PromptKind::GoTo, None) if !text.is_empty() => {
                self.prompt = None;
                self.send_request(Request::Find(text));
            }
            (PromptKind::Help, None) => self.prompt = None,
            (_, None) => {}
        }
    }

    fn carry_out(&mut self, kind: PromptKind, action: Action) {
        match (kind, action) {
            (_, Action::Open(chat)) => self.open(chat),
            (_, Action::OpenUser(user)) => self.open_user(user),
            (_, Action::Jump { conversation, seq }) => self.jump(conversation, seq),
            (PromptKind::React(seq), Action::React(emoji)) => self.react(seq, &emoji),
            (PromptKind::Delete(id), Action::Delete { is_for_all }) => {
                self.stop_selecting();
                self.delete(id, is_for_all);
            }
            (_, Action::Quit) => self.effects.push(Effect::Quit),
            (_, Action::Stay | Action::React(_) | Action::Delete { .. }) => {}
        }
    }
}

fn choice(label: &str, detail: &str, action: Action) -> Choice {
    Choice { label: label.to_owned(), detail: detail.to_owned(), action }
}
