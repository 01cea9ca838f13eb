//! Messages over REST: sending, reading back, how far they have come, and once is once.

mod history;
mod keys;
mod once;
mod sending;
mod status;
