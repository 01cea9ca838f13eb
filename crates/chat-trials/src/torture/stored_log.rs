//! Reads the log's contents over REST, as the members.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chat_client::Client;
use chat_protocol::message::Message;

use super::verdict::{Log, StoredConversation};

/// Reads all conversations of these users, from the last message of `before` on, or completely.
pub(super) async fn read(members: &[Client], before: Option<&Log>) -> Result<Log> {
    let mut log = Log::new();
    for member in members {
        for conversation in conversations(member).await? {
            if log.contains_key(&conversation) {
                continue;
            }
            let known = before.and_then(|before| before.get(&conversation));
            let base = known.map_or(0, StoredConversation::last_seq);
            let messages = messages(member, conversation, base).await?;
            let receipts = member.receipts(conversation).await.context("the receipts cannot be read")?;
            let pointers = receipts
                .into_iter()
                .map(|receipt| (receipt.user_id, (receipt.delivered_seq, receipt.read_seq)))
                .collect();
            let pointers_before: BTreeMap<_, _> =
                known.map(|known| known.pointers.clone()).unwrap_or_default();
            log.insert(conversation, StoredConversation { base, messages, pointers, pointers_before });
        }
    }
    Ok(log)
}

/// Reads all messages of this user's conversations.
pub(super) async fn messages_of(member: &Client) -> Result<Vec<Message>> {
    let mut all = Vec::new();
    for conversation in conversations(member).await? {
        all.extend(messages(member, conversation, 0).await?);
    }
    Ok(all)
}

async fn conversations(member: &Client) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page =
            member.conversations(cursor.as_deref()).await.context("the conversations cannot be read")?;
        ids.extend(page.conversations.iter().map(|conversation| conversation.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(ids);
        }
    }
}

async fn messages(member: &Client, conversation: i64, base: i64) -> Result<Vec<Message>> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let after = all.iter().map(|message| message.seq).max().unwrap_or(base);
        let page = member.messages_after(conversation, after).await.context("the messages cannot be read")?;
        if page.messages.is_empty() {
            return Ok(all);
        }
        all.extend(page.messages);
    }
}
