//! Commands: lines of the composer that start with a slash.

use chat_names::is_same_name;

use super::{Effect, Model, PromptKind};
use crate::screen::request::Request;

/// Each command with its arguments and its description, for the help page.
pub(crate) const COMMANDS: [(&str, &str); 19] = [
    ("/to NAME", "write to a user"),
    ("/new NAME", "create a group"),
    ("/add NAME", "add a member"),
    ("/remove NAME", "remove a member"),
    ("/members", "list the group's members"),
    ("/leave", "leave the group"),
    ("/search WORDS", "search all conversations"),
    ("/date DAY [TIME]", "go to a day, such as 2026-11-01"),
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
    pub(super) fn run_command(&mut self, command: &str) {
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("to", "") => self.open_prompt(PromptKind::GoTo),
            ("to", name) => self.send_request(Request::Find(name.into())),
            ("new", "") => self.open_prompt(PromptKind::NewGroup),
            ("new", name) => self.send_request(Request::CreateGroup(name.into())),
            ("add", "") => self.open_prompt(PromptKind::AddMember),
            ("add", name) => self.add_member(name),
            ("remove", name) => self.remove_member(name),
            ("members", _) => self.open_prompt(PromptKind::Members),
            ("leave", _) => self.leave(),
            ("search", "") => self.open_prompt(PromptKind::Search),
            ("search", words) => {
                self.open_prompt(PromptKind::Search);
                self.search_for(words);
            }
            ("date", moment) => self.go_to_date(moment),
            ("pins", _) => self.open_prompt(PromptKind::Pins),
            ("react", "") => self.open_reaction_prompt(),
            ("react", emoji) => {
                if let Some(seq) = self.addressed().map(|message| message.seq) {
                    self.react(seq, emoji);
                }
            }
            ("edit", _) => self.begin_edit(true),
            ("mute", hours) => self.toggle_muted(self.chat, hours.parse().ok()),
            ("pin", _) => self.toggle_conversation_pin(self.chat),
            ("archive", _) => self.toggle_archived(self.chat),
            ("read", _) => self.mark_read(self.chat),
            ("unread", _) => self.mark_unread(self.chat),
            ("retry", _) => self.retry(),
            ("drop", _) => self.drop_refused(),
            ("help", _) => self.open_prompt(PromptKind::Help),
            ("quit", _) => self.quit(),
            _ => self.notify_error(format!("there is no command /{word}; F1 lists them")),
        }
    }

    pub(super) fn add_member(&mut self, name: &str) {
        if let Some((conversation, group)) = self.group() {
            self.send_request(Request::AddMember { conversation, group, name: name.into() });
        }
    }

    fn remove_member(&mut self, name: &str) {
        let Some((conversation, group)) = self.group() else { return };
        match self.members().iter().find(|member| is_same_name(&member.username, name)) {
            Some(member) => {
                let user = member.id;
                self.send_request(Request::RemoveMember { conversation, group, user });
            }
            None => self.notify_error(format!("there is no member {name}")),
        }
    }

    fn leave(&mut self) {
        if let Some((conversation, group)) = self.group() {
            let user = self.me();
            self.send_request(Request::RemoveMember { conversation, group, user });
        }
    }

    /// Quits. Asks first if messages are unsent, because they would be lost.
    pub(super) fn quit(&mut self) {
        let is_asked = self.prompt.as_ref().is_some_and(|prompt| prompt.kind == PromptKind::Quit);
        if self.n_waiting() == 0 || is_asked {
            self.effects.push(Effect::Quit);
        } else {
            self.open_prompt(PromptKind::Quit);
        }
    }
}
