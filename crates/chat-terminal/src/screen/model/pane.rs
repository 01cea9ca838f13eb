//! State that is kept for everything that was opened: the text in the composer, which messages are loaded, and the
//! position in them.

use chat_protocol::rest::Member;

use super::draft::Draft;
use crate::screen::editor::Editor;
use crate::screen::viewport::Key;

/// What happens with the text of the composer when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Writing {
    /// It becomes a new message.
    #[default]
    New,
    /// It becomes a reply to this message, by id and `seq`.
    Reply(i64, i64),
    /// It replaces the text of this message, by id and `seq`.
    Edit(i64, i64),
}

/// The range of a conversation's messages that is loaded without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first `seq` of it.
    pub(crate) first: i64,
    /// Whether there are no messages before it.
    pub(crate) is_whole: bool,
    /// The last `seq` of it. `None`: it reaches to the end, and new messages belong to it.
    pub(crate) last: Option<i64>,
}

/// Scroll position in the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scroll {
    /// The end, also after new messages.
    #[default]
    Bottom,
    /// This item is the lowest on the screen, with this number of its last rows cut off.
    At(Key, usize),
}

/// State of one conversation, user or thread that was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    pub(crate) editor: Editor,
    pub(crate) writing: Writing,
    /// The text of the composer before an edit began, restored after it.
    pub(crate) put_aside: String,
    pub(super) draft: Draft,
    pub(crate) window: Option<Window>,
    pub(crate) is_loading: bool,
    /// After a failure, loading starts again at this time, in milliseconds since 1970.
    pub(super) loads_again_at: i64,
    pub(crate) scroll: Scroll,
    /// The `seq` of the message that keys act on.
    pub(crate) selected: Option<i64>,
    /// The first `seq` that was unread when this was opened. The "new" line stands above it.
    pub(crate) new_from: Option<i64>,
    pub(crate) members: Vec<Member>,
    /// Whether reading clears the "marked unread" flag: only if this was opened after the flag was set.
    pub(super) clears_unread_mark: bool,
    /// When a typing signal was last sent, in milliseconds since 1970.
    pub(super) typing_sent_at: i64,
}

impl Pane {
    /// Whether the end of the conversation is shown.
    pub(crate) fn is_at_end(&self) -> bool {
        self.scroll == Scroll::Bottom && self.window.is_some_and(|window| window.last.is_none())
    }
}
