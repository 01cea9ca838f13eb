//! The decoder turns bytes, split at any point, into messages in the order in which they were sent. The
//! control flow lives here. The rules for headers, masks and text do not.

use std::ops::ControlFlow;

use crate::{
    error::ProtocolError,
    frame::{Opcode, Role},
    header::{self, Context},
    incoming::Incoming,
    pending::{Complete, Frame, Pending},
};

/// Decodes one direction of one connection (RFC 6455, sections 5 and 6.2).
///
/// Between messages a decoder allocates no memory. While a frame or a fragmented message is incomplete, it
/// holds a small record and the payload that has arrived, which never exceeds the limit.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    finished: bool,
    compressed: Compressed,
    max_message_bytes: usize,
    pending: Option<Box<Pending>>,
}

/// What a decoder does with compressed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressed {
    /// Refuses them: they were not agreed on.
    Refused,
    Inflated,
    /// Leaves them to the caller.
    Left,
}

// A server keeps one for each of tens of thousands of idle connections.
const _: () = assert!(size_of::<Decoder>() <= 64);

impl Decoder {
    /// Creates a decoder for the end `role` that refuses messages longer than `max_message_bytes` (RFC 6455,
    /// section 10.4).
    #[must_use]
    pub const fn new(role: Role, max_message_bytes: usize) -> Self {
        Self { role, finished: false, compressed: Compressed::Refused, max_message_bytes, pending: None }
    }

    /// Sets whether messages may be compressed, which both ends must have agreed on (RFC 7692). Neither their
    /// compressed form nor the message may exceed the limit.
    #[must_use]
    pub const fn inflating(mut self, deflates: bool) -> Self {
        self.compressed = if deflates { Compressed::Inflated } else { Compressed::Refused };
        self
    }

    /// The same, but leaves compressed messages as they came ([`Incoming::Compressed`]): a few kilobytes of input may
    /// hold hundreds of messages that are a thousand times larger, and the caller may not need them all at once.
    #[must_use]
    pub const fn leaving_compressed(mut self, deflates: bool) -> Self {
        self.compressed = if deflates { Compressed::Left } else { Compressed::Refused };
        self
    }

