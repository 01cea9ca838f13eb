//! REST requests of the screen, and their responses. Both are plain values, so that the model can start a request
//! without waiting and gets the outcome as an input.

use chat_client::v2::Moment;
use chat_client::{Client, Error};
use chat_protocol::conversation::{Conversation, Conversations, MemberReceipt, StateRequest};
use chat_protocol::message::{Message, Thread};
use chat_protocol::rest::{Member, User};
use chat_protocol::time::Time;

use crate::within;

/// Messages per page of history.
pub(crate) const PAGE: u16 = 100;
/// How many messages before the target of a jump are loaded with it.
const BEFORE: i64 = 30;
/// Most messages in a search result.
const FOUND: u16 = 50;

/// A REST request. `asked_at` is the moment of the state when it was made, so that the response does not overwrite what
/// the stream has changed since.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// Loads a page of the conversations.
    Conversations { asked_at: Moment, cursor: Option<String> },
    /// Loads one conversation.
    Conversation { asked_at: Moment, id: i64 },
    /// Loads the page of messages before a `seq`, or the last one: of a conversation, or of the thread of this root.
    Older { conversation: i64, thread: Option<i64>, before: Option<i64> },
    /// Loads a thread's root and how far the user has read the thread. The number is the root's id.
    Thread(i64),
    /// Loads the messages after a `seq`.
    Newer { conversation: i64, after: i64 },
    /// Loads the messages around a `seq`.
    Around { conversation: i64, seq: i64 },
    /// Loads the messages around a time.
    Date { conversation: i64, at: Time },
    /// Loads a user's name.
    User(i64),
    /// Loads the pointers of the members of a conversation.
    Receipts(i64),
    /// Loads the members of a group.
    Members { conversation: i64, group: i64 },
    /// Finds a user to write to by exact name.
    Find(String),
    /// Finds users by the beginning of their names.
    Users(String),
    /// Creates a group of this name.
    CreateGroup(String),
    /// Adds a member to a group, by name.
    AddMember { conversation: i64, group: i64, name: String },
    /// Removes a member from a group, or leaves it.
    RemoveMember { conversation: i64, group: i64, user: i64 },
    /// Changes the user's per-member state of a conversation.
    SetState { asked_at: Moment, id: i64, state: StateRequest },
    /// Saves a draft; an empty text removes it.
    SaveDraft { asked_at: Moment, id: i64, text: String },
    /// Searches messages for words, in one conversation or in all.
    Search { words: String, conversation: Option<i64> },
    /// Loads the pinned messages of a conversation.
    Pins(i64),
}

/// The response to a [`Request`].
#[derive(Debug, Clone)]
pub(crate) enum Response {
    Conversations(Conversations),
    Conversation(Box<Conversation>),
    Messages(Vec<Message>),
    Thread(Box<Thread>),
    User(User),
    /// There is no user of that name.
    Nobody,
    Users(Vec<User>),
    Receipts(Vec<MemberReceipt>),
    Members(Vec<Member>),
    /// Id of the group that was created.
    Group(i64),
    Done,
}

/// Why a request failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The text for the person.
    pub(crate) why: String,
    /// Whether the same request may succeed later, because the server was unreachable or failed.
    pub(crate) is_temporary: bool,
}

/// A completed request and its outcome.
#[derive(Debug, Clone)]
pub(crate) struct Completed {
    pub(crate) request: Request,
    /// The model's generation when the request was made.
    pub(crate) generation: u64,
    pub(crate) outcome: Result<Response, Failure>,
}

/// Runs a request. Repeats it once after a temporary failure, except for a new group, of which that could create two.
pub(crate) async fn run(client: &Client, request: Request, generation: u64) -> Completed {
    let outcome = match attempt(client, &request).await {
        // A kept-alive connection that the server has closed fails at its next use.
        Err(failure) if failure.is_temporary && request.may_be_repeated() => attempt(client, &request).await,
        outcome => outcome,
    };
    Completed { request, generation, outcome }
}

impl Request {
    fn may_be_repeated(&self) -> bool {
        !matches!(self, Self::CreateGroup(_))
    }
}

async fn attempt(client: &Client, request: &Request) -> Result<Response, Failure> {
    within(fetch(client, request)).await.map_err(|error| {
        let is_temporary = match error.downcast_ref() {
            Some(crate::Failed(Error::Refused { status, .. })) => *status >= 500,
            _ => true,
        };
        Failure { why: format!("{error:#}"), is_temporary }
    })
}

async fn fetch(client: &Client, request: &Request) -> Result<Response, Error> {
    Ok(match request {
        Request::Conversations { cursor, .. } => {
            Response::Conversations(client.conversations(cursor.as_deref()).await?)
        }
        Request::Conversation { id, .. } => Response::Conversation(Box::new(client.conversation(*id).await?)),
        Request::Older { conversation, thread: None, before } => {
            Response::Messages(client.messages_before(*conversation, *before, PAGE).await?.messages)
        }
        Request::Older { conversation, thread: Some(root), before } => {
            Response::Messages(client.replies_before((*conversation, *root), *before, PAGE).await?.messages)
        }
        Request::Thread(root) => Response::Thread(Box::new(client.thread(*root).await?)),
        Request::Newer { conversation, after } => {
            Response::Messages(client.messages_after(*conversation, *after).await?.messages)
        }
        Request::Around { conversation, seq } => {
            let after = (seq - BEFORE).max(0);
            Response::Messages(client.messages_after(*conversation, after).await?.messages)
        }
        Request::Date { conversation, at } => {
            Response::Messages(client.messages_around(*conversation, *at).await?.messages)
        }
        Request::User(id) => Response::User(client.user(*id).await?),
        Request::Receipts(id) => Response::Receipts(client.receipts(*id).await?),
        Request::Members { group, .. } => Response::Members(client.members(*group).await?),
        Request::Find(name) => client.user_named(name).await?.map_or(Response::Nobody, Response::User),
        Request::Users(prefix) => Response::Users(client.users(prefix).await?),
        Request::CreateGroup(name) => Response::Group(client.create_group(name).await?.group_id),
        Request::AddMember { group, name, .. } => match client.user_named(name).await? {
            Some(user) => {
                client.add_member(*group, user.id).await?;
                Response::User(user)
            }
            None => Response::Nobody,
        },
        Request::RemoveMember { group, user, .. } => {
            client.remove_member(*group, *user).await?;
            Response::Done
        }
        Request::SetState { id, state, .. } => {
            Response::Conversation(Box::new(client.set_state(*id, state).await?))
        }
        Request::SaveDraft { id, text, .. } => {
            let draft = Some(text.clone()).filter(|text| !text.is_empty());
            let state = StateRequest { draft: Some(draft), ..StateRequest::default() };
            Response::Conversation(Box::new(client.set_state(*id, &state).await?))
        }
        Request::Search { words, conversation } => {
            Response::Messages(client.search(words, *conversation, FOUND).await?)
        }
        Request::Pins(id) => Response::Messages(client.pins(*id).await?),
    })
}
