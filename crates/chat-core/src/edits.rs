//! Changes to messages after they were sent: edit, delete for everyone or for oneself, pin.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::command::{Decision, MessageCommand};
use crate::conversations::Counted;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::messages::{Mentions, Message, Pin, Streaming};
use crate::policy::{Access, Action, allowed};
use crate::posting;
use crate::time::Timestamp;

/// Maximum number of earlier texts that are kept of one message, the newest ones. Without a bound, a user could fill
/// the disk through one message.
pub const MAX_VERSIONS: u16 = 100;

/// An earlier text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub content: String,
    /// When the message got this text.
    pub since: Timestamp,
}

/// The result of deleting a message for oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// The message is now hidden from the user.
    Now {
        user: UserId,
        conversation: ConversationId,
        message: MessageId,
        /// The user's unread counts without the message.
        counted: Counted,
    },
    /// The message was hidden before.
    Already,
}

impl Outcome for Hidden {
    fn changes(&self) -> Vec<Change> {
        match *self {
            Self::Now { user, conversation, message, counted } => {
                let counted = Some(counted);
                vec![Change::MessageHidden { user, conversation, message, counted }]
            }
            Self::Already => Vec::new(),
        }
    }
}

/// Decides whether a user with this access may replace the message's text. If applied, the store keeps the returned
/// earlier text.
///
/// # Errors
/// The policy's refusal of [`Action::Edit`]; `message_deleted`; `still_growing`; `Invalid` for an empty text without
/// media.
pub fn decide_edit(message: &Message, access: Access, content: &str) -> Result<Decision<Version>> {
    allowed(access, Action::Edit)?;
    not_deleted(message)?;
    if message.streaming == Some(Streaming::Growing) {
        let sentence = "This message is still streaming; finish it first";
        return Err(Error::conflict("still_growing", sentence));
    }
    if message.content == content {
        return Ok(Decision::Already);
    }
    if content.trim().is_empty() && message.media.is_empty() {
        return Err(Error::invalid("content", "must not be empty without media"));
    }
    let since = message.edited_at.unwrap_or(message.sent_at);
    Ok(Decision::Apply(Version { content: message.content.clone(), since }))
}

/// Decides whether a user with this access may delete the message for everyone at `at`. If applied, the store replaces
/// the message by the returned one, with a new `rev`.
///
/// # Errors
/// The policy's refusal of [`Action::Delete`].
pub fn decide_delete(message: &Message, access: Access, at: Timestamp) -> Result<Decision<Message>> {
    allowed(access, Action::Delete)?;
    if message.deleted_at.is_some() {
        return Ok(Decision::Already);
    }
    // Nobody can end the growth of a deleted message, so it ends here.
    let streaming = message.streaming.map(|state| match state {
        Streaming::Growing => Streaming::Abandoned,
        ended => ended,
    });
    Ok(Decision::Apply(Message {
        content: String::new(),
        media: Vec::new(),
        mentions: Mentions::default(),
        custom: None,
        reactions: Vec::new(),
        pin: None,
        streaming,
        deleted_at: Some(at),
        ..message.clone()
    }))
}

/// Decides whether deleting the message for the actor alone changes anything. A message that is deleted for everyone may
/// be hidden too, since clients still show its placeholder.
pub fn decide_hide(is_hidden: bool) -> Decision<()> {
    if is_hidden { Decision::Already } else { Decision::Apply(()) }
}

/// Decides whether a user with this access may pin the message (`pinned`) or remove the pin. If applied, the store
/// writes the returned pin.
///
/// # Errors
/// The policy's refusal of [`Action::Pin`]; `message_deleted`.
pub fn decide_pin(
    message: &Message,
    access: Access,
    (command, pinned): (MessageCommand, bool),
) -> Result<Decision<Option<Pin>>> {
    allowed(access, Action::Pin)?;
    not_deleted(message)?;
    if message.pin.is_some() == pinned {
        return Ok(Decision::Already);
    }
    Ok(Decision::Apply(pinned.then_some(Pin { by: command.actor, at: command.at })))
}

/// Refuses a change to a deleted message.
pub(crate) fn not_deleted(message: &Message) -> Result<()> {
    if message.deleted_at.is_some() { Err(posting::deleted()) } else { Ok(()) }
}

