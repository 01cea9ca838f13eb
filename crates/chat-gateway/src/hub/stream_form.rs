//! How a client takes its frames.

use chat_websocket::Deflate;
use chat_wire::Form;

use super::Protocol;

/// Which frames a client gets, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamForm {
    pub(crate) protocol: Protocol,
    /// Form of the message objects in v2 frames.
    pub(crate) form: Form,
    /// Parameters for compressed frames; `None` if the client takes none.
    pub(crate) deflate: Option<Deflate>,
}
