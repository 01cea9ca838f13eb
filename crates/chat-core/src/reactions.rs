//! Reactions: an emoji that a member puts under a message, each at most once.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::edits::Deed;
use crate::error::{Error, Result};
use crate::ids::{MessageId, UserId};
use crate::messages::Message;
use crate::time::Timestamp;

/// Most different emoji under one message.
pub const MAX_KINDS: usize = 20;
/// Most reactions under one message: an event carries who reacted, so there must be an end to it.
pub const MAX_REACTIONS: u32 = 10_000;
/// Longest emoji in bytes: families and flags are long sequences.
const MAX_EMOJI_BYTES: usize = 64;

/// One emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji, or a short name such as `:cheese:`.
    pub emoji: String,
    /// How many members used it.
    pub count: u32,
    /// Those of them that whoever asked needs to know of: in an event all, in a reading at most the reader.
    pub users: Vec<UserId>,
}

impl Reaction {
    /// Adds a member's reaction to those of a message, each emoji at the place of its first.
    pub fn add(reactions: &mut Vec<Self>, emoji: &str, user: UserId) {
        // There are few different emoji, so looking each one up from the front is quick.
        match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => {
                reaction.count += 1;
                reaction.users.push(user);
            }
            None => reactions.push(Self { emoji: emoji.to_owned(), count: 1, users: vec![user] }),
        }
    }
}

/// One member's reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactor {
    /// Who.
    pub user: UserId,
    /// With what.
    pub emoji: String,
    /// When.
    pub at: Timestamp,
}

/// The durable side of reactions.
#[async_trait]
pub trait ReactionStore: Send + Sync + 'static {
    /// Adds the actor's reaction (`present`) or takes it back. MUST answer `NotFound` where the actor is not a member of
    /// the message's conversation, refuse a deleted message, keep to [`MAX_KINDS`] and [`MAX_REACTIONS`], and answer
    /// `Already` where nothing changes.
    async fn react(&self, deed: Deed, emoji: String, present: bool) -> Result<Changed>;
    /// Who reacted, first come first, at most [`MAX_REACTIONS`]. MUST answer `NotFound` where the reader is not a member.
    async fn reactors(&self, reader: UserId, message: MessageId) -> Result<Vec<Reactor>>;
}

impl Chat {
    /// Adds a reaction (`present`) or takes it back; doing so twice changes nothing.
    pub async fn react(
        &self,
        actor: UserId,
        message: MessageId,
        emoji: String,
        present: bool,
    ) -> Result<Message> {
        check_emoji(&emoji)?;
        let deed = Deed { actor, message, at: self.clock.now() };
        Ok(self.store.react(deed, emoji, present).await?.into_message())
    }

    /// Who reacted to a message.
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
