//! The calls about conversations and their messages.

use chat_protocol::conversation::{Conversation, Conversations, MemberReceipt, StateRequest};
use chat_protocol::message::{History, Message, SendRequest, Sent, Thread};
use chat_protocol::time::Time;
use hyper::Method;

use super::{Client, percent_encoded};
use crate::Error;

/// Upper bound for the number of conversations or messages in a page.
const PAGE: u16 = 200;

impl Client {
    /// Returns a page of the caller's conversations, the one with the newest message first. `cursor` selects
    /// the next page.
    pub async fn conversations(&self, cursor: Option<&str>) -> Result<Conversations, Error> {
        let next = cursor.map(|cursor| format!("&cursor={}", percent_encoded(cursor))).unwrap_or_default();
        self.get(&format!("/v1/conversations?lean=1&limit={PAGE}{next}")).await
    }

    /// Returns one conversation.
    pub async fn conversation(&self, id: i64) -> Result<Conversation, Error> {
        self.get(&format!("/v1/conversations/{id}")).await
    }

    /// Changes the caller's per-member state of a conversation.
    pub async fn set_state(&self, id: i64, state: &StateRequest) -> Result<Conversation, Error> {
        self.call(Method::PATCH, &format!("/v1/conversations/{id}/state"), Some(state)).await
    }

    /// Returns the last messages of a conversation, or the last before a `seq`; oldest first, at most
    /// `limit`.
    pub async fn messages_before(
        &self,
        conversation: i64,
        seq: Option<i64>,
        limit: u16,
    ) -> Result<History, Error> {
        let before = seq.map(|seq| format!("&before_seq={seq}")).unwrap_or_default();
        self.get(&format!("/v1/conversations/{conversation}/messages?lean=1&limit={limit}{before}")).await
    }

    /// Returns the last replies in the thread of a message, or the last before a `seq`; oldest first, at most
    /// `limit`.
    pub async fn replies_before(
        &self,
        (conversation, root): (i64, i64),
        seq: Option<i64>,
        limit: u16,
    ) -> Result<History, Error> {
        let before = seq.map(|seq| format!("&before_seq={seq}")).unwrap_or_default();
        let path = format!(
            "/v1/conversations/{conversation}/messages?lean=1&thread_id={root}&limit={limit}{before}"
        );
        self.get(&path).await
    }

    /// Returns the thread of a message, and the caller's read pointer in it.
    pub async fn thread(&self, root: i64) -> Result<Thread, Error> {
        self.get(&format!("/v1/messages/{root}/thread")).await
    }

    /// Returns the pinned messages of a conversation, the last pinned first.
    pub async fn pins(&self, conversation: i64) -> Result<Vec<Message>, Error> {
        self.get(&format!("/v1/conversations/{conversation}/pins?lean=1&limit={PAGE}")).await
    }

    /// Returns the newest messages that the caller may see and that match; of one conversation if one is
    /// given.
    pub async fn search(
        &self,
        words: &str,
        conversation: Option<i64>,
        limit: u16,
    ) -> Result<Vec<Message>, Error> {
        let within = conversation.map(|id| format!("&conversation_id={id}")).unwrap_or_default();
        let path = format!("/v1/search?lean=1&q={}&limit={limit}{within}", percent_encoded(words));
        Ok(self.get::<History>(&path).await?.messages)
    }

    /// Returns the messages of a conversation after a `seq`, oldest first; at most one page. They have the keys of all
    /// senders.
    pub async fn messages_after(&self, conversation: i64, seq: i64) -> Result<History, Error> {
        self.get(&format!("/v1/conversations/{conversation}/messages?after_seq={seq}&limit={PAGE}")).await
    }

    /// Returns the messages of a conversation around a time, oldest first; at most one page.
    pub async fn messages_around(&self, conversation: i64, at: Time) -> Result<History, Error> {
        self.get(&format!("/v1/conversations/{conversation}/messages?lean=1&at={at}&limit={PAGE}")).await
    }

    /// Returns the pointers of each member.
    pub async fn receipts(&self, conversation: i64) -> Result<Vec<MemberReceipt>, Error> {
        self.get(&format!("/v1/conversations/{conversation}/receipts")).await
    }

    /// Sends a message to a user.
    pub async fn send_to_user(&self, user: i64, message: &SendRequest) -> Result<Sent, Error> {
        self.call(Method::POST, &format!("/v1/messages/p2p/{user}"), Some(message)).await
    }

    /// Sends a message to a group.
    pub async fn send_to_group(&self, group: i64, message: &SendRequest) -> Result<Sent, Error> {
        self.call(Method::POST, &format!("/v1/messages/group/{group}"), Some(message)).await
    }
}
