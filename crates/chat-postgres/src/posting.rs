//! Posting.

pub(crate) mod together;

use chat_core::messages::Posted;
use chat_core::posting::NewMessage;

use crate::fault;
use crate::writer::Tx;

/// Stores a message, once for each key of its sender.
pub(crate) fn post(_tx: &Tx<'_>, _new: &NewMessage) -> fault::Result<Posted> {
    Err(chat_core::Error::Overloaded.into())
}
