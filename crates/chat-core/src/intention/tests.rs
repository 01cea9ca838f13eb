//! Which posts count as the same, and what a sender who has left gets.

use super::*;
use crate::groups::Role;
use crate::ids::{ConversationId, GroupId, Seq, UserId};
use crate::messages::{Forwarded, Mentions, Pin, Recipient, Status, ThreadSummary};
use crate::policy::{Between, Membership};
use crate::reactions::Reaction;
use crate::time::Timestamp;

const TO: Recipient = Recipient::Group(GroupId(7));

fn member() -> Access {
    Access::of(Some(Membership::new(Role::Member, Between::Group)))
}

fn body(content: &str) -> Body {
    Body { content: content.into(), ..Body::default() }
}

fn new(to: impl Into<Destination>, body: Body) -> NewMessage {
    let kind = MessageKind::implied(&body.media);
    let intention = Some(Intention::of_message(kind, &body, false));
    let (sender, at) = (UserId(1), Timestamp(5));
    let client_msg_id = Some("k".into());
    let to = to.into();
    NewMessage { sender, to, kind, body, forwarded: None, streaming: None, client_msg_id, intention, at }
}

/// The message that a post into a group was stored as.
fn stored(new: &NewMessage) -> Message {
    let body = new.body.clone();
    let quote = |id| Quote { message: id, sender: UserId(2), content: "is that so?".into(), deleted: false };
    Message {
        id: MessageId(30),
        conversation: ConversationId(3),
        seq: Seq(9),
        rev: Rev(70),
        sender: new.sender,
        to: TO,
        kind: new.kind,
        content: body.content,
        media: body.media,
        reply_to: body.reply_to.map(quote),
        thread: body.thread,
        replies: None,
        forwarded: new.forwarded,
        mentions: body.mentions,
        custom: body.custom,
        reactions: Vec::new(),
        client_msg_id: new.client_msg_id.clone(),
        sent_at: new.at,
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: new.streaming,
        status: Status::Sent,
    }
}

fn first(new: &NewMessage) -> First {
    let intention = new.intention.as_ref().map(|intention| intention.as_bytes().to_vec());
    First { message: stored(new), intention, access: member() }
}

/// The message as an earlier release stored it.
fn old(message: Message) -> First {
    First { message, intention: None, access: member() }
}

