//! The second implementation: it gets the same input, and its results are converted to the same events.

use std::io::{self, Read, Write};

use chat_websocket::Role;
use tungstenite::{
    Error, Message,
    protocol::{self, CloseFrame, WebSocket, WebSocketConfig, frame::coding::CloseCode},
};

use crate::support::{Event, Verdict};

/// The reason tungstenite reports, instead of an error, for a close code that must not be sent.
const REFUSED_CLOSE: &str = "Protocol violation";

/// A connection with known input that records its output.
struct Tape<'a> {
    input: &'a [u8],
    output: Vec<u8>,
}

impl Read for Tape<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Tape<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.output.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn socket(role: Role, limit: usize, input: &[u8]) -> WebSocket<Tape<'_>> {
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    WebSocket::from_raw_socket(Tape { input, output: Vec::new() }, role, Some(config))
}

/// Decodes `input` with tungstenite.
pub fn decode(role: Role, limit: usize, input: &[u8]) -> (Vec<Event>, Verdict) {
    let mut socket = socket(role, limit, input);
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => events.push(Event::Text(text.to_string())),
            Ok(Message::Binary(payload)) => events.push(Event::Binary(payload.to_vec())),
            Ok(Message::Ping(payload)) => events.push(Event::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => events.push(Event::Pong(payload.to_vec())),
            Ok(Message::Close(Some(CloseFrame { code: CloseCode::Protocol, reason })))
                if reason == REFUSED_CLOSE =>
            {
                return (events, Verdict::Refused(None));
            }
            Ok(Message::Close(frame)) => {
                events.push(Event::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string()))));
                return (events, Verdict::Closed);
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (events, Verdict::Open);
            }
            Ok(Message::Frame(_)) | Err(_) => return (events, Verdict::Refused(None)),
        }
    }
}

/// Encodes `events` with tungstenite, as the peer of `reader` would send them.
pub fn encode(reader: Role, events: &[Event]) -> Vec<u8> {
    let writer = match reader {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    };
    let mut socket = socket(writer, usize::MAX, &[]);
    for event in events {
        let message = match event.clone() {
            Event::Text(text) => Message::text(text),
            Event::Binary(payload) => Message::binary(payload),
            Event::Ping(payload) => Message::Ping(payload.into()),
            Event::Pong(payload) => Message::Pong(payload.into()),
            Event::Close(close) => Message::Close(
                close.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() }),
            ),
        };
        let sent = socket.send(message);
        assert!(sent.is_ok(), "{sent:?}");
    }
    std::mem::take(&mut socket.get_mut().output)
}
