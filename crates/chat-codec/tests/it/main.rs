//! What is encoded is decoded, by this release and by its neighbours; what is neither of theirs is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod damage;
mod events;
mod format;
mod releases;
mod signals;
mod strategies;
