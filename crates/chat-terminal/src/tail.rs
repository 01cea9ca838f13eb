//! `chatserver tail`: prints events, for scripts and logs. It only listens: it confirms neither delivery nor reading.

use std::collections::HashMap;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chat_client::Client;
use chat_client::link::Backoff;
use chat_client::v2::{Event, Options, Session, TokenTransport};
use chat_protocol::message::Message;
use chat_protocol::v2::{Receipt, ServerFrame};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clean::{clean, escape};
use crate::{Who, access, print_line, within};

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// How often to check whether the output still has a reader.
#[cfg(unix)]
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Options of [`tail`](crate::tail()).
#[derive(Debug, Clone, Default)]
pub struct TailOptions {
    /// Print each event as a JSON object on its own line.
    pub json: bool,
    /// Cursor of an earlier event to resume from. `None`: start with the next event.
    pub from: Option<String>,
}

struct Tail {
    client: Client,
    json: bool,
    zone: TimeZone,
    users: HashMap<i64, String>,
}

/// Prints until it is interrupted or the output has no reader. Both count as success.
pub(crate) async fn run(who: &Who, options: &TailOptions) -> Result<ExitCode> {
    let (client, me) = access::authenticate(who).await?;
    let mut session = Session::new(Options {
        url: client.url().clone(),
        token: client.token().unwrap_or_default().to_owned(),
        transport: TokenTransport::Header,
        cursor: options.from.clone(),
        outbox: 1,
        window: 1,
        backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY, getrandom::u64().unwrap_or_default()),
    });
    let users = HashMap::from([(me.id, me.username)]);
    let mut tail = Tail { client, json: options.json, zone: TimeZone::system(), users };
    loop {
        let event = tokio::select! {
            event = session.next() => event.map_err(|error| anyhow!("{error}"))?,
            interrupted = interrupted() => {
                interrupted.context("cannot wait for signals")?;
                return Ok(ExitCode::SUCCESS);
            }
            () = reader_gone() => return Ok(ExitCode::SUCCESS),
        };
        match tail.show(&event).await {
            Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::SUCCESS),
            shown => shown?,
        }
    }
}

#[cfg(unix)]
async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = ended.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Waits until the output pipe has lost its reader. Without this check, only the next event would reveal that.
#[cfg(unix)]
async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let output = io::stdout();
    loop {
        let mut polled = [PollFd::new(&output, PollFlags::empty())];
        let at_once = Timespec::default();
        let result = poll(&mut polled, Some(&at_once));
        if result.is_ok() && polled.iter().any(|output| output.revents().contains(PollFlags::ERR)) {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(not(unix))]
async fn reader_gone() {
    std::future::pending().await
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

impl Tail {
    async fn show(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Frame(frame) if self.json => print_line(&escape(&serde_json::to_string(frame)?)),
            Event::Frame(frame) => match self.line(frame).await {
                Some(line) => print_line(&line),
                None => Ok(()),
            },
            Event::Disconnected { why, again_in } => {
                eprintln!("* {}; connecting again in {:.1} s", clean(why), again_in.as_secs_f32());
                Ok(())
            }
            Event::Unknown(_) | Event::Acked { .. } | Event::Refused { .. } => Ok(()),
        }
    }

    /// Describes an event for a person; `None` if it is of no interest to one.
    async fn line(&mut self, frame: &ServerFrame) -> Option<String> {
        let clock = Timestamp::now().to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string();
        match frame {
            ServerFrame::Message(change) => {
                let message = &change.message;
                let participants = self.participants(message).await;
                let text = describe(&change.event, message);
                Some(format!("{clock} {participants}: {text}"))
            }
            ServerFrame::Append(append) => {
                Some(format!("{clock} message {} grows: {}", append.message_id, clean(&append.content)))
            }
            ServerFrame::Receipt(receipt) => Some(self.receipt(&clock, receipt).await),
            ServerFrame::Receipts(several) => {
                let mut lines = Vec::new();
                for one in several.each() {
                    lines.push(self.receipt(&clock, &one).await);
                }
                Some(lines.join("\n"))
            }
            ServerFrame::Typing(typing) => {
                let name = self.name(typing.user_id).await;
                Some(format!("{clock} {name} is typing in conversation {}", typing.conversation_id))
            }
            ServerFrame::Resync(_) => {
                Some(format!("{clock} the cursor can't be served; continuing from now"))
            }
            ServerFrame::Conversation(change) => {
                let conversation = &change.conversation;
                let name = conversation.name.as_deref().map(clean).unwrap_or_default();
                Some(
                    format!("{clock} conversation {} has changed {name}", conversation.id)
                        .trim_end()
                        .to_owned(),
                )
            }
            ServerFrame::Hello(_)
            | ServerFrame::Live(_)
            | ServerFrame::Hidden(_)
            | ServerFrame::Saved(_)
            | ServerFrame::Presence(_)
            | ServerFrame::Ack(_)
            | ServerFrame::Error(_)
            | ServerFrame::Pong(_) => None,
        }
    }

    async fn receipt(&mut self, clock: &str, receipt: &Receipt) -> String {
        let name = self.name(receipt.user_id).await;
        let (conversation, read) = (receipt.conversation_id, receipt.read_seq);
        let delivered = receipt.delivered_seq;
        format!("{clock} {name} has {delivered} and has read {read} of conversation {conversation}")
    }

    /// `tom → jerry` or `tom @ group 1`.
    async fn participants(&mut self, message: &Message) -> String {
        let sender = self.name(message.sender_id).await;
        match message.group_id {
            0 => {
                let recipient = self.name(message.recipient_id).await;
                format!("{sender} → {recipient}")
            }
            group => format!("{sender} @ group {group}"),
        }
    }

    async fn name(&mut self, id: i64) -> String {
        if let Some(name) = self.users.get(&id) {
            return clean(name);
        }
        match within(self.client.user(id)).await {
            Ok(user) => clean(self.users.entry(id).or_insert(user.username)),
            Err(_) => format!("user {id}"),
        }
    }
}

fn describe(event: &str, message: &Message) -> String {
    let content = clean(&message.content);
    match event {
        "created" => content,
        "deleted" => format!("(message {} was deleted)", message.id),
        "reaction" => {
            let each = message.reactions.iter().map(|it| format!("{} {}", clean(&it.emoji), it.count));
            format!("(message {} has {})", message.id, each.collect::<Vec<_>>().join(" "))
        }
        event => format!("{content} ({} of message {})", clean(event), message.id),
    }
}
