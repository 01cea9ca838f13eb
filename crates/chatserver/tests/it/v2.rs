//! The v2 stream, as docs/stream.md describes it: the way in, what may be asked, what comes live and what comes later,
//! and when a stream ends.

mod both;
mod cut;
mod entrance;
mod flood;
mod gone;
mod limits;
mod live;
mod members;
mod ops;
mod own;
mod presence;
mod resume;
mod revoked;
mod slow;