/// The durable side of changing messages. Every method MUST answer `NotFound` if the actor is not a member of the
/// message's conversation, and call the decision within the transaction that writes; every change increases the
/// message's `rev`.
#[async_trait]
pub trait EditStore: Send + Sync + 'static {
    /// Replaces the text as [`decide_edit`] decides and keeps the earlier one, at most [`MAX_VERSIONS`] of them.
    async fn edit(&self, command: MessageCommand, content: String) -> Result<Changed>;
    /// Empties the message as [`decide_delete`] decides, and deletes its earlier texts. The message keeps its `seq`.
    async fn delete(&self, command: MessageCommand) -> Result<Changed>;
    /// Hides the message from the actor, as [`decide_hide`] decides, and counts what is unread without it.
    async fn hide(&self, command: MessageCommand) -> Result<Hidden>;
    /// Pins or unpins the message, as [`decide_pin`] decides.
    async fn pin(&self, command: MessageCommand, pinned: bool) -> Result<Changed>;
    /// Returns the earlier texts of the message, oldest first; an empty list once it is deleted.
    async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>>;
    /// Returns the pinned messages of a conversation, the last pinned first, at most `limit`. MUST answer `NotFound` to
    /// users who are not members.
    async fn pinned(&self, reader: UserId, conversation: ConversationId, limit: u16) -> Result<Vec<Message>>;
}

impl Chat {
    /// Replaces a message's text; author only.
    ///
    /// # Errors
    /// Those of [`decide_edit`]; `Invalid` if the text is too long.
    pub async fn edit(&self, actor: UserId, message: MessageId, content: String) -> Result<Message> {
        posting::check_content(&content, &self.limits)?;
        Ok(self.store.edit(self.command(actor, message), content).await?.into_message())
    }

    /// Deletes a message for everyone.
    ///
    /// # Errors
    /// Those of [`decide_delete`].
    pub async fn delete(&self, actor: UserId, message: MessageId) -> Result<Message> {
        Ok(self.store.delete(self.command(actor, message)).await?.into_message())
    }

    /// Deletes a message for the actor alone.
    pub async fn hide(&self, actor: UserId, message: MessageId) -> Result<()> {
        self.store.hide(self.command(actor, message)).await.map(drop)
    }

    /// Pins or unpins a message.
    ///
    /// # Errors
    /// Those of [`decide_pin`].
    pub async fn pin(&self, actor: UserId, message: MessageId, pinned: bool) -> Result<Message> {
        Ok(self.store.pin(self.command(actor, message), pinned).await?.into_message())
    }

    /// Returns the earlier texts of a message, oldest first.
    pub async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>> {
        self.store.versions(reader, message).await
    }

