//! The MUSTs of `SyncStore`.

mod client;
mod random;
