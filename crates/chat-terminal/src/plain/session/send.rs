//! What the session sends, and how it learns what became of it.

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
    /// What was on its way when the connection broke.
    pub(super) async fn send_again(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        for message in self.outbox.messages() {
            if message.is_keyed {
                self.deliver(stream, &message.frame).await?;
            } else {
                display::notice(&format!("not known to have arrived: {}", message.frame));
            }
            // A message that had been stored before is not echoed again.
            self.outbox.remove(&message);
        }
        Ok(())
    }

    pub(super) async fn say(&mut self, stream: &mut Stream, text: &str, media_url: &str) -> Result<(), Stop> {
        let Some(to) = self.recipient() else { return Ok(()) };
        let message = Message::new(to, text, media_url).context("the system provides no randomness")?;
        self.send(stream, message).await.map(drop)
    }

    pub(super) async fn tell_typing(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        let Some(to) = self.recipient() else { return Ok(()) };
        let mut frame = ClientFrame { kind: Some("typing".into()), ..ClientFrame::default() };
        match to {
            Recipient::User(id) => frame.recipient_id = Some(id),
            Recipient::Group(id) => frame.group_id = Some(id),
        }
        let frame = serde_json::to_string(&frame).context("cannot encode the frame")?;
        self.deliver(stream, &frame).await.map(drop)
    }

    /// A recipient that is chosen by hand is also where plain text goes from then on.
    pub(super) async fn send_raw(
        &mut self,
        stream: &mut Stream,
        line: &str,
        frame: &ClientFrame,
    ) -> Result<(), Stop> {
        if let Some(message) = Message::typed(line, frame) {
            return self.send(stream, message).await;
        }
        let was_taken = self.deliver(stream, line).await?;
        if was_taken && frame.action.as_deref() == Some("set_recipient") {
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

    /// Sends a frame and waits until the server has dealt with it; `false`: it was refused. What was too much for now is
    /// sent again when the server takes it.
    async fn deliver(&mut self, stream: &mut Stream, frame: &str) -> Result<bool, Stop> {
        loop {
            stream.send(frame).await?;
            if !self.settle(stream).await? {
                return Ok(true);
            }
            let Some(wait) = self.held_for.take() else { return Ok(false) };
            sleep(wait).await;
        }
    }

    /// Waits until the server has dealt with what was sent, and shows what comes meanwhile; `true`: something was
    /// refused. However much comes, only silence is too long a wait.
    pub(super) async fn settle(&mut self, stream: &mut Stream) -> Result<bool, Stop> {
        let ping = stream.ping().await?;
        let mut was_refused = false;
        loop {
            for received in stream.take_received() {
                was_refused |= self.take(received).await?;
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
            was_refused |= self.take(received).await?;
        }
        Ok(was_refused)
    }
}
