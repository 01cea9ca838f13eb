//! The index of ports: what the domain asks of the outside. A trait stands here only where a technology is swapped.

use std::sync::Arc;

use async_trait::async_trait;

use crate::access::AccessStore;
use crate::accounts::AccountStore;
use crate::clocks::Reading;
use crate::conversations::ConversationStore;
use crate::edits::EditStore;
use crate::error::Result;
use crate::event::{Event, Signal};
use crate::feed::FeedStore;
use crate::groups::GroupStore;
use crate::live_text::LiveTextStore;
use crate::messages::MessageStore;
use crate::posting::PostingStore;
use crate::reactions::ReactionStore;
use crate::receipts::ReceiptStore;
use crate::saved::SavedStore;
use crate::search::SearchStore;
use crate::sync::{Cursor, SyncStore};
use crate::time::Timestamp;
use crate::trace::TraceStore;

/// All that is durable: one small trait per feature, and what belongs to no feature.
///
/// Every write MUST be on disk before its future resolves (README, promise 1), and its events MUST have been handed to the
/// [`EventSink`] by then, in commit order. A write MUST go on to its end when its future is dropped. When its queue
/// is full a store MUST answer [`Error::Overloaded`](crate::Error::Overloaded) rather than wait.
#[async_trait]
pub trait Store:
    AccountStore
    + AccessStore
    + ConversationStore
    + GroupStore
    + MessageStore
    + PostingStore
    + EditStore
    + ReactionStore
    + LiveTextStore
    + ReceiptStore
    + SavedStore
    + SearchStore
    + SyncStore
    + FeedStore
    + TraceStore
{
    /// Makes a small durable write; an error says why no write would succeed now.
    async fn probe_write(&self) -> Result<()>;
    /// What the clock says by which all servers go that share this store; `None` where this machine's is the only one.
    async fn clock(&self) -> Result<Option<Reading>> {
        Ok(None)
    }
    /// `sqlite3` or `postgres`.
    fn engine_name(&self) -> &'static str;
}

/// Who is told of what happens. Calls must not block for long: they are made on the write path.
pub trait EventSink: Send + Sync + 'static {
    /// Takes committed events, in commit order. May wait for those who deliver them, so it is called from threads of
    /// the caller's own: a store's writer, or the relay of a cluster.
    fn publish(&self, events: &[Arc<Event>]);
    /// Takes a signal; it may be dropped under load.
    fn signal(&self, signal: Signal);
    /// What is published from now on is of another log, or of an earlier state of this one that has a new epoch and ends
    /// there. When this returns, nothing more reaches clients that were told of the log before, but the request to come
    /// again. Only stores that servers share may have to say so.
    fn turned(&self, to: Cursor) {
        let _ = to;
    }
}

/// The present time.
pub trait Clock: Send + Sync + 'static {
    /// Now, by the wall clock.
    fn now(&self) -> Timestamp;
}

/// What checking a password against a stored hash showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Match,
    /// The password is right and its hash is of a kind that should be replaced.
    MatchOutdated,
    /// The password is wrong.
    Mismatch,
}

/// For whom a password is hashed. Kinds have their turns one after another, however much one of them asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Somebody who has shown before that they belong here.
    Known,
    /// Somebody who wants to log in.
    Stranger,
    /// Somebody who wants to register.
    Newcomer,
}

/// In whose turn a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// For whom.
    pub rank: Rank,
    /// Those of one kind who are told apart, such as by their address: an opaque number.
    pub share: u64,
}

impl Turn {
    /// The server's own.
    pub const OWN: Self = Self { rank: Rank::Known, share: 0 };
}

/// Password hashing. It is slow on purpose, so implementations MUST bound how many run at once, keep them off the
/// async threads and answer [`Error::Overloaded`](crate::Error::Overloaded) when too many wait. Kinds of callers, and the
/// shares in each, MUST have their turns one after another, so that none waits for all that another has asked for; what
/// is refused when too many wait MUST be of a share that has the most waiting.
#[async_trait]
pub trait Passwords: Send + Sync + 'static {
    /// Hashes a new password into a PHC string.
    async fn hash(&self, password: String, turn: Turn) -> Result<String>;
    /// Checks a password. With no hash (unknown user) it MUST take as long as a real check and answer `Mismatch`.
    async fn verify(&self, password: String, hash: Option<String>, turn: Turn) -> Result<Verdict>;
}
