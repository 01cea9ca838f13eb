//! The features of the v2 stream over REST: one file for each feature, and one table of permissions for all of them.

mod access;
mod compression;
mod conversations;
mod edits;
mod lean;
mod live_text;
mod matrix;
mod members;
mod paging;
mod reactions;
mod reading;
mod saved;
mod search;
mod sending;
mod state;
mod threads;
mod trace;
