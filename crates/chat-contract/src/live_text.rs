//! Tests of live text.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::conversations::Audience;
use chat_core::event::Change;
use chat_core::ids::{MessageId, UserId};
use chat_core::live_text::{Appended, Chunk, Finish};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::NewMessage;
use chat_core::{Error, Result};
use proptest::prelude::*;

use super::cluster::runtime;
use super::rows;
use super::samples::{code, command, message};
use super::test_store::{Stores, TestStore};

const MAX_BYTES: usize = 64;

fn chunk(offset: u32, content: &str) -> Chunk {
    Chunk { offset, content: content.into() }
}

fn finish(state: Streaming, content: Option<&str>) -> Finish {
    Finish { state, content: content.map(str::to_owned) }
}

async fn growing(node: &TestStore, sender: UserId, to: Recipient, content: &str) -> Message {
    node.post(NewMessage { streaming: Some(Streaming::Growing), ..message(sender, to, content) }).await
}

async fn append(node: &TestStore, actor: UserId, message: &Message, chunk: Chunk) -> Result<Appended> {
    node.store.append(command(actor, message), chunk, MAX_BYTES).await
}

pub async fn text_grows_chunk_by_chunk(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "").await;
    assert_eq!((sent.content.as_str(), sent.streaming), ("", Some(Streaming::Growing)));
    // Offsets count characters, not bytes.
    for (offset, text, whole) in [(0, "Kä", "Kä"), (2, "se 🧀", "Käse 🧀"), (6, "\u{1}!", "Käse 🧀\u{1}!")]
    {
        let added = append(&node, tom, &sent, chunk(offset, text)).await.unwrap();
        let read = node.store.message(jerry, sent.id).await.unwrap();
        assert_eq!((read.content.as_str(), read.rev, read.edited_at), (whole, added.rev, None));
        assert_eq!((added.message, added.seq, added.already), (sent.id, sent.seq, false));
        assert_eq!((added.chunk.clone(), added.audience), (chunk(offset, text), Audience::Pair(tom, jerry)));
        assert_eq!(usize::try_from(added.length), Ok(whole.chars().count()));
        let events = node.sink.events();
        let published = &events.last().unwrap().change;
        assert!(matches!(published, Change::TextAppended(text) if *text == added), "{published:?}");
    }
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), []);
    rows::check(&node).await;
}

pub async fn a_repeated_chunk_is_acknowledged_and_one_at_a_wrong_offset_refused(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "né").await;
    let first = append(&node, tom, &sent, chunk(2, "e")).await.unwrap();
    let events = node.sink.events().len();
    let again = append(&node, tom, &sent, chunk(2, "e")).await.unwrap();
    assert_eq!(again, Appended { already: true, ..first });
    for wrong in [chunk(1, "x"), chunk(4, "x"), chunk(2, "ex"), chunk(u32::MAX, "x")] {
        let Err(Error::Conflict { code, sentence }) = append(&node, tom, &sent, wrong).await else {
            panic!("it was accepted")
        };
        assert!(code == "offset_mismatch" && sentence.contains('3'), "{code}: {sentence}");
    }
    assert_eq!(node.sink.events().len(), events);
    rows::check(&node).await;
}

pub async fn only_its_author_appends_to_a_message_and_only_to_a_growing_one(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let sent = growing(&node, jerry, Recipient::Group(group.id), "a").await;
    let whole = node.say(jerry, Recipient::Group(group.id), "a").await;
    let gone = growing(&node, jerry, Recipient::Group(group.id), "a").await;
    node.store.delete(command(jerry, &gone)).await.unwrap();
    let nowhere = Message { id: MessageId(99), ..sent.clone() };
    let events = node.sink.events().len();
    for (actor, message, wanted) in [
        (tom, &sent, "forbidden"),
        (spike, &sent, "message_not_found"),
        (jerry, &nowhere, "message_not_found"),
        (jerry, &whole, "not_growing"),
        (jerry, &gone, "message_deleted"),
    ] {
        assert_eq!(code(append(&node, actor, message, chunk(1, "b")).await), wanted);
        let finished = node.store.finish(command(actor, message), finish(Streaming::Finished, None)).await;
        assert_eq!(code(finished), wanted);
    }
    assert_eq!(node.sink.events().len(), events);
}

