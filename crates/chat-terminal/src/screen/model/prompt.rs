//! What is laid over the screen to ask for something: a line to write, things to choose from, or both.

use chat_names::{fit, is_found, wanted};
use chat_protocol::rest::User;

use super::{Effect, Model, Place};
use crate::screen::editor::Editor;
use crate::screen::errand::Errand;

/// Reactions that are offered.
pub(crate) const EMOJI: [&str; 8] = ["👍", "💛", "😂", "🎉", "😮", "😢", "🙏", "🧀"];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// A conversation, or a user to write to.
    GoTo,
    /// A name for a new group.
    NewGroup,
    /// A user's name.
    AddMember,
    /// One of the members, to write to.
    Members,
    /// Words to look for.
    Search,
    /// One of the pinned messages.
    Pins,
    /// A reaction to the message of this `seq`.
    React(i64),
    /// For whom to delete the message of this id.
    Delete(i64),
    /// Whether to leave with something unsent.
    Quit,
    /// Nothing: it explains the keys.
    Help,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) deed: Deed,
}

/// What choosing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    Open(Place),
    OpenUser(i64),
    Jump { conversation: i64, seq: i64 },
    React(String),
    Delete { is_for_all: bool },
    Quit,
    Stay,
}

/// The question.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) asking: Asking,
    pub(crate) editor: Editor,
    pub(crate) choices: Vec<Choice>,
    pub(crate) chosen: usize,
    pub(crate) note: String,
    /// The words whose finds are shown.
    pub(crate) searched: String,
    users: Vec<User>,
}

impl Asking {
    /// Whether there is a line to write in.
    pub(crate) fn has_line(self) -> bool {
        !matches!(self, Self::Members | Self::Pins | Self::Delete(_) | Self::Quit | Self::Help)
    }
}

impl Model {
    pub(super) fn ask_for(&mut self, asking: Asking) {
        let conversation = self.room_id();
        match asking {
            Asking::AddMember | Asking::Members => {
                let Some((conversation, group)) = self.group() else { return };
                self.run(Errand::Members { conversation, group });
            }
            Asking::Pins => {
                let Some(id) = conversation else { return };
                self.run(Errand::Pins(id));
            }
            Asking::GoTo => self.run(Errand::Users(String::new())),
            _ => {}
        }
        self.prompt = Some(Prompt {
            asking,
            editor: Editor::default(),
            choices: Vec::new(),
            chosen: 0,
            note: String::new(),
            searched: String::new(),
            users: Vec::new(),
        });
        self.offer();
    }

    pub(super) fn ask_for_reaction(&mut self) {
        match self.addressed().map(|message| message.seq) {
            Some(seq) => self.ask_for(Asking::React(seq)),
            None => self.tell("there is no message to react to"),
        }
    }

    pub(super) fn ask_for_deletion(&mut self) {
        if let Some(id) = self.selected().map(|message| message.id) {
            self.ask_for(Asking::Delete(id));
        }
    }

    /// Another letter: what is offered may change.
    pub(super) fn prompt_changed(&mut self) {
        let Some(prompt) = &mut self.prompt else { return };
        if prompt.asking == Asking::GoTo {
            let prefix = prompt.editor.text().trim().to_owned();
            prompt.chosen = 0;
            self.run(Errand::Users(prefix));
        }
        self.offer();
    }

    pub(super) fn offer_users(&mut self, prefix: &str, users: &[User]) {
        for user in users {
            self.learn_name(user.id, &user.username);
        }
        if let Some(prompt) = &mut self.prompt
            && prompt.asking == Asking::GoTo
            && prompt.editor.text().trim() == prefix
        {
            prompt.users = users.to_vec();
            self.offer();
        }
    }

    pub(super) fn offer_members(&mut self) {
        if self.prompt.as_ref().is_some_and(|prompt| prompt.asking == Asking::Members) {
            self.offer();
        }
    }

    fn offer(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        let text = prompt.editor.text().trim().to_owned();
        let choices = match prompt.asking {
            Asking::GoTo => self.destinations(&text, &prompt.users),
            Asking::React(seq) => self.reactions(seq),
            Asking::Members => self.people(),
            Asking::Delete(id) => self.deletions(id),
            Asking::Quit => {
                vec![choice("stay", "", Deed::Stay), choice("leave all the same", "and lose it", Deed::Quit)]
            }
            Asking::Search | Asking::Pins | Asking::NewGroup | Asking::AddMember | Asking::Help => return,
        };
        if let Some(prompt) = &mut self.prompt {
            prompt.choices = choices;
            prompt.chosen = prompt.chosen.min(prompt.choices.len().saturating_sub(1));
        }
    }

