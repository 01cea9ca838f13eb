//! A REST client that sends one message after the other and repeats each until it is answered.

use std::time::Duration;

use chat_client::{Client, Error};
use chat_protocol::message::{SendRequest, Sent};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::record::{ClientRecord, Place};
use super::users::{FirstAck, Recipient, Replacements, User};
use crate::rng::Rng;

/// A request without an answer after this time is sent again on another connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client.
pub(super) struct RestClient {
    me: User,
    client: Client,
    rng: Rng,
    first_ack: FirstAck,
    n_sent: u64,
    record: ClientRecord,
    replacements: Replacements,
    n_replacements: u64,
    /// The record of the previous database, if it was replaced.
    past: Option<ClientRecord>,
}

impl RestClient {
    pub(super) fn new(
        me: User,
        client: Client,
        seed: u64,
        (first_ack, replacements): (FirstAck, Replacements),
    ) -> Self {
        let rng = Rng::new(seed, "poster", me.number);
        Self {
            client: client.with_token(me.token.clone()),
            me,
            rng,
            first_ack,
            n_sent: 0,
            record: ClientRecord::default(),
            n_replacements: replacements.number(),
            replacements,
            past: None,
        }
    }

    /// Sends until `stop` is set, then waits until the last message is answered, at most `patience`.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>, patience: Duration) -> Self {
        while !*stop.borrow() {
            self.send_one(&stop, patience).await;
            sleep(self.rng.millis(0, 12)).await;
        }
        self
    }

    /// Takes the record, and that of the previous database if it was replaced.
    pub(super) fn take_record(&mut self) -> (ClientRecord, Option<ClientRecord>) {
        (std::mem::take(&mut self.record), self.past.take())
    }

    async fn send_one(&mut self, stop: &watch::Receiver<bool>, patience: Duration) {
        let Some(recipient) = self.me.recipient(&mut self.rng) else { return };
        let key = format!("rest-{}-{}", self.me.number, self.n_sent);
        self.n_sent += 1;
        let content = format!("{key} says {}", self.rng.number());
        self.record.sending(&key, &content);
        let message = SendRequest {
            content: Some(content),
            client_msg_id: Some(key.clone()),
            ..SendRequest::default()
        };
        let mut ends_at = None;
        loop {
            let answer = timeout(PATIENCE, self.post(recipient, &message)).await;
            if std::mem::replace(&mut self.n_replacements, self.replacements.number()) != self.n_replacements
            {
                self.past = Some(self.record.take_past());
            }
            match answer {
                Ok(Ok(sent)) => {
                    let place = Place { id: sent.id, conversation: sent.conversation_id, seq: sent.seq };
                    self.record.sent(&key, place, sent.rev);
                    self.first_ack.beat();
                    return;
                }
                Ok(Err(Error::Refused { status, code, .. })) if status < 500 && status != 429 => {
                    self.record.refusals.push(format!("{key}: {status} {code}"));
                    return;
                }
                Ok(Err(_)) | Err(_) => {
                    // A new connection, which leads to another node.
                    self.client = self.client.with_token(self.me.token.clone());
                    sleep(self.rng.millis(5, 60)).await;
                }
            }
            if *stop.borrow() && *ends_at.get_or_insert_with(|| Instant::now() + patience) < Instant::now() {
                return;
            }
        }
    }

    async fn post(&self, recipient: Recipient, message: &SendRequest) -> Result<Sent, Error> {
        match recipient {
            Recipient::User(id) => self.client.send_to_user(id, message).await,
            Recipient::Group(id) => self.client.send_to_group(id, message).await,
        }
    }
}
