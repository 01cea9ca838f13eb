//! What is kept for each place that was opened: the text being written, the part of the history that was loaded, and
//! where one is in it.

use chat_protocol::rest::Member;

use super::draft::Draft;
use crate::screen::editor::Editor;
use crate::screen::walk::Key;

/// What the text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Writing {
    /// A message.
    #[default]
    New,
    /// An answer to a message, by id and `seq`.
    Reply(i64, i64),
    /// Another text for a message, by id and `seq`.
    Edit(i64, i64),
}

/// What of a conversation's messages is here without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first `seq`.
    pub(crate) first: i64,
    /// There is nothing before it.
    pub(crate) is_whole: bool,
    /// The last `seq`; `None`: all that comes belongs to it.
    pub(crate) last: Option<i64>,
}

/// What is shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scroll {
    /// The end, whatever comes.
    #[default]
    Bottom,
    /// This item is the lowest, and of its rows so many are cut off.
    At(Key, usize),
}

/// The desk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    pub(crate) editor: Editor,
    pub(crate) writing: Writing,
    /// The text that was there before an edit began.
    pub(crate) put_aside: String,
    pub(super) draft: Draft,
    pub(crate) window: Option<Window>,
    pub(crate) is_loading: bool,
    /// After a failure, nothing is loaded before then.
    pub(super) loads_again_at: i64,
    pub(crate) scroll: Scroll,
    /// The `seq` of the message that keys act on.
    pub(crate) selected: Option<i64>,
    /// The first message that was unread when this was opened.
    pub(crate) new_from: Option<i64>,
    pub(crate) members: Vec<Member>,
    /// Looking at it takes the mark away that it was unread: it was opened since the mark was made.
    pub(super) takes_mark: bool,
    /// When it was last told that the user types.
    pub(super) typing_told: i64,
}

impl Desk {
    /// Whether the end of the conversation is shown.
    pub(crate) fn is_at_end(&self) -> bool {
        self.scroll == Scroll::Bottom && self.window.is_some_and(|window| window.last.is_none())
    }
}
