//! What each key does in each part of the screen.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Effect, Focus, Model, PromptKind, Writing};
use crate::screen::editor::{Editor, Move};
use crate::screen::layout;

/// Each key with its description, for the help page.
pub(crate) const KEYS: [(&str, &str); 22] = [
    ("Enter", "send"),
    ("Alt-Enter, Ctrl-J", "new line"),
    ("Ctrl-E", "edit your last message"),
    ("Esc", "cancel a reply or edit; leave the thread"),
    ("Ctrl-K", "go to a conversation or user"),
    ("Ctrl-N, Ctrl-P", "next conversation, previous conversation"),
    ("Ctrl-F", "search"),
    ("Ctrl-G", "create a group"),
    ("PgUp, PgDn", "scroll"),
    ("Tab", "the list"),
    ("Up", "choose a message; then:"),
    ("  r, t", "reply; open its thread"),
    ("  e, d", "edit; delete"),
    ("  +, p", "react; pin"),
    ("  Enter", "go to what it replies to, or to its thread"),
    ("in the list: m, p", "mute; pin"),
    ("  r, u", "mark as read, as unread"),
    ("  a, A", "archive; show archived conversations"),
    ("  n, /", "go to a conversation; search"),
    ("in both: j, k, g, G", "like Down, Up, Home, End"),
    ("F1, or ? in both", "this page"),
    ("Ctrl-C, Ctrl-Z, Ctrl-L", "quit; suspend; redraw"),
];

impl Model {
    pub(super) fn press(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        if self.press_anywhere(key) {
            return;
        }
        if self.prompt.is_some() {
            self.press_in_prompt(key);
            return;
        }
        match self.focus {
            Focus::Composer => self.press_in_composer(key),
            Focus::List => self.press_in_list(key),
            Focus::Messages => self.press_in_messages(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.editor.insert(&text.replace(['\r', '\n'], " "));
            self.prompt_changed();
            return;
        }
        self.stop_selecting();
        if let Some(pane) = self.pane_mut() {
            pane.editor.insert(text);
        }
        self.send_typing();
    }

    fn press_anywhere(&mut self, key: KeyEvent) -> bool {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => self.quit(),
            KeyCode::Char('z') if is_control => self.effects.push(Effect::Suspend),
            KeyCode::Char('l') if is_control => self.effects.push(Effect::Redraw),
            KeyCode::F(1) => self.open_prompt(PromptKind::Help),
            _ if self.prompt.is_some() => return false,
            KeyCode::Char('k') if is_control => self.open_prompt(PromptKind::GoTo),
            KeyCode::Char('f') if is_control => self.open_prompt(PromptKind::Search),
            KeyCode::Char('g') if is_control => self.open_prompt(PromptKind::NewGroup),
            KeyCode::Char('n') if is_control => self.step(true),
            KeyCode::Char('p') if is_control => self.step(false),
            KeyCode::Down if key.modifiers.contains(KeyModifiers::ALT) => self.step(true),
            KeyCode::Up if key.modifiers.contains(KeyModifiers::ALT) => self.step(false),
            KeyCode::PageUp => self.scroll_page(false),
            KeyCode::PageDown => self.scroll_page(true),
            _ => return false,
        }
        true
    }

    fn press_in_composer(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_alt = key.modifiers.contains(KeyModifiers::ALT);
        let width = layout::composer_width(self);
        let Some(pane) = self.pane_mut() else {
            if key.code == KeyCode::Tab {
                self.focus = Focus::List;
            }
            return;
        };
        match key.code {
            KeyCode::Enter if is_alt || key.modifiers.contains(KeyModifiers::SHIFT) => {
                pane.editor.insert("\n");
            }
            KeyCode::Char('j') if is_control => pane.editor.insert("\n"),
            KeyCode::Enter => self.submit(),
            KeyCode::Char('e') if is_control && pane.editor.is_empty() => self.begin_edit(true),
            KeyCode::Esc => {
                if !self.cancel_writing() && !self.leave_thread() {
                    self.go_to_end();
                }
            }
            KeyCode::Tab => self.go_to_list(),
            KeyCode::BackTab => self.begin_selecting(),
            KeyCode::Up => {
                if !pane.editor.go_line(false, width) {
                    self.begin_selecting();
                }
            }
            KeyCode::Down => drop(pane.editor.go_line(true, width)),
            _ => {
                if edit(&mut pane.editor, key) {
                    self.send_typing();
                }
            }
        }
    }

    fn go_to_list(&mut self) {
        self.focus = Focus::List;
        self.listed = self.chat.map(super::Chat::entry).or_else(|| self.listing().first().copied());
    }

