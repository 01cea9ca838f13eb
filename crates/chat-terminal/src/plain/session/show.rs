//! Prints what arrives: messages, notices and the results of commands.

use anyhow::Result;
use chat_protocol::message;
use chat_protocol::v1::MessageFrame;
use jiff::Timestamp;

use super::Session;
use crate::clean::clean;
use crate::plain::display::{self, Line};
use crate::plain::names::Recipient;
use crate::print_line;
use crate::within;

impl Session {
    pub(super) async fn show_frame(&mut self, frame: &MessageFrame) -> Result<()> {
        if frame.sender_id == self.names.me.id {
            self.outbox.echoed(frame);
        }
        if !self.seen.is_first(frame.id) || self.mode.json {
            return Ok(());
        }
        if frame.kind == "system" {
            let clock = display::clock(frame.timestamp, Timestamp::now(), &self.zone);
            return print_line(&format!("[{clock}] * {}", clean(&frame.content)));
        }
        let from = self.names.user(frame.sender_id).await;
        let group = self.group_name(frame.group_id).await;
        if frame.kind == "typing" {
            return print_line(&display::typing(&from, group.as_deref()));
        }
        let (at, content, media_url) = (frame.timestamp, &frame.content, &frame.media_url);
        self.print(Line { at, from: &from, group: group.as_deref(), content, media_url })
    }

    async fn group_name(&mut self, id: i64) -> Option<String> {
        if id == 0 { None } else { Some(self.names.group(id).await) }
    }

    fn print(&self, line: Line<'_>) -> Result<()> {
        print_line(&line.render(Timestamp::now(), &self.zone))
    }

    pub(super) async fn show_history(&mut self, n: u16) -> Result<()> {
        let Some(recipient) = self.recipient() else { return Ok(()) };
        let client = &self.names.client;
        let response = match recipient {
            Recipient::User(id) => within(client.direct_history(id, n)).await,
            Recipient::Group(id) => within(client.group_history(id, n)).await,
        };
        let Some(message::History { messages, .. }) = self.result_of(response) else { return Ok(()) };
        for message in messages {
            let from = self.names.user(message.sender_id).await;
            let group = self.group_name(message.group_id).await;
            let (at, content, media_url) = (message.timestamp, &message.content, &message.media_url);
            self.print(Line { at, from: &from, group: group.as_deref(), content, media_url })?;
        }
        Ok(())
    }

    pub(super) async fn list_users(&mut self, prefix: &str) -> Result<()> {
        let response = within(self.names.client.users(prefix)).await;
        for user in self.result_of(response).unwrap_or_default() {
            print_line(&format!("{:>6}  {}", user.id, clean(&user.username)))?;
        }
        Ok(())
    }

    pub(super) async fn list_groups(&mut self) -> Result<()> {
        let response = within(self.names.client.groups()).await;
        for group in self.result_of(response).unwrap_or_default() {
            print_line(&format!("{:>6}  {}", group.id, clean(&group.name)))?;
        }
        Ok(())
    }

    /// The result of a request. Prints a failure, which does not end the session.
    fn result_of<T>(&mut self, response: Result<T>) -> Option<T> {
        response.inspect_err(|error| self.report_error(&format!("{error:#}"))).ok()
    }
}
