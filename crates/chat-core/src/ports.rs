//! The index of ports: the traits through which the domain uses the outside. A trait belongs here only if a technology
//! can be exchanged behind it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::access::AccessStore;
use crate::accounts::AccountStore;
use crate::clocks::Reading;
use crate::conversations::ConversationStore;
use crate::dates::DateStore;
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

/// All durable storage: one small trait per feature, and what belongs to no feature.
///
/// Every write MUST be on disk before its future resolves (README, promise 1), and its events MUST have been passed to
/// the [`EventSink`] by then, in commit order. A write MUST complete even if its future is dropped. If its queue is
/// full, a store MUST answer [`Error::Overloaded`](crate::Error::Overloaded) rather than wait.
#[async_trait]
pub trait Store:
    AccountStore
    + AccessStore
    + ConversationStore
    + GroupStore
    + MessageStore
    + DateStore
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
    /// Makes a small durable write.
    ///
    /// # Errors
    /// The reason why writes do not succeed now.
    async fn probe_write(&self) -> Result<()>;
    /// Reads the clock that all servers on this store share; `None` if this machine's clock is the only one.
    async fn clock(&self) -> Result<Option<Reading>> {
        Ok(None)
    }
    /// Returns `sqlite3` or `postgres`.
    fn engine_name(&self) -> &'static str;
}

/// Receives events and signals for delivery. Calls must not block for long: they are made on the write path.
pub trait EventSink: Send + Sync + 'static {
    /// Takes committed events, in commit order. May wait for the threads that deliver them, so it is called from the
    /// caller's own threads: a store's writer, or the relay of a cluster.
    fn publish(&self, events: &[Arc<Event>]);
    /// Takes a signal, which may be dropped under load.
    fn signal(&self, signal: Signal);
    /// Announces that later events belong to another log, or to an earlier state of this one, which ends at `to` and
    /// has a new epoch. When this returns, clients that were connected before get nothing more than the request to
    /// reconnect. Called only by stores that several servers share.
    fn log_replaced(&self, to: Cursor) {
        let _ = to;
    }
}

pub trait Clock: Send + Sync + 'static {
    /// Returns the present time, by the wall clock.
    fn now(&self) -> Timestamp;
}

/// The result of checking a password against a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is correct.
    Match,
    /// The password is correct, and its hash should be replaced by one of the present kind.
    MatchOutdated,
    /// The password is wrong.
    Mismatch,
}

/// Class of callers that passwords are hashed for. The classes are served in turn, however many requests one of them
/// makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// A caller with a valid token, or from a known device.
    Known,
    /// A caller who wants to log in.
    Stranger,
    /// A caller who wants to register.
    Newcomer,
}

/// The queue in which a password waits to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub rank: Rank,
    /// Separates callers of the same class, such as by their address. An opaque number.
    pub share: u64,
}

impl Turn {
    /// For the server itself.
    pub const OWN: Self = Self { rank: Rank::Known, share: 0 };
}

/// Hashes and checks passwords. Hashing is slow on purpose, so implementations MUST bound how many run at once, keep
/// them off the async threads, and answer [`Error::Overloaded`](crate::Error::Overloaded) when too many wait. Classes
/// of callers, and the shares in each class, MUST be served in turn, so that no caller waits for everything that
/// another one has requested. When too many wait, the request that is refused MUST be of the share that has the most
/// waiting.
#[async_trait]
pub trait Passwords: Send + Sync + 'static {
    /// Hashes a new password into a PHC string.
    async fn hash(&self, password: String, turn: Turn) -> Result<String>;
    /// Checks a password. Without a hash (unknown user) it MUST take as long as a real check and answer `Mismatch`.
    async fn verify(&self, password: String, hash: Option<String>, turn: Turn) -> Result<Verdict>;
}