    fn press_in_list(&mut self, key: KeyEvent) {
        let listed = self.listed;
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.step_listed(true),
            KeyCode::Up | KeyCode::Char('k') => self.step_listed(false),
            KeyCode::Home | KeyCode::Char('g') => self.listed = self.listing().first().copied(),
            KeyCode::End | KeyCode::Char('G') => self.listed = self.listing().last().copied(),
            KeyCode::Enter | KeyCode::Right => {
                if let Some(chat) = listed {
                    self.open(chat);
                }
            }
            KeyCode::Tab | KeyCode::Esc => self.focus = Focus::Composer,
            KeyCode::Char('m') => self.toggle_muted(listed, None),
            KeyCode::Char('p') => self.toggle_conversation_pin(listed),
            KeyCode::Char('a') => self.toggle_archived(listed),
            KeyCode::Char('A') => self.toggle_shows_archived(),
            KeyCode::Char('r') => self.mark_read(listed),
            KeyCode::Char('u') => self.mark_unread(listed),
            KeyCode::Char('n') => self.open_prompt(PromptKind::GoTo),
            KeyCode::Char('/') => self.open_prompt(PromptKind::Search),
            KeyCode::Char('?') => self.open_prompt(PromptKind::Help),
            _ => {}
        }
    }

    fn press_in_messages(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => self.select_neighbour(true),
            KeyCode::Up | KeyCode::Char('k') => self.select_neighbour(false),
            KeyCode::Home | KeyCode::Char('g') => self.select_edge(false),
            KeyCode::End | KeyCode::Char('G') => self.select_edge(true),
            KeyCode::Esc | KeyCode::Tab | KeyCode::Char('q') => {
                self.stop_selecting();
                self.go_to_end();
            }
            KeyCode::Char('r') => self.reply(),
            KeyCode::Char('t') => self.open_thread(),
            KeyCode::Char('e') => self.begin_edit(false),
            KeyCode::Char('d') | KeyCode::Delete => self.open_deletion_prompt(),
            KeyCode::Char('+' | 'x') if self.selected().is_some() => self.open_reaction_prompt(),
            KeyCode::Char('p') => self.toggle_pin(),
            KeyCode::Enter => self.follow(),
            KeyCode::Char('/') => self.open_prompt(PromptKind::Search),
            KeyCode::Char('?') => self.open_prompt(PromptKind::Help),
            _ => {}
        }
    }

    fn reply(&mut self) {
        if let Some((id, seq)) = self.selected().map(|message| (message.id, message.seq)) {
            self.write(Writing::Reply(id, seq));
        }
    }

    /// Goes to the message that the selected one replies to, or else to its thread.
    fn follow(&mut self) {
        let Some(message) = self.selected() else { return };
        let (conversation, has_thread) = (message.conversation_id, message.thread.is_some());
        match (message.reply_to, message.thread_id) {
            (Some(id), _) => match self.message_of(conversation, id).map(|message| message.seq) {
                Some(seq) => self.jump(conversation, seq),
                None => self.notify("it is further up: load it with PgUp"),
            },
            (None, Some(_)) => self.open_thread(),
            (None, None) if has_thread => self.open_thread(),
            (None, None) => {}
        }
    }

    fn press_in_prompt(&mut self, key: KeyEvent) {
        let Some(prompt) = &mut self.prompt else { return };
        let last = prompt.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => self.prompt = None,
            KeyCode::Enter => self.decide(),
            KeyCode::Down | KeyCode::Tab if prompt.kind == PromptKind::Help => prompt.chosen += 1,
            KeyCode::Char('q') if prompt.kind == PromptKind::Help => self.prompt = None,
            KeyCode::Down | KeyCode::Tab => prompt.chosen = (prompt.chosen + 1).min(last),
            KeyCode::Up | KeyCode::BackTab => prompt.chosen = prompt.chosen.saturating_sub(1),
            KeyCode::PageDown => prompt.chosen = (prompt.chosen + 8).min(last),
            KeyCode::PageUp => prompt.chosen = prompt.chosen.saturating_sub(8),
            KeyCode::Char(digit @ '1'..='9')
                if matches!(prompt.kind, PromptKind::React(_)) && prompt.editor.is_empty() =>
            {
                let number = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or_default();
                if number <= last {
                    prompt.chosen = number;
                    self.decide();
                }
            }
            _ if !prompt.kind.has_line() => {}
            _ => {
                if edit(&mut prompt.editor, key) {
                    self.prompt_changed();
                }
            }
        }
    }
}

/// Handles keys that every input line shares. Returns whether the text has changed.
fn edit(editor: &mut Editor, key: KeyEvent) -> bool {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_alt = key.modifiers.contains(KeyModifiers::ALT);
    let by_word = is_control || is_alt;
    let to = match key.code {
        KeyCode::Left if by_word => Move::WordLeft,
        KeyCode::Right if by_word => Move::WordRight,
        KeyCode::Left => Move::Left,
        KeyCode::Right => Move::Right,
        KeyCode::Home if is_control => Move::Start,
        KeyCode::End if is_control => Move::End,
        KeyCode::Home => Move::LineStart,
        KeyCode::End => Move::LineEnd,
        KeyCode::Char('a') if is_control => Move::LineStart,
        KeyCode::Char('e') if is_control => Move::LineEnd,
        KeyCode::Char('b') if is_alt => Move::WordLeft,
        KeyCode::Char('f') if is_alt => Move::WordRight,
        _ => return change(editor, key, by_word),
    };
    editor.go(to);
    false
}

fn change(editor: &mut Editor, key: KeyEvent, by_word: bool) -> bool {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Backspace if by_word => editor.delete(Move::WordLeft),
        KeyCode::Char('w') if is_control => editor.delete(Move::WordLeft),
        KeyCode::Char('u') if is_control => editor.delete(Move::LineStart),
        KeyCode::Char('h') if is_control => editor.delete(Move::Left),
        KeyCode::Char('d') if is_control => editor.delete(Move::Right),
        KeyCode::Delete if by_word => editor.delete(Move::WordRight),
        KeyCode::Backspace => editor.delete(Move::Left),
        KeyCode::Delete => editor.delete(Move::Right),
        // Some keyboard layouts produce characters with Ctrl and Alt together (AltGr).
        KeyCode::Char(c) if is_control == key.modifiers.contains(KeyModifiers::ALT) => {
            editor.insert(c.encode_utf8(&mut [0; 4]));
        }
        _ => return false,
    }
    true
}
