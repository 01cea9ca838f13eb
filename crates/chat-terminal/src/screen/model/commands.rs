//! Commands: what is written in the composer behind a slash.

use chat_names::is_same_name;

use super::{Asking, Effect, Model};
use crate::screen::errand::Errand;

/// Each command with what it takes and what it does, for the help.
pub(crate) const COMMANDS: [(&str, &str); 18] = [
    ("/to NAME", "write to a user"),
    ("/new NAME", "create a group"),
    ("/add NAME", "add a member"),
    ("/remove NAME", "remove a member"),
    ("/members", "list the group's members"),
    ("/leave", "leave the group"),
    ("/search WORDS", "search all conversations"),
    ("/pins", "list pinned messages"),
    ("/react EMOJI", "react to the last message"),
    ("/edit", "edit your last message"),
    ("/mute [HOURS]", "mute, or unmute"),
    ("/pin", "keep at the top, or undo that"),
    ("/archive", "archive, or move back"),
    ("/read, /unread", "mark as read, as unread"),
    ("/retry, /drop", "resend or discard a refused message"),
    ("/help", "this page"),
    ("/quit", "quit"),
    ("//TEXT", "text that starts with a slash"),
];

impl Model {
    pub(super) fn obey(&mut self, command: &str) {
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("to", "") => self.ask_for(Asking::GoTo),
            ("to", name) => self.run(Errand::Find(name.into())),
            ("new", "") => self.ask_for(Asking::NewGroup),
            ("new", name) => self.run(Errand::CreateGroup(name.into())),
            ("add", "") => self.ask_for(Asking::AddMember),
            ("add", name) => self.add_member(name),
            ("remove", name) => self.remove_member(name),
            ("members", _) => self.ask_for(Asking::Members),
            ("leave", _) => self.leave(),
            ("search", "") => self.ask_for(Asking::Search),
            ("search", words) => {
                self.ask_for(Asking::Search);
                self.search_for(words);
            }
            ("pins", _) => self.ask_for(Asking::Pins),
            ("react", "") => self.ask_for_reaction(),
            ("react", emoji) => {
                if let Some(seq) = self.addressed().map(|message| message.seq) {
                    self.react(seq, emoji);
                }
            }
            ("edit", _) => self.begin_edit(true),
            ("mute", hours) => self.toggle_muted(self.place, hours.parse().ok()),
            ("pin", _) => self.toggle_conversation_pin(self.place),
            ("archive", _) => self.toggle_archived(self.place),
            ("read", _) => self.mark_read(self.place),
            ("unread", _) => self.mark_unread(self.place),
            ("retry", _) => self.retry(),
            ("drop", _) => self.drop_refused(),
            ("help", _) => self.ask_for(Asking::Help),
            ("quit", _) => self.quit(),
            _ => self.complain(format!("there is no command /{word}; F1 lists them")),
        }
    }

    pub(super) fn add_member(&mut self, name: &str) {
        if let Some((conversation, group)) = self.group() {
            self.run(Errand::AddMember { conversation, group, name: name.into() });
        }
    }

    fn remove_member(&mut self, name: &str) {
        let Some((conversation, group)) = self.group() else { return };
        match self.members().iter().find(|member| is_same_name(&member.username, name)) {
            Some(member) => {
                let user = member.id;
                self.run(Errand::RemoveMember { conversation, group, user });
            }
            None => self.complain(format!("there is no member {name}")),
        }
    }

    fn leave(&mut self) {
        if let Some((conversation, group)) = self.group() {
            let user = self.me();
            self.run(Errand::RemoveMember { conversation, group, user });
        }
    }

    /// Ends; what waits to be sent is asked about first, because it would be lost.
    pub(super) fn quit(&mut self) {
        let is_asked = self.prompt.as_ref().is_some_and(|prompt| prompt.asking == Asking::Quit);
        if self.n_waiting() == 0 || is_asked {
            self.effects.push(Effect::Quit);
        } else {
            self.ask_for(Asking::Quit);
        }
    }
}