    /// Returns the limit for a message, in bytes.
    #[must_use]
    pub const fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    /// Reads all of `input` and calls `visit` for each message and control frame that it completes.
    ///
    /// Payloads are unmasked in place, so the content of `input` is unspecified afterwards. An unfragmented
    /// message that lies completely in `input` is visited without being copied.
    ///
    /// The first violation ends the stream, and so does a close frame (RFC 6455, section 5.5.1): anything
    /// after the close frame in the same `input` is discarded unread, as section 1.4 asks, and every later
    /// call is refused.
    ///
    /// # Errors
    ///
    /// Returns the violation that `input` contains, after visiting everything before it. Returns
    /// [`ProtocolError::Finished`] if the stream had already ended.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        mut visit: impl FnMut(Incoming<'_>),
    ) -> Result<(), ProtocolError> {
        if self.finished {
            return Err(ProtocolError::Finished);
        }
        let outcome = self.decode(input, &mut visit);
        self.finished = !matches!(outcome, Ok(ControlFlow::Continue(())));
        if self.finished || self.pending.as_ref().is_some_and(|pending| pending.is_empty()) {
            self.pending = None;
        }
        outcome.map(|_| ())
    }

    /// Returns whether a close frame or an error has ended the stream (RFC 6455, section 7.1.7).
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Returns the memory that incomplete input occupies at present, in bytes, for accounting and limits (RFC
    /// 6455, section 10.4).
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| size_of::<Pending>() + pending.payload_capacity())
    }

    fn decode(
        &mut self,
        input: &mut [u8],
        visit: &mut impl FnMut(Incoming<'_>),
    ) -> Result<ControlFlow<()>, ProtocolError> {
        let mut rest = input;
        while !rest.is_empty() {
            let Some((mut frame, payload)) = self.next_frame(rest)? else {
                break;
            };
            let (piece, after) = frame.take_piece(payload);
            rest = after;
            if frame.remaining > 0 {
                self.hold(frame, piece)?;
                break;
            }
            if frame.opcode.is_control() {
                if self.finish_control(&frame, piece, visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            } else {
                self.finish_data(&frame, piece, visit)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Resumes the current frame or begins the next one, and returns it with the input after its header.
    /// Returns `None` if the header is incomplete; the decoder then keeps its bytes.
    fn next_frame<'a>(
        &mut self,
        input: &'a mut [u8],
    ) -> Result<Option<(Frame, &'a mut [u8])>, ProtocolError> {
        if let Some(frame) = self.pending.as_mut().and_then(|pending| pending.frame.take()) {
            return Ok(Some((frame, input)));
        }
        let Some((frame, header_end)) = self.read_header(input)? else {
            return Ok(None);
        };
        let payload = input.get_mut(header_end..).unwrap_or_default();
        Ok(Some((frame, payload)))
    }

    /// Reads a header that begins in `input` or began in earlier input. Returns the frame and the offset in
    /// `input` at which the header ends.
    fn read_header(&mut self, input: &[u8]) -> Result<Option<(Frame, usize)>, ProtocolError> {
        let context = self.context();
        let held = self.pending.as_ref().map_or(0, |pending| pending.header.len());
        if held == 0 {
            let header = header::parse(input, context)?;
            if header.is_none() {
                self.pending.get_or_insert_default().header.fill(input);
            }
            return Ok(header.map(|header| (Frame::new(header), header.size)));
        }
        let partial = &mut self.pending.get_or_insert_default().header;
        partial.fill(input);
        let header = header::parse(partial.as_slice(), context)?;
        if header.is_some() {
            partial.clear();
        }
        // The held bytes were not a whole header, so the header ends after them.
        Ok(header.map(|header| (Frame::new(header), header.size.saturating_sub(held))))
    }

    fn context(&self) -> Context {
        let message_len = self.pending.as_ref().and_then(|pending| pending.message_len());
        Context {
            role: self.role,
            in_message: message_len.is_some(),
            deflates: self.compressed != Compressed::Refused,
            room: self.max_message_bytes.saturating_sub(message_len.unwrap_or(0)),
        }
    }

    /// Keeps a frame whose payload continues in the next input.
    fn hold(&mut self, frame: Frame, piece: &[u8]) -> Result<(), ProtocolError> {
        let pending = self.pending.get_or_insert_default();
        if frame.opcode.is_control() {
            pending.control.extend_from_slice(piece);
        } else {
            pending.append_data(&frame, piece, self.max_message_bytes)?;
        }
        pending.frame = Some(frame);
        Ok(())
    }

    /// Visits a control frame whose last piece has arrived. Returns `Break` after a close frame.
    fn finish_control(
        &mut self,
        frame: &Frame,
        piece: &[u8],
        visit: &mut impl FnMut(Incoming<'_>),
    ) -> Result<ControlFlow<()>, ProtocolError> {
        let mut held =
            self.pending.as_mut().map(|pending| std::mem::take(&mut pending.control)).unwrap_or_default();
        let payload = if held.is_empty() {
            piece
        } else {
            held.extend_from_slice(piece);
            &held
        };
        visit(Incoming::new(frame.opcode, payload)?);
        Ok(match frame.opcode {
            Opcode::Close => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }

    /// Visits a message whose last piece has arrived, or keeps the fragment if the message goes on.
    fn finish_data(
        &mut self,
        frame: &Frame,
        piece: &[u8],
        visit: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), ProtocolError> {
        let begun = self.pending.as_ref().is_some_and(|pending| pending.message.is_some());
        if frame.fin && !begun {
            let complete =
                Complete { opcode: frame.opcode, is_compressed: frame.is_compressed, payload: piece };
            return complete.visit(self.compressed, self.max_message_bytes, visit);
        }
        let pending = self.pending.get_or_insert_default();
        pending.append_data(frame, piece, self.max_message_bytes)?;
        if frame.fin
            && let Some(message) = pending.message.take()
        {
            message.complete().visit(self.compressed, self.max_message_bytes, visit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
