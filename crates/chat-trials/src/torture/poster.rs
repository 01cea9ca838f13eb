//! A client that sends over REST, one message after the other, each until it is answered.

use std::time::Duration;

use chat_client::{Client, Error};
use chat_protocol::message::{SendRequest, Sent};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::arena::{Era, Person, Pulse, Target};
use super::dice::Dice;
use super::ledger::{Ledger, Place};

/// A request without an answer for so long is sent again on another connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// The client.
pub(super) struct Poster {
    me: Person,
    client: Client,
    dice: Dice,
    pulse: Pulse,
    n_sent: u64,
    ledger: Ledger,
    era: Era,
    n_eras: u64,
    /// What was told of the database of before, if it was replaced.
    past: Option<Ledger>,
}

impl Poster {
    pub(super) fn new(me: Person, client: Client, seed: u64, (pulse, era): (Pulse, Era)) -> Self {
        let dice = Dice::new(seed, "poster", me.number);
        Self {
            client: client.with_token(me.token.clone()),
            me,
            dice,
            pulse,
            n_sent: 0,
            ledger: Ledger::default(),
            n_eras: era.number(),
            era,
            past: None,
        }
    }

    /// Sends until it is told to stop, and then until the last message is answered or the time is up.
    pub(super) async fn play(mut self, stop: watch::Receiver<bool>, patience: Duration) -> Self {
        while !*stop.borrow() {
            self.send_one(&stop, patience).await;
            sleep(self.dice.millis(0, 12)).await;
        }
        self
    }

    /// What it knows, and what it knew of the database of before.
    pub(super) fn take_ledger(&mut self) -> (Ledger, Option<Ledger>) {
        (std::mem::take(&mut self.ledger), self.past.take())
    }

    async fn send_one(&mut self, stop: &watch::Receiver<bool>, patience: Duration) {
        let Some(target) = self.me.target(&mut self.dice) else { return };
        let key = format!("rest-{}-{}", self.me.number, self.n_sent);
        self.n_sent += 1;
        let content = format!("{key} says {}", self.dice.throw());
        self.ledger.sending(&key, &content);
        let message = SendRequest {
            content: Some(content),
            client_msg_id: Some(key.clone()),
            ..SendRequest::default()
        };
        let mut ends_at = None;
        loop {
            let answer = timeout(PATIENCE, self.post(target, &message)).await;
            if std::mem::replace(&mut self.n_eras, self.era.number()) != self.n_eras {
                self.past = Some(self.ledger.turn());
            }
            match answer {
                Ok(Ok(sent)) => {
                    let place = Place { id: sent.id, conversation: sent.conversation_id, seq: sent.seq };
                    self.ledger.sent(&key, place, sent.rev);
                    self.pulse.beat();
                    return;
                }
                Ok(Err(Error::Refused { status, code, .. })) if status < 500 && status != 429 => {
                    self.ledger.refusals.push(format!("{key}: {status} {code}"));
                    return;
                }
                Ok(Err(_)) | Err(_) => {
                    // On another connection, and so at another node.
                    self.client = self.client.with_token(self.me.token.clone());
                    sleep(self.dice.millis(5, 60)).await;
                }
            }
            if *stop.borrow() && *ends_at.get_or_insert_with(|| Instant::now() + patience) < Instant::now() {
                return;
            }
        }
    }

    async fn post(&self, target: Target, message: &SendRequest) -> Result<Sent, Error> {
        match target {
            Target::User(id) => self.client.send_to_user(id, message).await,
            Target::Group(id) => self.client.send_to_group(id, message).await,
        }
    }
}
