//! Helpers shared by the properties: owned events, split input, and frames built bit by bit, so that illegal
//! ones can be built too.

use chat_websocket::{Decoder, Incoming, Opcode, ProtocolError, Role, encode_masked_into};
use flate2::{Compress, Compression, FlushCompress};
use proptest::{prelude::*, sample::Index};

/// Upper bound for the memory that the decoder may hold besides payload, in bytes.
const OVERHEAD: usize = 512;

/// An [`Incoming`] that outlives its visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Incoming<'_>> for Event {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text(text.to_owned()),
            Incoming::Binary(payload) => Self::Binary(payload.to_vec()),
            Incoming::Compressed { .. } => unreachable!("no decoder here leaves them"),
            Incoming::Ping(payload) => Self::Ping(payload.to_vec()),
            Incoming::Pong(payload) => Self::Pong(payload.to_vec()),
            Incoming::Close { code, reason } => Self::Close(code.map(|code| (code, reason.to_owned()))),
        }
    }
}

impl Event {
    /// Returns the opcode and payload of the frame that carries this event.
    pub fn frame(&self) -> (Opcode, Vec<u8>) {
        match self {
            Self::Text(text) => (Opcode::Text, text.clone().into_bytes()),
            Self::Binary(payload) => (Opcode::Binary, payload.clone()),
            Self::Ping(payload) => (Opcode::Ping, payload.clone()),
            Self::Pong(payload) => (Opcode::Pong, payload.clone()),
            Self::Close(None) => (Opcode::Close, Vec::new()),
            Self::Close(Some((code, reason))) => {
                (Opcode::Close, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
            }
        }
    }
}

/// The state of a decoder after its input is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The stream may continue.
    Open,
    /// The peer has sent a close frame.
    Closed,
    /// The peer has broken the protocol. The error is known only if this crate found it.
    Refused(Option<ProtocolError>),
}

/// Decodes `pieces` until they are used up or the decoder has finished.
pub fn decode<'a>(
    role: Role,
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Verdict) {
    decode_with(Decoder::new(role, limit), limit, pieces)
}

/// Does the same for an end that has agreed to compressed messages.
pub fn decode_inflating<'a>(
    role: Role,
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Verdict) {
    decode_with(Decoder::new(role, limit).inflating(true), limit, pieces)
}

fn decode_with<'a>(
    mut decoder: Decoder,
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Verdict) {
    let mut events = Vec::new();
    for piece in pieces {
        if decoder.is_finished() {
            return (events, Verdict::Closed);
        }
        let mut input = piece.to_vec();
        if let Err(error) = decoder.feed(&mut input, |incoming| events.push(incoming.into())) {
            assert_eq!(decoder.buffered_bytes(), 0, "a failed decoder keeps nothing");
            return (events, Verdict::Refused(Some(error)));
        }
        assert!(decoder.buffered_bytes() <= limit + OVERHEAD, "the decoder outgrew its limit");
    }
    let verdict = if decoder.is_finished() { Verdict::Closed } else { Verdict::Open };
    (events, verdict)
}

/// Cuts `bytes` at the given points.
pub fn split<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut offsets: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    offsets.extend([0, bytes.len()]);
    offsets.sort_unstable();
    offsets.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

pub fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..8)
}

pub fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

/// How a frame writes its length.
#[derive(Debug, Clone, Copy)]
pub enum LengthForm {
    Shortest,
    Bits16,
    Bits64,
    TopBit,
}

/// A frame that may break any rule of the header.
#[derive(Debug, Clone)]
pub struct RawFrame {
    pub fin: bool,
    pub reserved: u8,
    pub opcode: u8,
    /// Whether the frame is masked although it should not be, or the reverse.
    pub wrong_mask: bool,
    pub length_form: LengthForm,
    pub key: [u8; 4],
    pub payload: Vec<u8>,
}

impl RawFrame {
    pub fn legal(fin: bool, opcode: Opcode, payload: &[u8], key: [u8; 4]) -> Self {
        Self {
            fin,
            reserved: 0,
            opcode: opcode as u8,
            wrong_mask: false,
            length_form: LengthForm::Shortest,
            key,
            payload: payload.to_vec(),
        }
    }

    /// Appends the frame as the peer of `reader` would send it.
    pub fn write_to(&self, out: &mut Vec<u8>, reader: Role) {
        let masked = (reader == Role::Server) != self.wrong_mask;
        let mask_bit = if masked { 0x80 } else { 0 };
        let len = self.payload.len();
        out.push(u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode);
        match (self.length_form, u8::try_from(len), u16::try_from(len)) {
            (LengthForm::Shortest, Ok(len @ 0..=125), _) => out.push(mask_bit | len),
            (LengthForm::Shortest | LengthForm::Bits16, _, Ok(len)) => {
                out.push(mask_bit | 126);
                out.extend(len.to_be_bytes());
            }
            (form, _, _) => {
                let top_bit = if matches!(form, LengthForm::TopBit) { 1 << 63 } else { 0 };
                out.push(mask_bit | 127);
                out.extend((len as u64 | top_bit).to_be_bytes());
            }
        }
        if masked {
            out.extend(self.key);
            out.extend(self.payload.iter().zip(self.key.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            out.extend(&self.payload);
        }
    }
}

/// Encodes `event` with this crate's encoder, as the peer of `reader` would send it.
pub fn encode_for(reader: Role, out: &mut Vec<u8>, event: &Event, key: [u8; 4]) {
    let (opcode, payload) = event.frame();
    match reader {
        Role::Server => encode_masked_into(out, opcode, &payload, key),
        Role::Client => chat_websocket::encode_into(out, opcode, &payload),
    }
}

/// Compresses a message as an independent sender would, at a level and with a window of its choice.
pub fn deflate(message: &[u8], level: u32, window_bits: u8) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() * 2 + 1000);
    let mut state = Compress::new_with_window_bits(Compression::new(level), false, window_bits);
    let compressed = state.compress_vec(message, &mut payload, FlushCompress::Sync);
    assert!(compressed.is_ok(), "{compressed:?}");
    payload.truncate(payload.len() - 4);
    payload
}
