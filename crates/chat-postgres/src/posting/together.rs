//! Together.

use chat_core::messages::Posted;
use chat_core::posting::NewMessage;

use crate::fault;
use crate::writer::Tx;

pub(crate) fn post_all(_tx: &Tx<'_>, _new: &[&NewMessage]) -> fault::Result<Vec<fault::Result<Posted>>> {
    Err(chat_core::Error::Overloaded.into())
}
