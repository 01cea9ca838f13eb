//! Drafts: synchronizes unsent text with the user's other devices through the server. Text that was typed here and has
//! not reached the server wins; otherwise the server's draft replaces the text.

use super::{Chat, Model, Pane, Writing};
use crate::screen::editor::Editor;
use crate::screen::request::Request;

/// Pause in typing after which the draft is saved, in milliseconds.
const PAUSE: i64 = 1_000;
/// Most saved texts whose echo from the server may be outstanding.
const MAX_ECHOES: usize = 8;

/// State of the synchronization of one conversation's draft.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// The last text on which this client and the server agreed.
    base: String,
    /// The server's draft as last received, to ignore repetitions of it.
    received: Option<String>,
    /// Texts that were saved and whose echo from the server is outstanding.
    echoes: Vec<String>,
    /// The text at the last check.
    seen: String,
    /// When the text last changed, in milliseconds since 1970. A failed save counts as a change.
    since: i64,
    pub(super) is_saving: bool,
}

impl Draft {
    /// Takes the server's draft. Returns whether it replaces the text.
    fn receive(&mut self, remote: &str, text: &str) -> bool {
        if self.received.as_deref() == Some(remote) {
            return false;
        }
        self.received = Some(remote.to_owned());
        if let Some(at) = self.echoes.iter().position(|echo| echo == remote) {
            self.echoes.drain(..=at);
            return false;
        }
        let is_replaced = text == self.base && text != remote;
        remote.clone_into(&mut self.base);
        is_replaced
    }

    /// Whether to save the text now. `is_left`: it is no longer open, so nobody goes on typing.
    fn is_due(&mut self, text: &str, now: i64, is_left: bool) -> bool {
        if self.seen != text {
            text.clone_into(&mut self.seen);
            self.since = now;
        }
        // A text that was sent must disappear from all devices at once.
        let is_at_rest = is_left || text.is_empty() || now - self.since >= PAUSE;
        text != self.base && is_at_rest && !self.is_saving
    }

    fn saving(&mut self, text: &str) {
        self.is_saving = true;
        if self.echoes.len() == MAX_ECHOES {
            self.echoes.remove(0);
        }
        self.echoes.push(text.to_owned());
    }

    fn saved(&mut self, text: &str) {
        self.is_saving = false;
        text.clone_into(&mut self.base);
    }

    fn failed(&mut self, text: &str, now: i64) {
        self.is_saving = false;
        self.since = now;
        self.echoes.retain(|echo| echo != text);
    }
}

impl Pane {
    /// The text that has not been sent. During an edit it is the text that was put aside.
    fn unsent(&self) -> &str {
        match self.writing {
            Writing::Edit(..) => &self.put_aside,
            Writing::New | Writing::Reply(..) => self.editor.text(),
        }
    }

    fn fill(&mut self, text: &str) {
        match self.writing {
            Writing::Edit(..) => text.clone_into(&mut self.put_aside),
            Writing::New | Writing::Reply(..) => self.editor = Editor::with(text),
        }
    }
}

impl Model {
    /// The draft of a conversation: the text in its composer, or else the server's.
    pub(crate) fn draft(&self, id: i64) -> &str {
        match self.panes.get(&Chat::Room(id)) {
            Some(pane) => pane.unsent(),
            None => self.room(id).and_then(|room| room.own()?.draft.as_deref()).unwrap_or_default(),
        }
    }

    /// Saves drafts that are due and takes over the server's.
    pub(super) fn sync_drafts(&mut self) {
        let (now, asked_at) = (self.millis(), self.state.now());
        let open = self.chat.filter(|_| !self.is_leaving);
        let mut due = Vec::new();
        for (chat, pane) in &mut self.panes {
            let Chat::Room(id) = *chat else { continue };
            let Some(own) = self.state.rooms().get(&id).and_then(|room| room.own()) else { continue };
            let remote = own.draft.as_deref().unwrap_or_default();
            let text = pane.unsent().to_owned();
            if pane.draft.receive(remote, &text) {
                pane.fill(remote);
                continue;
            }
            let is_kept = !is_command(&text) && text.len() <= super::actions::MAX_TEXT;
            if is_kept && pane.draft.is_due(&text, now, open != Some(*chat)) {
                pane.draft.saving(&text);
                due.push(Request::SaveDraft { asked_at, id, text });
            }
        }
        for request in due {
            self.send_request(request);
        }
    }

    /// Whether the server has not confirmed a draft yet.
    pub(crate) fn is_saving(&self) -> bool {
        self.panes.values().any(|pane| pane.draft.is_saving)
    }

    pub(super) fn draft_saved(&mut self, id: i64, text: &str) {
        if let Some(pane) = self.panes.get_mut(&Chat::Room(id)) {
            pane.draft.saved(text);
        }
    }

    /// Saves the draft again later after a temporary failure. A draft that the server refuses stays on this device.
    pub(super) fn draft_failed(&mut self, id: i64, text: &str, is_temporary: bool) {
        let now = self.millis();
        if let Some(pane) = self.panes.get_mut(&Chat::Room(id)) {
            pane.draft.failed(text, now);
            if !is_temporary {
                pane.draft.saved(text);
            }
        }
    }
}

/// Whether the text is a command and not a message.
pub(super) fn is_command(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_stays_and_other_text_is_replaced() {
        let mut draft = Draft::default();
        assert!(draft.receive("from elsewhere", ""), "nothing was typed");
        assert!(!draft.receive("from elsewhere", "typed on"), "it was heard already");
        assert!(!draft.receive("other", "typed on"), "the server does not have what was typed here");
        assert!(draft.is_due("typed on", 0, true));
    }

    #[test]
    fn the_echo_of_a_saved_draft_changes_nothing() {
        let mut draft = Draft::default();
        assert!(!draft.is_due("a", 0, false), "somebody is typing");
        assert!(draft.is_due("a", PAUSE, false));
        draft.saving("a");
        assert!(!draft.is_due("ab", 2 * PAUSE, true), "one at a time");
        draft.saved("a");
        assert!(draft.is_due("ab", 4 * PAUSE, false));
        draft.saving("ab");
        draft.saved("ab");
        assert!(!draft.receive("a", "ab") && !draft.receive("ab", "ab"), "its own words");
        assert!(draft.receive("", "ab"), "sent on another device");
    }

    #[test]
    fn a_failed_save_is_repeated_and_an_empty_text_is_saved_at_once() {
        let mut draft = Draft::default();
        assert!(draft.is_due("a", 0, true));
        draft.saving("a");
        draft.failed("a", 100);
        assert!(!draft.is_due("a", 200, false) && draft.is_due("a", 100 + PAUSE, false));
        draft.saving("a");
        draft.saved("a");
        assert!(draft.is_due("", 100 + PAUSE, false));
    }
}
