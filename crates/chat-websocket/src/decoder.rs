//! The decoder: turns bytes split anywhere into messages, in the order they were sent.
//! The control flow lives here; what a header, a mask or a text must look like does not.

use std::ops::ControlFlow;

use crate::{
    error::ProtocolError,
    frame::{Opcode, Role},
    header::{self, Context},
    incoming::Incoming,
    pending::{Frame, Pending},
};

/// Reads one direction of one connection (RFC 6455, sections 5 and 6.2).
///
/// A decoder between messages owns no memory beyond itself. While a frame or a fragmented message
/// is incomplete it holds a small record and the payload that has arrived, never more than the
/// limit.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    finished: bool,
    max_message_bytes: usize,
    pending: Option<Box<Pending>>,
}

// Tens of thousands of idle connections each keep one.
const _: () = assert!(size_of::<Decoder>() <= 64);

impl Decoder {
    /// Creates a decoder for the end `role`, refusing messages longer than `max_message_bytes`
    /// (RFC 6455, section 10.4).
    #[must_use]
    pub const fn new(role: Role, max_message_bytes: usize) -> Self {
        Self { role, finished: false, max_message_bytes, pending: None }
    }

    /// Takes all of `input` and calls `visit` for each message and control frame it completes.
    ///
    /// Payloads are unmasked in place, so `input` is scratch afterwards. A message that lies whole
    /// and unfragmented in `input` is visited without being copied.
    ///
    /// The first violation ends the stream, and so does a close frame (RFC 6455, section 5.5.1):
    /// what follows the close frame in the same `input` is discarded unread, as section 1.4 asks,
    /// and every later call is refused.
    ///
    /// # Errors
    ///
    /// Returns the violation the input contains; what preceded it has been visited. Returns
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

    /// Whether a close frame or an error has ended the stream (RFC 6455, section 7.1.7).
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// How much memory incomplete input occupies at present, for accounting and limits
    /// (RFC 6455, section 10.4).
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

    /// Resumes the current frame or begins the next one, returning it with the input after its
    /// header. `None` means that the header is incomplete and has been kept.
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

    /// Reads a header that begins in `input` or that earlier input began, and returns where in
    /// `input` it ends.
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
            room: self.max_message_bytes.saturating_sub(message_len.unwrap_or(0)),
        }
    }

    /// Keeps a frame whose payload goes on in the next input.
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

    /// Visits a control frame whose last piece has arrived. A close frame breaks the flow.
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

    /// Visits a message whose last piece has arrived, or keeps the fragment that has.
    fn finish_data(
        &mut self,
        frame: &Frame,
        piece: &[u8],
        visit: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), ProtocolError> {
        let begun = self.pending.as_ref().is_some_and(|pending| pending.message.is_some());
        if frame.fin && !begun {
            visit(Incoming::new(frame.opcode, piece)?);
            return Ok(());
        }
        let pending = self.pending.get_or_insert_default();
        pending.append_data(frame, piece, self.max_message_bytes)?;
        if frame.fin
            && let Some(message) = pending.message.take()
        {
            visit(message.as_incoming()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
