//! The v2 stream (docs/stream.md): frames in and out over one connection ([`V2Stream`]), a session that
//! survives its connections ([`Session`]), and a client's knowledge from all frames and answers ([`State`]).

mod op;
mod outbox;
mod session;
mod state;
mod stream;

pub use session::{Event, Options, Session};
pub use state::{Applied, Moment, Room, State};
pub use stream::{Received, V2Stream, cursor_of};

pub use chat_protocol::v2::Op;

pub use crate::handshake::{StreamLogin, TokenTransport, upgrade_v2};
