//! Strategies for all possible events and signals, with numbers and texts that no server would produce. Large ones are
//! boxed, since they would not fit on the stack of a test.

use chat_core::access::{Fingerprint, Revoked};
use chat_core::changes::MessageEvent;
use chat_core::conversations::{
    Audience, Conversation, ConversationKind, ConversationView, Counted, Counts, OwnPart,
};
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::live_text::{Appended, Chunk};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{
    Forwarded, Mentions, Message, Pin, Quote, Recipient, Status, Streaming, ThreadSummary,
};
use chat_core::reactions::Reaction;
use chat_core::receipts::{Pointers, Receipt};
use chat_core::time::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

pub fn event() -> BoxedStrategy<Event> {
    (number(), change()).prop_map(|(position, change)| Event { position: Position(position), change }).boxed()
}

/// A batch of any events.
pub fn batch() -> impl Strategy<Value = Vec<Event>> {
    vec(event(), 0..6)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![about_messages(), about_conversations(), about_one_user()]
}

fn about_messages() -> BoxedStrategy<Change> {
    prop_oneof![
        message().prop_map(Change::MessagePosted),
        (message(), what()).prop_map(|(message, what)| Change::MessageChanged { message, what }),
        appended().prop_map(Change::TextAppended),
        vec(receipt(), 0..4).prop_map(Change::PointersMoved),
    ]
    .boxed()
}

fn about_conversations() -> BoxedStrategy<Change> {
    prop_oneof![
        conversation().prop_map(Change::ConversationChanged),
        (conversation(), user(), own_part()).prop_map(|(conversation, user, own)| Change::MemberChanged {
            conversation,
            user,
            own
        }),
        (conversation(), user())
            .prop_map(|(conversation, user)| Change::MemberRemoved { conversation, user }),
        (user(), view()).prop_map(|(user, view)| Change::OwnPartChanged { user, view: Box::new(view) }),
    ]
    .boxed()
}

fn about_one_user() -> BoxedStrategy<Change> {
    prop_oneof![
        (user(), conversation_id(), message_id(), of(counted())).prop_map(
            |(user, conversation, message, counted)| {
                Change::MessageHidden { user, conversation, message, counted }
            }
        ),
        (user(), message_id(), any::<bool>()).prop_map(|(user, message, saved)| Change::MessageSaved {
            user,
            message,
            saved
        }),
        (user(), revoked()).prop_map(|(user, which)| Change::AccessRevoked { user, which }),
    ]
    .boxed()
}

pub fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![
        (user(), user(), of(conversation_id()), timestamp())
            .prop_map(|(from, to, conversation, at)| Signal::TypingToUser { from, to, conversation, at }),
        (user(), group_id(), conversation_id(), timestamp()).prop_map(|(from, group, conversation, at)| {
            Signal::TypingToGroup { from, group, conversation, at }
        }),
    ]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0..100_i64, Just(i64::MIN), Just(i64::MAX)]
}

/// Text with control characters and others that JSON has to escape.
fn text() -> impl Strategy<Value = String> {
    let odd = prop_oneof![Just('\0'), Just('"'), Just('\\'), Just('\u{7f}'), Just('\u{2028}'), Just('🐭')];
    vec(prop_oneof![any::<char>(), odd], 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn user() -> impl Strategy<Value = UserId> {
    number().prop_map(UserId)
}

fn group_id() -> impl Strategy<Value = GroupId> {
    number().prop_map(GroupId)
}

fn conversation_id() -> impl Strategy<Value = ConversationId> {
    number().prop_map(ConversationId)
}

fn message_id() -> impl Strategy<Value = MessageId> {
    number().prop_map(MessageId)
}

fn seq() -> impl Strategy<Value = Seq> {
    number().prop_map(Seq)
}

fn rev() -> impl Strategy<Value = Rev> {
    number().prop_map(Rev)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp)
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        user().prop_map(Audience::User),
        (user(), user()).prop_map(|(low, high)| Audience::Pair(low, high)),
        conversation_id().prop_map(Audience::Group),
    ]
}

fn kind() -> impl Strategy<Value = MessageKind> {
    use MessageKind::{Audio, File, Image, Text, Video};
    prop_oneof![Just(Text), Just(Image), Just(Video), Just(Audio), Just(File)]
}

fn what() -> impl Strategy<Value = MessageEvent> {
    use MessageEvent::{Appended, Created, Deleted, Edited, Finished, Pinned, Reaction, Thread};
    proptest::sample::select(vec![Created, Edited, Deleted, Reaction, Pinned, Thread, Appended, Finished])
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Sent), Just(Status::Pending), Just(Status::Delivered), Just(Status::Read)]
}

fn streaming() -> impl Strategy<Value = Streaming> {
    prop_oneof![Just(Streaming::Growing), Just(Streaming::Finished), Just(Streaming::Abandoned)]
}

fn recipient() -> impl Strategy<Value = Recipient> {
    prop_oneof![user().prop_map(Recipient::User), group_id().prop_map(Recipient::Group)]
}

fn medium() -> BoxedStrategy<Media> {
    let about = (of(any::<u64>()), of(any::<u32>()), of(any::<u32>()));
    (text(), of(kind()), of(text()), about)
        .prop_map(|(url, kind, name, (size, width, height))| Media { url, kind, name, size, width, height })
        .boxed()
}

fn quote() -> impl Strategy<Value = Quote> {
    (message_id(), user(), text(), any::<bool>()).prop_map(|(message, sender, content, deleted)| Quote {
        message,
        sender,
        content,
        deleted,
    })
}