pub async fn the_length_of_a_text_is_limited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), &"é".repeat(MAX_BYTES / 2 - 1)).await;
    let length = u32::try_from(sent.content.chars().count()).unwrap();
    assert_eq!(code(append(&node, tom, &sent, chunk(length, "abc")).await), "invalid_request");
    append(&node, tom, &sent, chunk(length, "ab")).await.unwrap();
    assert_eq!(code(append(&node, tom, &sent, chunk(length + 2, "c")).await), "invalid_request");
    assert!(append(&node, tom, &sent, chunk(length, "ab")).await.unwrap().already);
    rows::check(&node).await;
}

pub async fn growth_ends_once_and_in_one_way(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let (finished, abandoned) = (Streaming::Finished, Streaming::Abandoned);
    for (state, other) in [(finished, abandoned), (abandoned, finished)] {
        let sent = growing(&node, tom, Recipient::User(jerry), "so far").await;
        let done = node.store.finish(command(tom, &sent), finish(state, None)).await.unwrap();
        let Changed::Now(done, MessageEvent::Finished) = done else { panic!("{done:?}") };
        assert_eq!((done.content.as_str(), done.streaming, done.edited_at), ("so far", Some(state), None));
        let events = node.sink.events().len();
        let again = node.store.finish(command(tom, &sent), finish(state, None)).await.unwrap();
        assert_eq!(again, Changed::Already(done));
        assert_eq!(code(node.store.finish(command(tom, &sent), finish(other, None)).await), "not_growing");
        assert_eq!(code(append(&node, tom, &sent, chunk(6, "x")).await), "not_growing");
        assert_eq!(node.sink.events().len(), events);
    }
    rows::check(&node).await;
}

pub async fn finishing_may_give_the_whole_text_and_then_it_can_be_edited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "dra").await;
    let end = finish(Streaming::Finished, Some("the draft"));
    let done = node.store.finish(command(tom, &sent), end.clone()).await.unwrap().into_message();
    assert_eq!(done.content, "the draft");
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), [], "an unfinished text is not a version");
    node.store.edit(command(tom, &sent), "edited".into()).await.unwrap();
    // The answer to the first request was lost, and its sender repeats it.
    let again = node.store.finish(command(tom, &sent), end).await.unwrap();
    assert!(matches!(&again, Changed::Already(message) if message.content == "edited"), "{again:?}");
    assert_eq!(node.store.versions(jerry, sent.id).await.unwrap()[0].content, "the draft");
    rows::check(&node).await;
}

/// Chunks may be lost, repeated or late. As long as the sender follows the answers, the text is complete.
pub fn repeated_and_late_chunks_leave_the_text_whole(stores: &dyn Stores) {
    let runtime = runtime();
    let node = runtime.block_on(stores.fresh());
    let [tom, jerry] = runtime.block_on(node.users(["tom", "jerry"]));
    let chunks = prop::collection::vec("[ab🧀é]{1,4}", 1..8);
    let picks = prop::collection::vec(0..8_usize, 0..24);
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(texts in chunks, picks in picks)| runtime.block_on(async {
        let sent = growing(&node, tom, Recipient::User(jerry), "").await;
        let mut offset = 0;
        let chunks: Vec<_> = texts.iter().map(|text| {
            let chunk = chunk(offset, text);
            offset += u32::try_from(text.chars().count()).unwrap();
            chunk
        }).collect();
        let mut so_far = String::new();
        let in_order = 0..chunks.len();
        for index in picks.into_iter().chain(in_order).filter(|index| *index < chunks.len()) {
            let chunk = &chunks[index];
            let length = u32::try_from(so_far.chars().count()).unwrap();
            let answer = node.store.append(command(tom, &sent), chunk.clone(), 4096).await;
            if chunk.offset == length {
                so_far.push_str(&chunk.content);
                assert!(!answer.unwrap().already);
            } else if chunk.offset < length {
                assert!(answer.unwrap().already);
            } else {
                assert_eq!(code(answer), "offset_mismatch");
            }
        }
        assert_eq!(&so_far, &texts.concat());
        let read = node.store.message(jerry, sent.id).await.unwrap();
        assert_eq!(read.content, so_far);
    }));
    runtime.block_on(rows::check(&node));
}
