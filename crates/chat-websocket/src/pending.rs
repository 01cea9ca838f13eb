//! The state that a decoder keeps between two reads: partial headers, frames and messages. It exists only
//! while something is incomplete; the rules of the protocol live elsewhere.

use crate::{
    decoder::Compressed,
    deflate,
    error::ProtocolError,
    frame::Opcode,
    header::{Header, PartialHeader},
    incoming::Incoming,
    mask, utf8,
};

/// A frame whose header has been read.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    /// Whether the message that this frame begins is compressed.
    pub(crate) is_compressed: bool,
    /// Number of payload bytes that have not been taken yet.
    pub(crate) remaining: usize,
    /// The masking key, rotated so that its first byte belongs to the next payload byte.
    key: Option<[u8; 4]>,
}

impl Frame {
    pub(crate) fn new(header: Header) -> Self {
        Self {
            opcode: header.opcode,
            fin: header.fin,
            is_compressed: header.is_compressed,
            remaining: header.payload_len,
            key: header.key,
        }
    }

    /// Splits this frame's next piece off `input`, unmasks it, and returns it with the rest of the input.
    pub(crate) fn take_piece<'a>(&mut self, input: &'a mut [u8]) -> (&'a [u8], &'a mut [u8]) {
        let (piece, rest) = input.split_at_mut(self.remaining.min(input.len()));
        self.remaining -= piece.len();
        self.key = self.key.map(|key| mask::apply(piece, key));
        (piece, rest)
    }
}

/// A message that has arrived completely, with the opcode of its first frame.
pub(crate) struct Complete<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) is_compressed: bool,
    pub(crate) payload: &'a [u8],
}

impl Complete<'_> {
    /// Visits the message. `limit` bounds it if it is inflated.
    pub(crate) fn visit(
        &self,
        compressed: Compressed,
        limit: usize,
        visit: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), ProtocolError> {
        let Self { opcode, is_compressed, payload } = *self;
        if !is_compressed {
            visit(Incoming::new(opcode, payload)?);
        } else if compressed == Compressed::Left {
            visit(Incoming::Compressed { is_text: opcode == Opcode::Text, payload });
        } else {
            visit(Incoming::new(opcode, &deflate::inflate(payload, limit)?)?);
        }
        Ok(())
    }
}

/// A data message that has arrived only in part.
#[derive(Debug)]
pub(crate) struct Message {
    /// The opcode of the first frame, which distinguishes text from binary.
    opcode: Opcode,
    is_compressed: bool,
    data: Vec<u8>,
    /// Number of leading bytes of `data` that are known to be valid UTF-8.
    checked: usize,
}

impl Message {
    fn new(first: &Frame) -> Self {
        let Frame { opcode, is_compressed, .. } = *first;
        Self { opcode, is_compressed, data: Vec::new(), checked: 0 }
    }

    /// Appends a piece. `ceiling` is the largest size the message can reach, so the buffer never grows beyond
    /// it.
    fn append(&mut self, piece: &[u8], ceiling: usize) -> Result<(), ProtocolError> {
        let needed = self.data.len() + piece.len();
        if needed > self.data.capacity() {
            // Allocate for what has arrived, not for what a header has announced.
            let target = self.data.capacity().saturating_mul(2).min(ceiling).max(needed);
            self.data.reserve_exact(target - self.data.len());
        }
        self.data.extend_from_slice(piece);
        if self.opcode == Opcode::Text && !self.is_compressed {
            let unchecked = self.data.get(self.checked..).unwrap_or_default();
            self.checked += utf8::valid_prefix(unchecked)?;
        }
        Ok(())
    }

    /// The message, whose last piece has been appended.
    pub(crate) fn complete(&self) -> Complete<'_> {
        Complete { opcode: self.opcode, is_compressed: self.is_compressed, payload: &self.data }
    }
}

/// Everything incomplete about one connection's input.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) header: PartialHeader,
    /// The frame whose payload is incomplete.
    pub(crate) frame: Option<Frame>,
    /// The payload of `frame` so far, if it is a control frame: such a frame may interrupt a message.
    pub(crate) control: Vec<u8>,
    /// The current data message as far as it has arrived.
    pub(crate) message: Option<Message>,
}

impl Pending {
    /// Keeps a piece of a data frame, and begins a message if none has begun.
    pub(crate) fn append_data(
        &mut self,
        frame: &Frame,
        piece: &[u8],
        limit: usize,
    ) -> Result<(), ProtocolError> {
        let message = self.message.get_or_insert_with(|| Message::new(frame));
        let ceiling = if frame.fin { message.data.len() + piece.len() + frame.remaining } else { limit };
        message.append(piece, ceiling)
    }

    pub(crate) fn message_len(&self) -> Option<usize> {
        self.message.as_ref().map(|message| message.data.len())
    }

    /// Returns whether nothing is incomplete any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.header.len() == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Returns the memory allocated for payload, in bytes.
    pub(crate) fn payload_capacity(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, |message| message.data.capacity())
    }
}
