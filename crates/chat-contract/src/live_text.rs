//! The MUSTs of live text.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::conversations::Audience;
use chat_core::event::Change;
use chat_core::ids::{MessageId, UserId};
use chat_core::live_text::{Appended, Ending, Piece};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::NewMessage;
use chat_core::{Error, Result};
use proptest::prelude::*;

use super::cluster::runtime;
use super::rows;
use super::samples::{code, command, message};
use super::test_store::{Stores, TestStore};

const MAX_BYTES: usize = 64;

fn piece(offset: u32, content: &str) -> Piece {
    Piece { offset, content: content.into() }
}

fn ending(state: Streaming, content: Option<&str>) -> Ending {
    Ending { state, content: content.map(str::to_owned) }
}

async fn growing(node: &TestStore, sender: UserId, to: Recipient, content: &str) -> Message {
    node.post(NewMessage { streaming: Some(Streaming::Growing), ..message(sender, to, content) }).await
}

async fn append(node: &TestStore, actor: UserId, message: &Message, piece: Piece) -> Result<Appended> {
    node.store.append(command(actor, message), piece, MAX_BYTES).await
}

pub async fn text_grows_piece_by_piece(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "").await;
    assert_eq!((sent.content.as_str(), sent.streaming), ("", Some(Streaming::Growing)));
    // Characters are counted, not bytes.
    for (offset, text, whole) in [(0, "Kä", "Kä"), (2, "se 🧀", "Käse 🧀"), (6, "\u{1}!", "Käse 🧀\u{1}!")]
    {
        let added = append(&node, tom, &sent, piece(offset, text)).await.unwrap();
        let read = node.store.message(jerry, sent.id).await.unwrap();
        assert_eq!((read.content.as_str(), read.rev, read.edited_at), (whole, added.rev, None));
        assert_eq!((added.message, added.seq, added.already), (sent.id, sent.seq, false));
        assert_eq!((added.piece.clone(), added.audience), (piece(offset, text), Audience::Pair(tom, jerry)));
        assert_eq!(usize::try_from(added.length), Ok(whole.chars().count()));
        let events = node.sink.events();
        let told = &events.last().unwrap().change;
        assert!(matches!(told, Change::TextAppended(told) if *told == added), "{told:?}");
    }
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), []);
    rows::check(&node).await;
}

pub async fn a_piece_that_is_there_is_acknowledged_and_one_that_does_not_fit_refused(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "né").await;
    let first = append(&node, tom, &sent, piece(2, "e")).await.unwrap();
    let events = node.sink.events().len();
    let again = append(&node, tom, &sent, piece(2, "e")).await.unwrap();
    assert_eq!(again, Appended { already: true, ..first });
    for wrong in [piece(1, "x"), piece(4, "x"), piece(2, "ex"), piece(u32::MAX, "x")] {
        let Err(Error::Conflict { code, sentence }) = append(&node, tom, &sent, wrong).await else {
            panic!("it was taken")
        };
        assert!(code == "offset_mismatch" && sentence.contains('3'), "{code}: {sentence}");
    }
    assert_eq!(node.sink.events().len(), events);
    rows::check(&node).await;
}

pub async fn only_its_author_lets_a_message_grow_and_only_one_that_does(stores: &dyn Stores) {
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
        assert_eq!(code(append(&node, actor, message, piece(1, "b")).await), wanted);
        let finished = node.store.finish(command(actor, message), ending(Streaming::Finished, None)).await;
        assert_eq!(code(finished), wanted);
    }
    assert_eq!(node.sink.events().len(), events);
}

pub async fn there_is_an_end_to_a_text(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), &"é".repeat(MAX_BYTES / 2 - 1)).await;
    let length = u32::try_from(sent.content.chars().count()).unwrap();
    assert_eq!(code(append(&node, tom, &sent, piece(length, "abc")).await), "invalid_request");
    append(&node, tom, &sent, piece(length, "ab")).await.unwrap();
    assert_eq!(code(append(&node, tom, &sent, piece(length + 2, "c")).await), "invalid_request");
    assert!(append(&node, tom, &sent, piece(length, "ab")).await.unwrap().already);
    rows::check(&node).await;
}

pub async fn growth_ends_once_and_in_one_way(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let (finished, abandoned) = (Streaming::Finished, Streaming::Abandoned);
    for (state, other) in [(finished, abandoned), (abandoned, finished)] {
        let sent = growing(&node, tom, Recipient::User(jerry), "so far").await;
        let done = node.store.finish(command(tom, &sent), ending(state, None)).await.unwrap();
        let Changed::Now(done, MessageEvent::Finished) = done else { panic!("{done:?}") };
        assert_eq!((done.content.as_str(), done.streaming, done.edited_at), ("so far", Some(state), None));
        let events = node.sink.events().len();
        let again = node.store.finish(command(tom, &sent), ending(state, None)).await.unwrap();
        assert_eq!(again, Changed::Already(done));
        assert_eq!(code(node.store.finish(command(tom, &sent), ending(other, None)).await), "not_growing");
        assert_eq!(code(append(&node, tom, &sent, piece(6, "x")).await), "not_growing");
        assert_eq!(node.sink.events().len(), events);
    }
    rows::check(&node).await;
}

pub async fn finishing_may_give_the_whole_text_and_then_it_can_be_edited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = growing(&node, tom, Recipient::User(jerry), "dra").await;
    let end = ending(Streaming::Finished, Some("the draft"));
    let done = node.store.finish(command(tom, &sent), end.clone()).await.unwrap().into_message();
    assert_eq!(done.content, "the draft");
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), [], "what was half-written is no version");
    node.store.edit(command(tom, &sent), "edited".into()).await.unwrap();
    // The answer to the first one was lost, and its sender asks again.
    let again = node.store.finish(command(tom, &sent), end).await.unwrap();
    assert!(matches!(&again, Changed::Already(message) if message.content == "edited"), "{again:?}");
    assert_eq!(node.store.versions(jerry, sent.id).await.unwrap()[0].content, "the draft");
    rows::check(&node).await;
}

/// Pieces may be lost on the way, sent twice or late; as long as their sender goes by the answers, the text is whole.
pub fn whatever_is_sent_again_the_text_is_that_of_its_pieces(stores: &dyn Stores) {
    let runtime = runtime();
    let node = runtime.block_on(stores.fresh());
    let [tom, jerry] = runtime.block_on(node.users(["tom", "jerry"]));
    let pieces = prop::collection::vec("[ab🧀é]{1,4}", 1..8);
    let picks = prop::collection::vec(0..8_usize, 0..24);
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(texts in pieces, picks in picks)| runtime.block_on(async {
        let sent = growing(&node, tom, Recipient::User(jerry), "").await;
        let mut offset = 0;
        let pieces: Vec<_> = texts.iter().map(|text| {
            let piece = piece(offset, text);
            offset += u32::try_from(text.chars().count()).unwrap();
            piece
        }).collect();
        let mut so_far = String::new();
        let in_order = 0..pieces.len();
        for index in picks.into_iter().chain(in_order).filter(|index| *index < pieces.len()) {
            let piece = &pieces[index];
            let length = u32::try_from(so_far.chars().count()).unwrap();
            let answer = node.store.append(command(tom, &sent), piece.clone(), 4096).await;
            if piece.offset == length {
                so_far.push_str(&piece.content);
                assert!(!answer.unwrap().already);
            } else if piece.offset < length {
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
