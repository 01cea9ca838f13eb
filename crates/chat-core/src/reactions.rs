//! Reactions: emoji that members put under a message, each emoji at most once per member.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::command::{Decision, MessageCommand};
use crate::edits::not_deleted;
use crate::error::{Error, Result};
use crate::ids::{MessageId, UserId};
use crate::messages::Message;
use crate::policy::{Access, Action, allowed};
use crate::time::Timestamp;

/// Maximum number of different emoji under one message.
pub const MAX_KINDS: u32 = 20;
/// Maximum number of reactions under one message. Bounds the size of events, which name the users who reacted.
pub const MAX_REACTIONS: u32 = 10_000;
/// Longest emoji in bytes; families and flags are long sequences.
const MAX_EMOJI_BYTES: usize = 64;

/// One emoji under a message, with its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji, or a short name such as `:cheese:`.
    pub emoji: String,
    /// Number of members who used it.
    pub count: u32,
    /// The members who used it, as far as the receiver needs them: all in an event, at most the reader in an answer.
    pub users: Vec<UserId>,
}

impl Reaction {
    /// Adds a member's reaction to those of a message; emoji stay in the order of their first use.
    pub fn add(reactions: &mut Vec<Self>, emoji: &str, user: UserId) {
        // A message has few different emoji, so a linear search is quick.
        match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => {
                reaction.count += 1;
                reaction.users.push(user);
            }
            None => reactions.push(Self { emoji: emoji.to_owned(), count: 1, users: vec![user] }),
        }
    }
}

/// One member's reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactor {
    pub user: UserId,
    pub emoji: String,
    pub at: Timestamp,
}

/// The reactions to a message, as far as the decision on a new one needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Under {
    /// Number of reactions of all kinds.
    pub n_reactions: u32,
    /// Whether the actor has already reacted with this emoji.
    pub is_present: bool,
    /// Number of different emoji; `None` if this emoji is one of them.
    pub n_other_kinds: Option<u32>,
}

/// Decides whether a user with this access may add (`present`) or remove a reaction.
///
/// # Errors
/// The policy's refusal of [`Action::React`]; `message_deleted`; `too_many_reactions`.
pub fn decide(message: &Message, access: Access, under: Under, present: bool) -> Result<Decision<()>> {
    allowed(access, Action::React)?;
    not_deleted(message)?;
    if under.is_present == present {
        return Ok(Decision::Already);
    }
    if present {
        check_bounds(under)?;
    }
    Ok(Decision::Apply(()))
}

fn check_bounds(under: Under) -> Result<()> {
    let full = |what| Err(Error::conflict("too_many_reactions", what));
    if under.n_reactions >= MAX_REACTIONS {
        return full(format!("This message has {MAX_REACTIONS} reactions, the maximum"));
    }
    if under.n_other_kinds.is_some_and(|kinds| kinds >= MAX_KINDS) {
        return full(format!("This message has {MAX_KINDS} different emoji; use one of them"));
    }
    Ok(())
}

/// The durable side of reactions.
#[async_trait]
pub trait ReactionStore: Send + Sync + 'static {
    /// Adds the actor's reaction (`present`) or removes it, as [`decide`] decides. MUST answer `NotFound` if the actor
    /// is not a member of the message's conversation.
    async fn react(&self, command: MessageCommand, emoji: String, present: bool) -> Result<Changed>;
    /// Returns who reacted and how, the earliest first, at most [`MAX_REACTIONS`]. MUST answer `NotFound` if the reader
    /// is not a member.
    async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>>;
}

impl Chat {
    /// Adds a reaction (`present`) or removes it; doing so twice changes nothing.
    ///
    /// # Errors
    /// Those of [`decide`]; `Invalid` if the emoji is too long or has spaces.
    pub async fn react(
        &self,
        actor: UserId,
        message: MessageId,
        emoji: String,
        present: bool,
    ) -> Result<Message> {
        check_emoji(&emoji)?;
        Ok(self.store.react(self.command(actor, message), emoji, present).await?.into_message())
    }

    /// Returns who reacted to a message, the earliest first.
    pub async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>> {
        self.store.reactors(reader, message).await
    }
}

fn check_emoji(emoji: &str) -> Result<()> {
    let fits = (1..=MAX_EMOJI_BYTES).contains(&emoji.len());
    if !fits || emoji.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let reason = format!("must be 1 to {MAX_EMOJI_BYTES} bytes without spaces");
        return Err(Error::invalid("emoji", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Role;
    use crate::sample;

    fn outcome(message: &Message, under: Under, present: bool) -> &'static str {
        match decide(message, sample::access(Role::Member), under, present) {
            Ok(Decision::Already) => "already",
            Ok(Decision::Apply(())) => "apply",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn a_member_reacts_once_with_each_emoji_up_to_the_bounds() {
        let under = |n_reactions, is_present, n_other_kinds| Under { n_reactions, is_present, n_other_kinds };
        for (under, present, expected) in [
            (under(0, false, Some(0)), true, "apply"),
            (under(1, true, None), true, "already"),
            (under(1, true, None), false, "apply"),
            (under(1, false, None), false, "already"),
            (under(19, false, Some(19)), true, "apply"),
            (under(20, false, Some(20)), true, "too_many_reactions"),
            (under(20, false, None), true, "apply"),
            (under(20, false, Some(20)), false, "already"),
            (under(9_999, false, None), true, "apply"),
            (under(10_000, false, None), true, "too_many_reactions"),
            (under(10_000, true, None), true, "already"),
            (under(10_000, true, None), false, "apply"),
        ] {
            assert_eq!(outcome(&sample::text("hi"), under, present), expected, "{under:?}, {present}");
        }
    }

    #[test]
    fn deleted_messages_and_strangers_are_refused() {
        let deleted = Message { deleted_at: Some(Timestamp(150)), ..sample::text("") };
        let under = Under { n_reactions: 0, is_present: false, n_other_kinds: Some(0) };
        for present in [false, true] {
            assert_eq!(outcome(&deleted, under, present), "message_deleted");
            let stranger = decide(&deleted, sample::stranger(), under, present);
            assert!(matches!(stranger, Err(Error::NotMember)));
        }
    }

    #[test]
    fn an_emoji_is_short_and_visible() {
        for good in ["👍", "❤️", "👨‍👩‍👧‍👦", ":cheese:", "+1"] {
            assert!(check_emoji(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "\u{7}", &"👍".repeat(17)] {
            assert!(check_emoji(bad).is_err(), "{bad:?}");
        }
    }
}
