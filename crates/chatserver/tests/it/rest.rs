//! What the v2 stream does, over REST: one file for each feature, and who may do what in one table for all of them.

mod access;
mod conversations;
mod edits;
mod live_text;
mod matrix;
mod members;
mod reactions;
mod saved;
mod search;
mod sending;
mod state;
mod threads;
mod trace;