#[track_caller]
fn same(posted: Result<Posted>) -> Message {
    match posted {
        Ok(Posted::Duplicate(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn reused(posted: Result<Posted>) {
    assert_eq!(posted.unwrap_err().code(), "key_reused");
}

/// Bodies that differ from `hi` in every possible way.
fn others() -> Vec<Body> {
    let plain = || body("hi");
    let picture = Media { url: "https://example.com/a.png".into(), ..Media::default() };
    let named = Media { name: Some("a.png".into()), ..picture.clone() };
    let wide = Media { width: Some(7), ..picture.clone() };
    let high = Media { height: Some(7), ..picture.clone() };
    let media = |media: &Media| Body { media: vec![media.clone()], ..body("hi") };
    let mentions = |users: &[i64], all| Mentions { users: users.iter().copied().map(UserId).collect(), all };
    vec![
        body("hi "),
        body(""),
        media(&picture),
        media(&named),
        media(&wide),
        media(&high),
        Body { media: vec![picture.clone(), picture], ..body("hi") },
        Body { reply_to: Some(MessageId(4)), ..plain() },
        Body { thread: Some(MessageId(4)), ..plain() },
        Body { mentions: mentions(&[2], false), ..plain() },
        Body { mentions: mentions(&[2, 3], false), ..plain() },
        Body { mentions: mentions(&[], true), ..plain() },
        Body { custom: Some("{}".into()), ..plain() },
    ]
}

/// Written by hand, so that a change of the encoding without a new version is noticed: the hashes in databases must
/// stay comparable.
#[test]
fn the_encoding_stays_what_it_is() {
    let mut encoded = Vec::new();
    let mut text = |text: &str| {
        encoded.extend((text.len() as u64).to_le_bytes());
        encoded.extend(text.as_bytes());
    };
    ["message", "text", "hi"].into_iter().for_each(&mut text);
    // No media, no reply, no thread, no mentions, not all, no custom data, not streaming.
    encoded.extend([0; 7 * 8]);
    let intention = Intention::of_message(MessageKind::Text, &body("hi"), false);
    let version_and_hash = [&[1], &Sha256::digest(&encoded)[..16]].concat();
    assert_eq!(intention.as_bytes().to_vec(), version_and_hash);
}

#[test]
fn every_field_is_part_of_the_intention() {
    let mut all = vec![body("hi")];
    all.extend(others());
    let mut seen = std::collections::BTreeSet::new();
    for body in &all {
        for kind in [MessageKind::Text, MessageKind::File] {
            for streaming in [false, true] {
                let intention = Intention::of_message(kind, body, streaming);
                assert!(seen.insert(intention.as_bytes().to_vec()), "{body:?} {kind:?} {streaming}");
            }
        }
    }
    assert!(seen.insert(Intention::of_forward(MessageId(4)).as_bytes().to_vec()));
    assert!(seen.insert(Intention::of_forward(MessageId(5)).as_bytes().to_vec()));
}

#[test]
fn the_order_of_mentions_has_no_meaning() {
    let of = |users: &[i64]| {
        let users = users.iter().copied().map(UserId).collect();
        let body = Body { mentions: Mentions { users, all: false }, ..body("hi") };
        Intention::of_message(MessageKind::Text, &body, false)
    };
    assert_eq!(of(&[3, 2, 3]), of(&[2, 3]));
}

#[test]
fn a_repetition_gets_the_first_message_as_it_is_now() {
    let sent = new(TO, body("hi"));
    let edited = Message { content: "ho".into(), edited_at: Some(Timestamp(6)), ..stored(&sent) };
    let deleted = Message { content: String::new(), deleted_at: Some(Timestamp(7)), ..stored(&sent) };
    for message in [stored(&sent), edited, deleted] {
        let kept = || First { message: message.clone(), ..first(&sent) };
        assert_eq!(same(again(sent.again(), kept())), message);
        // The conversation's id names the same destination.
        let by_number = new(Destination::Conversation(ConversationId(3)), body("hi"));
        assert_eq!(same(again(by_number.again(), kept())), message);
    }
}

#[test]
fn another_destination_or_another_content_is_refused() {
    let sent = new(TO, body("hi"));
    let destinations = [
        Destination::To(Recipient::User(UserId(7))),
        Destination::To(Recipient::Group(GroupId(8))),
        Destination::Conversation(ConversationId(4)),
    ];
    for kept in [first(&sent), old(stored(&sent))] {
        let kept = || First { message: kept.message.clone(), intention: kept.intention.clone(), ..kept };
        for destination in destinations {
            reused(again(new(destination, body("hi")).again(), kept()));
        }
        for other in others() {
            reused(again(new(TO, other).again(), kept()));
        }
        let forward = Intention::of_forward(MessageId(30));
        reused(again(Again { to: TO.into(), intention: Some(&forward), new: None }, kept()));
    }
}

#[test]
fn messages_of_an_earlier_release_are_compared_as_far_as_possible() {
    let sent = new(TO, Body { mentions: Mentions { users: Vec::new(), all: true }, ..body("hi") });
    let with = |content: &str| NewMessage {
        body: Body { content: content.into(), ..sent.body.clone() },
        ..sent.clone()
    };
    let edited = Message { content: "ho".into(), edited_at: Some(Timestamp(6)), ..stored(&sent) };
    same(again(sent.again(), old(edited.clone())));
    same(again(with("cannot be distinguished").again(), old(edited.clone())));
    reused(again(new(TO, body("hi")).again(), old(edited)));
    let deleted = Message { deleted_at: Some(Timestamp(7)), ..stored(&new(TO, body(""))) };
    same(again(sent.again(), old(deleted.clone())));
    let answer = new(TO, Body { reply_to: Some(MessageId(4)), ..body("hi") });
    reused(again(answer.again(), old(deleted)));
    let grown = Message { content: "hi there".into(), streaming: Some(Streaming::Finished), ..stored(&sent) };
    same(again(
        NewMessage { streaming: Some(Streaming::Growing), ..sent.clone() }.again(),
        old(grown.clone()),
    ));
    reused(again(sent.again(), old(grown)));
    // An intention with another version does not count.
    let kept = First { intention: Some(vec![VERSION + 1, 1, 2]), ..old(stored(&sent)) };
    same(again(sent.again(), kept));
}

#[test]
fn a_forward_of_an_earlier_release_is_compared_by_its_destination() {
    let from = Some(Forwarded { message: MessageId(4), sender: UserId(2) });
    let kept = Message { forwarded: from, ..stored(&new(TO, body("hi"))) };
    let forward = Intention::of_forward(MessageId(4));
    same(again(Again { to: TO.into(), intention: Some(&forward), new: None }, old(kept.clone())));
    reused(again(new(TO, body("hi")).again(), old(kept)));
}

#[test]
fn a_sender_who_has_left_gets_the_message_as_it_was_at_first() {
    let answer = Body { reply_to: Some(MessageId(4)), ..body("hi") };
    let sent = new(TO, answer);
    let now = Message {
        content: "censored".into(),
        reactions: vec![Reaction { emoji: "🧀".into(), count: 3, users: vec![UserId(5)] }],
        replies: Some(ThreadSummary { n_replies: 4, last_reply_at: Timestamp(50) }),
        edited_at: Some(Timestamp(40)),
        deleted_at: Some(Timestamp(60)),
        pin: Some(Pin { by: UserId(5), at: Timestamp(45) }),
        ..stored(&sent)
    };
    let kept = || First { message: now.clone(), access: Access::of(None), ..first(&sent) };
    let quote = Quote { message: MessageId(4), sender: UserId(2), content: String::new(), deleted: false };
    let wanted = Message { rev: Rev(0), reply_to: Some(quote), ..stored(&sent) };
    assert_eq!(same(again(sent.again(), kept())), wanted);
    reused(again(new(TO, body("ho")).again(), kept()));
}
