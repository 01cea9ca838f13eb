//! Encoded data can be decoded, by this release and by neighbouring ones; data of neither is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod damage;
mod events;
mod format;
mod releases;
mod signals;
mod strategies;