    /// Returns the pinned messages of a conversation, the last pinned first.
    pub async fn pinned(
        &self,
        reader: UserId,
        conversation: ConversationId,
        limit: u16,
    ) -> Result<Vec<Message>> {
        self.store.pinned(reader, conversation, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Role;
    use crate::media::Media;
    use crate::reactions::Reaction;
    use crate::sample::{self, author, stranger};

    fn member() -> Access {
        sample::access(Role::Member)
    }

    fn admin() -> Access {
        sample::access(Role::Admin)
    }

    fn with(change: impl FnOnce(&mut Message)) -> Message {
        let mut message = sample::text("old");
        change(&mut message);
        message
    }

    fn picture(message: &mut Message) {
        message.media = vec![Media { url: "https://example.com/a.png".into(), ..Media::default() }];
    }

    fn deleted(message: &mut Message) {
        message.deleted_at = Some(Timestamp(150));
    }

    fn code<T>(result: Result<T>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "none")
    }

    #[test]
    fn an_edit_keeps_the_former_text_with_its_time() {
        let former = |since| Decision::Apply(Version { content: "old".into(), since: Timestamp(since) });
        let edited = with(|message| message.edited_at = Some(Timestamp(120)));
        assert_eq!(decide_edit(&sample::text("old"), author(), "new").unwrap(), former(100));
        assert_eq!(decide_edit(&edited, author(), "new").unwrap(), former(120));
        assert_eq!(decide_edit(&with(picture), author(), "").unwrap(), former(100));
        assert_eq!(decide_edit(&edited, author(), "old").unwrap(), Decision::Already);
    }

    #[test]
    fn edits_are_refused_in_this_order() {
        let growing = |message: &mut Message| message.streaming = Some(Streaming::Growing);
        let table: [(Message, Access, &str, &str); 9] = [
            (with(deleted), stranger(), "new", "not_a_member"),
            (with(deleted), admin(), "new", "forbidden"),
            (with(deleted), author(), "new", "message_deleted"),
            (with(growing), author(), "new", "still_growing"),
            (with(growing), author(), "old", "still_growing"),
            (with(growing), author(), "", "still_growing"),
            (with(|_| {}), author(), " \n", "invalid_request"),
            (with(|_| {}), member(), "old", "forbidden"),
            (with(|message| message.content = " ".into()), author(), " ", "none"),
        ];
        for (message, access, content, expected) in table {
            assert_eq!(code(decide_edit(&message, access, content)), expected, "{content:?} of {message:?}");
        }
    }

    #[test]
    fn an_ended_message_may_be_edited() {
        for state in [Streaming::Finished, Streaming::Abandoned] {
            let ended = with(|message| message.streaming = Some(state));
            assert!(matches!(decide_edit(&ended, author(), "new"), Ok(Decision::Apply(_))));
        }
    }

    #[test]
    fn deletion_keeps_the_seq_and_no_content() {
        let full = with(|message| {
            picture(message);
            message.mentions = Mentions { users: vec![UserId(2)], all: true };
            message.custom = Some("{}".into());
            Reaction::add(&mut message.reactions, "👍", UserId(2));
            message.pin = Some(Pin { by: UserId(2), at: Timestamp(130) });
            message.edited_at = Some(Timestamp(120));
        });
        let edited_at = Some(Timestamp(120));
        let left = Message { edited_at, deleted_at: Some(Timestamp(150)), ..sample::text("") };
        assert_eq!(decide_delete(&full, admin(), Timestamp(150)).unwrap(), Decision::Apply(left));
        assert_eq!(decide_delete(&with(deleted), admin(), Timestamp(160)).unwrap(), Decision::Already);
        assert_eq!(code(decide_delete(&full, member(), Timestamp(150))), "forbidden");
        assert_eq!(code(decide_delete(&with(deleted), stranger(), Timestamp(160))), "not_a_member");
    }

    #[test]
    fn deletion_ends_growth() {
        for (before, after) in [
            (None, None),
            (Some(Streaming::Growing), Some(Streaming::Abandoned)),
            (Some(Streaming::Abandoned), Some(Streaming::Abandoned)),
            (Some(Streaming::Finished), Some(Streaming::Finished)),
        ] {
            let message = with(|message| message.streaming = before);
            let Ok(Decision::Apply(left)) = decide_delete(&message, author(), Timestamp(150)) else {
                panic!("{before:?} was not deleted")
            };
            assert_eq!(left.streaming, after);
        }
    }

    #[test]
    fn pins_come_and_go_once() {
        let command = MessageCommand::new(UserId(2), MessageId(30), Timestamp(140));
        let pin = Pin { by: UserId(2), at: Timestamp(140) };
        let pinned = with(|message| message.pin = Some(Pin { by: UserId(1), at: Timestamp(130) }));
        let decide = |message: &Message, wanted| decide_pin(message, member(), (command, wanted));
        assert_eq!(decide(&with(|_| {}), true).unwrap(), Decision::Apply(Some(pin)));
        assert_eq!(decide(&with(|_| {}), false).unwrap(), Decision::Already);
        assert_eq!(decide(&pinned, true).unwrap(), Decision::Already);
        assert_eq!(decide(&pinned, false).unwrap(), Decision::Apply(None));
        assert_eq!(code(decide(&with(deleted), false)), "message_deleted");
        assert_eq!(code(decide_pin(&with(deleted), stranger(), (command, true))), "not_a_member");
    }

    #[test]
    fn a_message_is_hidden_once() {
        assert_eq!(decide_hide(false), Decision::Apply(()));
        assert_eq!(decide_hide(true), Decision::Already);
    }
}
