//! What is written and not sent, here and on the user's other devices: who gives way to whom, and when the server is
//! told. What was typed here and has not reached the server stays; where nothing was typed, the server's word is taken.

use super::{Desk, Model, Place, Writing};
use crate::screen::editor::Editor;
use crate::screen::errand::Errand;

/// How long nobody has typed when the server is told, in milliseconds.
const PAUSE: i64 = 1_000;
/// So many of this client's own changes may still come back to it.
const MAX_ECHOES: usize = 8;

/// How far a text and the server's draft are in step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// What the server has, as far as this client and it agree.
    base: String,
    /// The server's word as it was last heard, to tell a new one from the same one heard again.
    heard: Option<String>,
    /// What the server was told, and will say once more.
    echoes: Vec<String>,
    /// The text as it was last looked at, and since when it is so.
    seen: String,
    since: i64,
    pub(super) is_saving: bool,
}

impl Draft {
    /// The server says what it has. Whether the text is to become that.
    fn told(&mut self, remote: &str, text: &str) -> bool {
        if self.heard.as_deref() == Some(remote) {
            return false;
        }
        self.heard = Some(remote.to_owned());
        if let Some(at) = self.echoes.iter().position(|echo| echo == remote) {
            self.echoes.drain(..=at);
            return false;
        }
        let gives_way = text == self.base && text != remote;
        remote.clone_into(&mut self.base);
        gives_way
    }

    /// Whether the server is to be told of the text now; `is_left`: nobody goes on typing there.
    fn is_due(&mut self, text: &str, now: i64, is_left: bool) -> bool {
        if self.seen != text {
            text.clone_into(&mut self.seen);
            self.since = now;
        }
        // What has been sent is no draft any longer, on no device.
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

impl Desk {
    /// What is written and not sent; another text for a message is none.
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
    /// What the user has begun to write in a conversation, here or elsewhere.
    pub(crate) fn draft(&self, id: i64) -> &str {
        match self.desks.get(&Place::Room(id)) {
            Some(desk) => desk.unsent(),
            None => self.room(id).and_then(|room| room.own()?.draft.as_deref()).unwrap_or_default(),
        }
    }

    /// Brings what is written here and what the server has into step.
    pub(super) fn keep_drafts(&mut self) {
        let (now, asked) = (self.millis(), self.state.now());
        let open = self.place.filter(|_| !self.is_leaving);
        let mut errands = Vec::new();
        for (place, desk) in &mut self.desks {
            let Place::Room(id) = *place else { continue };
            let Some(own) = self.state.rooms().get(&id).and_then(|room| room.own()) else { continue };
            let remote = own.draft.as_deref().unwrap_or_default();
            let text = desk.unsent().to_owned();
            if desk.draft.told(remote, &text) {
                desk.fill(remote);
                continue;
            }
            let is_kept = !is_command(&text) && text.len() <= super::deeds::MAX_TEXT;
            if is_kept && desk.draft.is_due(&text, now, open != Some(*place)) {
                desk.draft.saving(&text);
                errands.push(Errand::SaveDraft { asked, id, text });
            }
        }
        for errand in errands {
            self.run(errand);
        }
    }

    /// Whether the server has yet to answer that it has a draft.
    pub(crate) fn is_saving(&self) -> bool {
        self.desks.values().any(|desk| desk.draft.is_saving)
    }

    pub(super) fn draft_saved(&mut self, id: i64, text: &str) {
        if let Some(desk) = self.desks.get_mut(&Place::Room(id)) {
            desk.draft.saved(text);
        }
    }

    /// What may go well later is tried again; what the server does not want stays here.
    pub(super) fn draft_failed(&mut self, id: i64, text: &str, is_passing: bool) {
        let now = self.millis();
        if let Some(desk) = self.desks.get_mut(&Place::Room(id)) {
            desk.draft.failed(text, now);
            if !is_passing {
                desk.draft.saved(text);
            }
        }
    }
}

/// Whether it is a command, and no text for others.
pub(super) fn is_command(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_here_stays_and_what_was_not_gives_way() {
        let mut draft = Draft::default();
        assert!(draft.told("from elsewhere", ""), "nothing was typed");
        assert!(!draft.told("from elsewhere", "typed on"), "it was heard already");
        assert!(!draft.told("other", "typed on"), "the server does not have what was typed here");
        assert!(draft.is_due("typed on", 0, true));
    }

    #[test]
    fn what_was_told_comes_back_without_harm() {
        let mut draft = Draft::default();
        assert!(!draft.is_due("a", 0, false), "somebody is typing");
        assert!(draft.is_due("a", PAUSE, false));
        draft.saving("a");
        assert!(!draft.is_due("ab", 2 * PAUSE, true), "one at a time");
        draft.saved("a");
        assert!(draft.is_due("ab", 4 * PAUSE, false));
        draft.saving("ab");
        draft.saved("ab");
        assert!(!draft.told("a", "ab") && !draft.told("ab", "ab"), "its own words");
        assert!(draft.told("", "ab"), "sent on another device");
    }

    #[test]
    fn what_did_not_reach_the_server_is_told_again_and_an_empty_text_at_once() {
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