    /// The conversations of whose names a word begins so, and then the users with whom there is none yet.
    fn destinations(&self, text: &str, users: &[User]) -> Vec<Choice> {
        let places =
            self.state.rooms().iter().filter(|(_, room)| {
                room.about().is_some() && room.own().is_some_and(|own| own.role.is_some())
            });
        let wanted = wanted(text);
        let mut choices: Vec<_> = places
            .map(|(id, _)| Place::Room(*id))
            .filter(|place| is_found(&self.title(*place), &wanted))
            .map(|place| {
                let kind = if self.other_side(place).is_some() { "" } else { "group" };
                choice(&self.title(place), kind, Deed::Open(place))
            })
            .collect();
        choices.sort_by_key(|choice| fit(&choice.label, &wanted));
        for user in users.iter().filter(|user| user.id != self.me()) {
            if let Place::User(id) = self.place_of_user(user.id) {
                choices.push(choice(&self.name(id), "new", Deed::OpenUser(id)));
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
                    Deed::React(emoji.to_owned()),
                )
            })
            .collect()
    }

    fn people(&self) -> Vec<Choice> {
        self.members()
            .iter()
            .map(|member| {
                let name = crate::clean::clean_name(&member.username);
                choice(&name, &crate::clean::clean_name(&member.role), Deed::OpenUser(member.id))
            })
            .collect()
    }

    fn deletions(&self, id: i64) -> Vec<Choice> {
        let for_me = choice("for me", "it stays for everybody else", Deed::Delete { is_for_all: false });
        let room = self.room_id().and_then(|id| self.room(id));
        let is_mine = room.is_some_and(|room| {
            room.messages().values().any(|message| message.id == id && message.sender_id == self.me())
        });
        let own = room.and_then(chat_client::v2::Room::own);
        let may = own.is_some_and(|own| own.capabilities.iter().any(|it| it == "delete_any"));
        if is_mine || may {
            vec![choice("for everyone", "", Deed::Delete { is_for_all: true }), for_me]
        } else {
            vec![for_me]
        }
    }

    pub(super) fn search_for(&mut self, words: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.editor = Editor::with(words);
            prompt.note = "searching …".into();
        }
        self.run(Errand::Search { words: words.into(), conversation: None });
    }

    /// Enter: what is chosen, or what is written.
    pub(super) fn decide(&mut self) {
        let Some(prompt) = self.prompt.clone() else { return };
        let text = prompt.editor.text().trim().to_owned();
        let chosen = prompt.choices.get(prompt.chosen).map(|choice| choice.deed.clone());
        match (prompt.asking, chosen) {
            (Asking::Search, _) if text.is_empty() => {}
            // The index follows the messages, so what was not there may be there now.
            (Asking::Search, chosen) if chosen.is_none() || text != prompt.searched => self.search_for(&text),
            (Asking::React(seq), _) if !text.is_empty() => {
                self.prompt = None;
                self.react(seq, &text);
            }
            (Asking::NewGroup | Asking::AddMember, _) if text.is_empty() => {}
            (Asking::NewGroup, _) => {
                self.prompt = None;
                self.run(Errand::CreateGroup(text));
            }
            (Asking::AddMember, _) => {
                self.prompt = None;
                self.add_member(&text);
            }
            (asking, Some(deed)) => {
                self.prompt = None;
                self.carry_out(asking, deed);
            }
            (Asking::GoTo, None) if !text.is_empty() => {
                self.prompt = None;
                self.run(Errand::Find(text));
            }
            (Asking::Help, None) => self.prompt = None,
            (_, None) => {}
        }
    }

    fn carry_out(&mut self, asking: Asking, deed: Deed) {
        match (asking, deed) {
            (_, Deed::Open(place)) => self.open(place),
            (_, Deed::OpenUser(user)) => self.open_user(user),
            (_, Deed::Jump { conversation, seq }) => self.jump(conversation, seq),
            (Asking::React(seq), Deed::React(emoji)) => self.react(seq, &emoji),
            (Asking::Delete(id), Deed::Delete { is_for_all }) => {
                self.stop_selecting();
                self.delete(id, is_for_all);
            }
            (_, Deed::Quit) => self.effects.push(Effect::Quit),
            (_, Deed::Stay | Deed::React(_) | Deed::Delete { .. }) => {}
        }
    }
}

fn choice(label: &str, detail: &str, deed: Deed) -> Choice {
    Choice { label: label.to_owned(), detail: detail.to_owned(), deed }
}
