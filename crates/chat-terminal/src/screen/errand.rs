//! What the screen asks of the server over REST, and what it gets. Errands are plain values, so that the model can ask
//! for them and be told of their outcome without waiting.

use chat_client::v2::Moment;
use chat_client::{Client, Error};
use chat_protocol::conversation::{Conversation, Conversations, MemberReceipt, StateRequest};
use chat_protocol::message::{Message, Thread};
use chat_protocol::rest::{Member, User};

use crate::within;

/// Messages in a page.
pub(crate) const PAGE: u16 = 100;
/// Messages that are shown before one that was jumped to.
const BEFORE: i64 = 30;
/// Most messages that a search gives.
const FOUND: u16 = 50;

/// A request.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// A page of the conversations.
    Conversations { asked: Moment, cursor: Option<String> },
    /// One conversation.
    Conversation { asked: Moment, id: i64 },
    /// The last messages of a conversation or of the thread of a root in it, or those before a `seq`.
    Older { conversation: i64, thread: Option<i64>, before: Option<i64> },
    /// A thread's root, and how far the user has come.
    Thread(i64),
    /// The messages after a `seq`.
    Newer { conversation: i64, after: i64 },
    /// The messages around a `seq`.
    Around { conversation: i64, seq: i64 },
    /// Who that is.
    User(i64),
    /// How far the members have come.
    Receipts(i64),
    /// The members of a group.
    Members { conversation: i64, group: i64 },
    /// A user to write to, by name.
    Find(String),
    /// Users whose names begin so.
    Users(String),
    /// A new group.
    CreateGroup(String),
    /// Another member.
    AddMember { conversation: i64, group: i64, name: String },
    /// One member less.
    RemoveMember { conversation: i64, group: i64, user: i64 },
    /// Changes of the user's own part.
    SetState { asked: Moment, id: i64, state: StateRequest },
    /// What the user has begun to write.
    SaveDraft { asked: Moment, id: i64, text: String },
    /// Messages with these words.
    Search { words: String, conversation: Option<i64> },
    /// The pinned messages.
    Pins(i64),
}

/// What an errand gave.
#[derive(Debug, Clone)]
pub(crate) enum Fruit {
    Conversations(Conversations),
    Conversation(Box<Conversation>),
    Messages(Vec<Message>),
    Thread(Box<Thread>),
    User(User),
    Nobody,
    Users(Vec<User>),
    Receipts(Vec<MemberReceipt>),
    Members(Vec<Member>),
    Group(i64),
    Done,
}

/// Why an errand gave nothing.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The sentence for the person.
    pub(crate) why: String,
    /// It may go well when the server is back.
    pub(crate) is_passing: bool,
}

/// An errand that has been run.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) errand: Errand,
    /// Which of the model's loadings asked for it.
    pub(crate) generation: u64,
    pub(crate) outcome: Result<Fruit, Failure>,
}

/// Runs an errand.
pub(crate) async fn run(client: &Client, errand: Errand, generation: u64) -> Answer {
    let outcome = match attempt(client, &errand).await {
        // A kept connection that the server has closed meanwhile shows that at its next use.
        Err(failure) if failure.is_passing && errand.may_be_repeated() => attempt(client, &errand).await,
        outcome => outcome,
    };
    Answer { errand, generation, outcome }
}

impl Errand {
    fn may_be_repeated(&self) -> bool {
        !matches!(self, Self::CreateGroup(_))
    }
}

async fn attempt(client: &Client, errand: &Errand) -> Result<Fruit, Failure> {
    within(fetch(client, errand)).await.map_err(|error| {
        let is_passing = match error.downcast_ref() {
            Some(crate::Failed(Error::Refused { status, .. })) => *status >= 500,
            _ => true,
        };
        Failure { why: format!("{error:#}"), is_passing }
    })
}

async fn fetch(client: &Client, errand: &Errand) -> Result<Fruit, Error> {
    Ok(match errand {
        Errand::Conversations { cursor, .. } => {
            Fruit::Conversations(client.conversations(cursor.as_deref()).await?)
        }
        Errand::Conversation { id, .. } => Fruit::Conversation(Box::new(client.conversation(*id).await?)),
        Errand::Older { conversation, thread: None, before } => {
            Fruit::Messages(client.messages_before(*conversation, *before, PAGE).await?.messages)
        }
        Errand::Older { conversation, thread: Some(root), before } => {
            Fruit::Messages(client.replies_before((*conversation, *root), *before, PAGE).await?.messages)
        }
        Errand::Thread(root) => Fruit::Thread(Box::new(client.thread(*root).await?)),
        Errand::Newer { conversation, after } => {
            Fruit::Messages(client.messages_after(*conversation, *after).await?.messages)
        }
        Errand::Around { conversation, seq } => {
            let after = (seq - BEFORE).max(0);
            Fruit::Messages(client.messages_after(*conversation, after).await?.messages)
        }
        Errand::User(id) => Fruit::User(client.user(*id).await?),
        Errand::Receipts(id) => Fruit::Receipts(client.receipts(*id).await?),
        Errand::Members { group, .. } => Fruit::Members(client.members(*group).await?),
        Errand::Find(name) => client.user_named(name).await?.map_or(Fruit::Nobody, Fruit::User),
        Errand::Users(prefix) => Fruit::Users(client.users(prefix).await?),
        Errand::CreateGroup(name) => Fruit::Group(client.create_group(name).await?.group_id),
        Errand::AddMember { group, name, .. } => match client.user_named(name).await? {
            Some(user) => {
                client.add_member(*group, user.id).await?;
                Fruit::User(user)
            }
            None => Fruit::Nobody,
        },
        Errand::RemoveMember { group, user, .. } => {
            client.remove_member(*group, *user).await?;
            Fruit::Done
        }
        Errand::SetState { id, state, .. } => {
            Fruit::Conversation(Box::new(client.set_state(*id, state).await?))
        }
        Errand::SaveDraft { id, text, .. } => {
            let draft = Some(text.clone()).filter(|text| !text.is_empty());
            let state = StateRequest { draft: Some(draft), ..StateRequest::default() };
            Fruit::Conversation(Box::new(client.set_state(*id, &state).await?))
        }
        Errand::Search { words, conversation } => {
            Fruit::Messages(client.search(words, *conversation, FOUND).await?)
        }
        Errand::Pins(id) => Fruit::Messages(client.pins(*id).await?),
    })
}
