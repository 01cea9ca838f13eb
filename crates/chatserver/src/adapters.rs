//! Adapters that need no crate of their own: the system clock and password hashing.

pub(crate) mod passwords;
pub(crate) mod system_clock;
