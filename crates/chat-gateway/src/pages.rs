//! Responses that may be large: lists and pages. They must neither pile up in memory nor block the runtime. So a page
//! is read when its reader has a permit (`pages/queue.rs`), room for its bytes is reserved before they are encoded, and
//! a large page is encoded off the runtime, a few at a time.

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
use queue::{Asker, Queue, ReadPermit};
use weight::Weight;

/// Pages with fewer stored bytes are encoded by the thread that serves the reader: handing them over would take longer.
const SMALL_BYTES: usize = 32 * 1024;
/// Limit assumed for lists that have none.
pub(crate) const WHOLE_LIST: u16 = 1000;
/// Upper bound for waiting for a permit.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// State that all readers share.
pub(crate) struct Pages {
    queue: Arc<Queue>,
    answers: Arc<Answers>,
    /// Permits for encoding large pages; the other processors are left to everything else.
    makers: Arc<Semaphore>,
}

/// A user who requests a list or page.
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
    /// The party that shares the reader's part of the queue.
    fn asker(&self) -> Asker {
        self.client.strangers_key().map_or(Asker::User(self.user), Asker::Address)
    }
}

/// A reader's permit, held from before the page is read until it is encoded.
pub(crate) struct Turn<'a> {
    pages: &'a Pages,
    reader: Reader,
    permit: ReadPermit,
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

    /// Waits for a permit to read at most `entries` entries. Fails with `Overloaded` after [`MAX_WAIT`] or if too many
    /// wait.
    pub(crate) async fn turn(&self, reader: Reader, entries: u16) -> Result<Turn<'_>, Problem> {
        let turn = self.queue.wait(reader.asker(), entries.into());
        let permit = tokio::time::timeout(MAX_WAIT, turn).await.ok().flatten().ok_or(Error::Overloaded)?;
        Ok(Turn { pages: self, reader, permit })
    }

    /// Runs work on a large page off the runtime.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        // The semaphore is never closed; if it were, there would be no bound.
        let maker = self.makers.clone().acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _maker = maker;
            work()
        });
        done.await.map_err(Error::internal)
    }
}

impl Turn<'_> {
    /// Encodes what was read as the response.
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
        // Even computing the encoded size takes time.
        let (bytes, read) = self.pages.run_blocking(move || (read.bytes(), read)).await?;
        let room = self.room(bytes).await?;
        let permit = self.permit;
        // Both are kept until encoding ends, even if the client stops waiting.
        let made = self.pages.run_blocking(move || {
            let json = json(&wire(read), bytes);
            drop(permit);
            json.map(|json| (json, room))
        });
        let (json, room) = made.await?.map_err(Error::internal)?;
        Ok(Room::filled(room, json))
    }

    async fn room(&self, bytes: usize) -> Result<Option<Room>, Problem> {
        // A request that came over no socket is the program's own.
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
