//! The v2 stream, as docs/stream.md describes it: connecting, ops, live events and missed ones, and when a stream ends.

mod both;
mod counts;
mod cut;
mod entrance;
mod flood;
mod gone;
mod lean;
mod limits;
mod live;
mod members;
mod ops;
mod own;
mod presence;
mod resume;
mod revoked;
mod slow;
