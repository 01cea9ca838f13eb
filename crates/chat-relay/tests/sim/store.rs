//! The store's host and the nodes' connections to it. A batch is one transaction; an answer may get lost after the
//! commit.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use turmoil::net::TcpListener;

use crate::database::{SharedDatabase, Write};
use crate::net::{Frames, Out, connect, frames, json};

pub(crate) const HOST: &str = "store";
const PORT: u16 = 5432;
const CAPACITY: usize = 256;
/// Upper bound for the changes on one page.
const PAGE: usize = 5;
const ANSWER_WITHIN: Duration = Duration::from_millis(1000);
const CONNECT_AGAIN: Duration = Duration::from_millis(50);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Commit(Vec<Write>),
    End,
    Read { after: i64, limit: i64 },
    Memberships { user: i64 },
    Changes { user: i64, after: i64 },
}

/// Answers contain log positions and no events: nodes read the events from the shared database, where they never
/// change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Committed { after: i64, up_to: i64 },
    End(i64),
    Page { up_to: i64 },
    Gone,
    Memberships(Vec<i64>),
    Changes { positions: Vec<i64>, up_to: i64, complete: bool },
}

pub(crate) async fn run(database: SharedDatabase) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (out, frames) = frames(stream, CAPACITY);
        tokio::task::spawn_local(serve(out, frames, database.clone()));
    }
}

async fn serve(out: Out, mut frames: Frames, database: SharedDatabase) {
    while let Some((id, ask)) = frames.value::<(u64, Ask)>().await {
        let answer = answer(&database, ask);
        if out.try_send(json(&(id, answer))).is_err() {
            return;
        }
    }
}

fn answer(database: &SharedDatabase, ask: Ask) -> Answer {
    let mut db = database.borrow_mut();
    match ask {
        Ask::Commit(writes) => {
            let after = db.end();
            Answer::Committed { after, up_to: db.commit(&writes) }
        }
        Ask::End => Answer::End(db.end()),
        Ask::Read { after, .. } if after < db.kept_after => Answer::Gone,
        Ask::Read { after, limit } => Answer::Page { up_to: db.end().min(after + limit) },
        Ask::Memberships { user } => Answer::Memberships(db.groups_of(user)),
        Ask::Changes { user, after } => {
            let positions = db.visible(user, after, PAGE);
            let complete = positions.len() < PAGE;
            let up_to = if complete { db.end() } else { *positions.last().unwrap() };
            Answer::Changes { positions, up_to, complete }
        }
    }
}

/// A connection to the store that reconnects by itself.
#[derive(Clone, Default)]
pub(crate) struct Rpc(Rc<RefCell<Waiting>>);

#[derive(Default)]
struct Waiting {
    out: Option<mpsc::Sender<Vec<u8>>>,
    answers: BTreeMap<u64, oneshot::Sender<Answer>>,
    next: u64,
}

impl Rpc {
    /// Connects, and reconnects without end.
    pub(crate) async fn run(self) {
        loop {
            if let Some((out, mut frames)) = connect(HOST, PORT, CAPACITY).await {
                self.0.borrow_mut().out = Some(out);
                while let Some((id, answer)) = frames.value::<(u64, Answer)>().await {
                    let waiting = self.0.borrow_mut().answers.remove(&id);
                    // The caller may have stopped waiting.
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(answer);
                    }
                }
                let mut waiting = self.0.borrow_mut();
                waiting.out = None;
                waiting.answers.clear();
            }
            sleep(CONNECT_AGAIN).await;
        }
    }

    /// Sends a request. Returns `None` if its result is unknown.
    pub(crate) async fn ask(&self, ask: Ask) -> Option<Answer> {
        let answered = {
            let mut waiting = self.0.borrow_mut();
            let id = waiting.next;
            waiting.next += 1;
            waiting.out.as_ref()?.try_send(json(&(id, ask))).ok()?;
            let (sender, answered) = oneshot::channel();
            waiting.answers.insert(id, sender);
            answered
        };
        timeout(ANSWER_WITHIN, answered).await.ok()?.ok()
    }
}
