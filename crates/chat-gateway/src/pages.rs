//! Lists and pages, which may be large, on their way from the store to the client. Nothing of them may pile up and none may
//! hold up the runtime: a page is asked for when its reader's turn has come (`pages/queue.rs`), room for its bytes is
//! asked for before they are made, and a large one is made beside the runtime, a few at a time.

mod queue;
mod weight;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chat_core::Error;
use chat_core::ids::UserId;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::App;
use crate::answers::{Answers, Room};
use crate::arrival::Arrival;
use crate::auth::Caller;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::link::Link;
use queue::{Asker, Place, Queue};
use weight::Weight;

/// What is smaller in the store is made by the thread that serves its reader: handing it over would take longer.
const SMALL_BYTES: usize = 32 * 1024;
/// For lists that have no limit of their own.
pub(crate) const WHOLE_LIST: u16 = 1000;
/// How long a reader waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all readers share.
pub(crate) struct Pages {
    queue: Arc<Queue>,
    answers: Arc<Answers>,
    /// Large pages that are made at a time; the other processors are for everybody else.
    makers: Arc<Semaphore>,
}

/// A user who asks for something that may be large.
pub(crate) struct Reader {
    pub(crate) user: UserId,
    client: ClientAddress,
    link: Option<Arc<Link>>,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(user) = Caller::from_request_parts(parts, app).await?;
        let client = ClientAddress::of(&parts.extensions);
        let link = Arrival::of(&parts.extensions).map(|arrival| arrival.link.clone());
        Ok(Self { user, client, link })
    }
}

impl Reader {
    /// With whom it shares its turns.
    fn asker(&self) -> Asker {
        self.client.strangers_key().map_or(Asker::User(self.user), Asker::Address)
    }
}

/// A reader's turn: from before the page is read until it is made.
pub(crate) struct Turn<'a> {
    pages: &'a Pages,
    reader: Reader,
    place: Place,
}

impl Pages {
    pub(crate) fn new(answers: Arc<Answers>) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let makers = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { queue: Arc::default(), answers, makers }
    }

    pub(crate) fn answers(&self) -> &Arc<Answers> {
        &self.answers
    }

    /// Waits for the reader's turn to read at most so many entries.
    pub(crate) async fn turn(&self, reader: Reader, entries: u16) -> Result<Turn<'_>, Problem> {
        let turn = self.queue.wait(reader.asker(), entries.into());
        let place = tokio::time::timeout(PATIENCE, turn).await.ok().flatten().ok_or(Error::Overloaded)?;
        Ok(Turn { pages: self, reader, place })
    }

    /// Does work on a large page, beside the runtime.
    async fn beside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        // It is never closed; if it were, nothing would be bounded.
        let maker = self.makers.clone().acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _maker = maker;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

impl Turn<'_> {
    /// What was read, as the client is given it.
    pub(crate) async fn answer<T, W>(
        self,
        read: T,
        wire: impl FnOnce(T) -> W + Send + 'static,
    ) -> Result<Response, Problem>
    where
        T: Weight + Send + 'static,
        W: Serialize,
    {
        if read.stored() < SMALL_BYTES {
            return Ok(Json(wire(read)).into_response());
        }
        // Even counting what has to be written in a longer form takes time.
        let (bytes, read) = self.pages.beside(move || (read.bytes(), read)).await?;
        let room = self.room(bytes).await?;
        let place = self.place;
        // Both are kept until it is made, whether or not the client still waits for it.
        let made = self.pages.beside(move || {
            let json = json(&wire(read), bytes);
            drop(place);
            json.map(|json| (json, room))
        });
        let (json, room) = made.await?.map_err(Error::internal)?;
        Ok(Room::filled(room, json))
    }

    async fn room(&self, bytes: usize) -> Result<Option<Room>, Problem> {
        // What came by no socket is the program's own.
        let Some(link) = &self.reader.link else { return Ok(None) };
        let client = self.reader.client.strangers_key();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.pages.answers.room(bytes, client, link).await.map(Some)
    }
}

fn json(wire: &impl Serialize, about: usize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(about);
    serde_json::to_writer(&mut json, wire)?;
    if json.capacity() - json.len() > json.len() / 8 {
        json.shrink_to_fit();
    }
    Ok(json)
}
