//! Messages over REST: sending, reading back, delivery status, and idempotency.

mod history;
mod keys;
mod once;
mod sending;
mod status;