fn replies() -> impl Strategy<Value = ThreadSummary> {
    (any::<u32>(), timestamp())
        .prop_map(|(n_replies, last_reply_at)| ThreadSummary { n_replies, last_reply_at })
}

fn forwarded() -> impl Strategy<Value = Forwarded> {
    (message_id(), user()).prop_map(|(message, sender)| Forwarded { message, sender })
}

fn mentions() -> impl Strategy<Value = Mentions> {
    (vec(user(), 0..4), any::<bool>()).prop_map(|(users, all)| Mentions { users, all })
}

fn reaction() -> impl Strategy<Value = Reaction> {
    (text(), any::<u32>(), vec(user(), 0..5)).prop_map(|(emoji, count, users)| Reaction {
        emoji,
        count,
        users,
    })
}

fn pin() -> impl Strategy<Value = Pin> {
    (user(), timestamp()).prop_map(|(by, at)| Pin { by, at })
}

/// A message with the required fields only.
fn plain() -> BoxedStrategy<Message> {
    let identity = (message_id(), conversation_id(), seq(), rev());
    let body = (user(), recipient(), kind(), text(), timestamp(), status());
    (identity, body)
        .prop_map(|((id, conversation, seq, rev), (sender, to, kind, content, sent_at, status))| Message {
            id,
            conversation,
            seq,
            rev,
            sender,
            to,
            kind,
            content,
            media: Vec::new(),
            reply_to: None,
            thread: None,
            replies: None,
            forwarded: None,
            mentions: Mentions::default(),
            custom: None,
            reactions: Vec::new(),
            client_msg_id: None,
            sent_at,
            edited_at: None,
            deleted_at: None,
            pin: None,
            streaming: None,
            status,
        })
        .boxed()
}

fn message() -> BoxedStrategy<Message> {
    let refers = (of(quote()), of(message_id()), of(replies()), of(forwarded()));
    let holds = (vec(medium(), 0..3), mentions(), of(text()), vec(reaction(), 0..3), of(text()));
    let became = (of(timestamp()), of(timestamp()), of(pin()), of(streaming()));
    (plain(), refers, holds, became)
        .prop_map(|(plain, refers, holds, became)| {
            let (reply_to, thread, replies, forwarded) = refers;
            let (media, mentions, custom, reactions, client_msg_id) = holds;
            let (edited_at, deleted_at, pin, streaming) = became;
            Message {
                media,
                reply_to,
                thread,
                replies,
                forwarded,
                mentions,
                custom,
                reactions,
                client_msg_id,
                edited_at,
                deleted_at,
                pin,
                streaming,
                ..plain
            }
        })
        .boxed()
}

fn appended() -> BoxedStrategy<Appended> {
    let identity = (message_id(), conversation_id(), seq(), rev(), audience());
    let chunk = (any::<u32>(), text()).prop_map(|(offset, content)| Chunk { offset, content });
    (identity, chunk, any::<u32>(), any::<bool>())
        .prop_map(|(identity, chunk, length, already)| {
            let (message, conversation, seq, rev, audience) = identity;
            Appended { message, conversation, seq, rev, audience, chunk, length, already }
        })
        .boxed()
}

fn pointers() -> impl Strategy<Value = Pointers> {
    (seq(), seq()).prop_map(|(delivered, read)| Pointers { delivered, read })
}

fn counts() -> impl Strategy<Value = Counts> {
    (any::<u32>(), any::<u32>()).prop_map(|(unread, mentions)| Counts { unread, mentions })
}

fn counted() -> impl Strategy<Value = Counted> {
    (counts(), seq(), seq(), rev()).prop_map(|(counts, read, last, rev)| Counted { counts, read, last, rev })
}

fn receipt() -> impl Strategy<Value = Receipt> {
    (user(), conversation_id(), pointers(), audience(), of(counted())).prop_map(
        |(user, conversation, pointers, audience, counts)| Receipt {
            user,
            conversation,
            pointers,
            audience,
            counts,
        },
    )
}

fn conversation() -> BoxedStrategy<Conversation> {
    let kind = prop_oneof![
        (user(), user()).prop_map(|(low, high)| ConversationKind::Direct(low, high)),
        (group_id(), text(), user()).prop_map(|(id, name, owner)| ConversationKind::Group {
            id,
            name,
            owner
        }),
    ];
    (conversation_id(), kind, rev(), seq(), any::<u32>(), timestamp())
        .prop_map(|(id, kind, rev, last_seq, n_members, created_at)| Conversation {
            id,
            kind,
            rev,
            last_seq,
            n_members,
            created_at,
        })
        .boxed()
}

fn own_part() -> BoxedStrategy<OwnPart> {
    let role = of(prop_oneof![Just(Role::Owner), Just(Role::Admin), Just(Role::Member)]);
    let waits = prop_oneof![Just(Counts::default()), counts()];
    let marks = (any::<bool>(), of(timestamp()), any::<bool>(), any::<bool>(), of(text()));
    (role, pointers(), waits, marks)
        .prop_map(|(role, pointers, counts, marks)| {
            let (marked_unread, muted_until, archived, pinned, draft) = marks;
            OwnPart { role, pointers, counts, marked_unread, muted_until, archived, pinned, draft }
        })
        .boxed()
}

fn view() -> BoxedStrategy<ConversationView> {
    (conversation(), own_part(), of(message()))
        .prop_map(|(conversation, own, last_message)| ConversationView { conversation, own, last_message })
        .boxed()
}

fn revoked() -> impl Strategy<Value = Revoked> {
    prop_oneof![
        (any::<[u8; 16]>(), number())
            .prop_map(|(token, expires_at)| Revoked::One { token: Fingerprint(token), expires_at }),
        number().prop_map(Revoked::IssuedBefore),
    ]
}
