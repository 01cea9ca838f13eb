//! Sends frames and waits for the server's response to them.

use anyhow::Context;
use chat_client::Stream;
use chat_client::link::Verdict;
use chat_protocol::v1::ClientFrame;
use tokio::time::{sleep, timeout};

use super::{Session, Stop};
use crate::DEADLINE;
use crate::plain::display;
use crate::plain::names::Recipient;
use crate::plain::outbox::Message;

impl Session {
    /// Resends the messages that had no echo when the connection broke. Reports those that cannot be resent.
    pub(super) async fn send_again(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        for message in self.outbox.messages() {
            if message.is_keyed {
                self.deliver(stream, &message.frame).await?;
            } else {
                display::notice(&format!("not known to have arrived: {}", message.frame));
            }
            // The server does not echo a message again that it had stored before, so do not wait for it.
            self.outbox.remove(&message);
        }
        Ok(())
    }

    pub(super) async fn send_text(
        &mut self,
        stream: &mut Stream,
        text: &str,
        media_url: &str,
    ) -> Result<(), Stop> {
        let Some(to) = self.recipient() else { return Ok(()) };
        let message = Message::new(to, text, media_url);
        self.send(stream, message).await.map(drop)
    }

    pub(super) async fn send_typing(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        let Some(to) = self.recipient() else { return Ok(()) };
        let mut frame = ClientFrame { kind: Some("typing".into()), ..ClientFrame::default() };
        match to {
            Recipient::User(id) => frame.recipient_id = Some(id),
            Recipient::Group(id) => frame.group_id = Some(id),
        }
        let frame = serde_json::to_string(&frame).context("cannot encode the frame")?;
        self.deliver(stream, &frame).await.map(drop)
    }

    /// Sends a frame typed by hand. If it sets the recipient, plain text goes there from then on, too.
    pub(super) async fn send_raw(
        &mut self,
        stream: &mut Stream,
        line: &str,
        frame: &ClientFrame,
    ) -> Result<(), Stop> {
        if let Some(message) = Message::typed(line, frame) {
            return self.send(stream, message).await;
        }
        let is_accepted = self.deliver(stream, line).await?;
        if is_accepted && frame.action.as_deref() == Some("set_recipient") {
            let named = |id: Option<i64>| id.filter(|id| *id > 0);
            let user = named(frame.user_id).map(Recipient::User);
            self.recipient = user.or(named(frame.group_id).map(Recipient::Group));
            self.announce_recipient().await;
        }
        Ok(())
    }

    async fn send(&mut self, stream: &mut Stream, message: Message) -> Result<(), Stop> {
        self.outbox.push(message.clone());
        if !self.deliver(stream, &message.frame).await? {
            self.outbox.remove(&message);
        }
        Ok(())
    }

    /// Sends a frame and waits until the server has processed it. Returns `false` if it was refused. After a rate
    /// limit, sends it again when the server allows it.
    async fn deliver(&mut self, stream: &mut Stream, frame: &str) -> Result<bool, Stop> {
        loop {
            stream.send(frame).await?;
            if !self.settle(stream).await? {
                return Ok(true);
            }
            let Some(wait) = self.retry_after.take() else { return Ok(false) };
            sleep(wait).await;
        }
    }

    /// Waits until the server has processed everything that was sent, and prints what arrives meanwhile. Returns
    /// whether something was refused. The time limit applies to silence only, so a flood of messages does not end the
    /// wait.
    pub(super) async fn settle(&mut self, stream: &mut Stream) -> Result<bool, Stop> {
        let ping = stream.ping().await?;
        let mut was_refused = false;
        loop {
            for received in stream.take_received() {
                was_refused |= self.handle_received(received).await?;
            }
            match timeout(DEADLINE, stream.answered(ping)).await {
                Ok(Ok(true)) => break,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    let why = "the server does not answer".into();
                    return Err(Stop::Lost(Verdict::Again { why, delay: None }));
                }
            }
        }
        for received in stream.take_received() {
            was_refused |= self.handle_received(received).await?;
        }
        Ok(was_refused)
    }
}
