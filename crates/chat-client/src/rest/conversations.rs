//! The calls about conversations and the messages in them.

use chat_protocol::conversation::{Conversations, MemberReceipt};
use chat_protocol::message::{History, SendRequest, Sent};
use hyper::Method;

use super::{Client, percent_encoded};
use crate::Error;

/// Most conversations or messages in a page.
const PAGE: u16 = 200;

impl Client {
    /// A page of the caller's conversations, the one with the newest message first; `cursor` leads to the next.
    pub async fn conversations(&self, cursor: Option<&str>) -> Result<Conversations, Error> {
        let next = cursor.map(|cursor| format!("&cursor={}", percent_encoded(cursor))).unwrap_or_default();
        self.get(&format!("/v1/conversations?limit={PAGE}{next}")).await
    }

    /// The messages of a conversation after a `seq`, oldest first; at most a page of them.
    pub async fn messages_after(&self, conversation: i64, seq: i64) -> Result<History, Error> {
        self.get(&format!("/v1/conversations/{conversation}/messages?after_seq={seq}&limit={PAGE}")).await
    }

    /// How far each member has come.
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
