//! A model of the server: its state, its live frames, its frames for a resuming client, and its REST answers.

use std::collections::BTreeMap;

use chat_protocol::conversation::{Conversation, OwnPart};
use chat_protocol::message::{Message, Reaction};
use chat_protocol::time::Time;
use chat_protocol::v2::{self, ServerFrame};
use proptest::prelude::*;

/// The user whose client is tested.
const ME: i64 = 1;
const USERS: i64 = 3;

/// A change; the numbers choose among existing objects.
#[derive(Debug, Clone)]
pub enum Op {
    Make,
    Rename(u8),
    Mute(u8),
    Receipt(u8, u8),
    Send,
    Begin,
    Append(u8),
    Finish(u8),
    Edit(u8),
    React(u8),
    Delete(u8),
    Hide(u8),
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Make),
        2 => any::<u8>().prop_map(Op::Rename),
        2 => any::<u8>().prop_map(Op::Mute),
        3 => any::<(u8, u8)>().prop_map(|(room, user)| Op::Receipt(room, user)),
        4 => Just(Op::Send),
        2 => Just(Op::Begin),
        6 => any::<u8>().prop_map(Op::Append),
        2 => any::<u8>().prop_map(Op::Finish),
        2 => any::<u8>().prop_map(Op::Edit),
        2 => any::<u8>().prop_map(Op::React),
        1 => any::<u8>().prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Hide),
    ]
}

struct StoredMessage {
    message: Message,
    created: u64,
    changed: Option<(u64, &'static str)>,
    hidden: Option<u64>,
}

struct Room {
    conversation: Conversation,
    own: OwnPart,
    changed_at: u64,
    /// By user: the pointers and the log position of their last move.
    pointers: BTreeMap<i64, ((i64, i64), u64)>,
}

pub struct Server {
    rooms: Vec<Room>,
    messages: Vec<StoredMessage>,
    position: u64,
    live: Vec<ServerFrame>,
}

impl Server {
    pub fn new() -> Self {
        let mut server = Self { rooms: Vec::new(), messages: Vec::new(), position: 0, live: Vec::new() };
        server.perform(Op::Make);
        server
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn live(&self) -> &[ServerFrame] {
        &self.live
    }

    pub fn hello(&self) -> ServerFrame {
        ServerFrame::Hello(v2::Hello {
            user_id: ME,
            session_id: "s".into(),
            cursor: self.position.to_string(),
            heartbeat_ms: 1000,
            resumed: false,
            features: Vec::new(),
            server_version: "0".into(),
        })
    }

    /// Returns the conversations, and the messages that are not hidden.
    pub fn rest(&self) -> (Vec<Conversation>, Vec<Message>) {
        let messages = self.messages.iter().filter(|stored| stored.hidden.is_none());
        (self.rooms.iter().map(Room::view).collect(), messages.map(|stored| stored.message.clone()).collect())
    }

    /// Returns the pointers that moved after a log position.
    pub fn pointers_since(&self, conversation: i64, after: u64) -> Vec<(i64, (i64, i64))> {
        let room = self.rooms.iter().find(|room| room.conversation.id == conversation);
        let pointers = room.into_iter().flat_map(|room| &room.pointers);
        pointers.filter(|(_, (_, at))| *at > after).map(|(user, (to, _))| (*user, *to)).collect()
    }

    /// Returns the changes after a log position, oldest first, with their current content.
    pub fn resume(&self, after: u64) -> Vec<ServerFrame> {
        let mut frames: Vec<(u64, ServerFrame)> = Vec::new();
        for room in &self.rooms {
            if room.changed_at > after {
                frames.push((room.changed_at, conversation_frame(room.view(), room.changed_at)));
            }
            for (user, (to, at)) in room.pointers.iter().filter(|(_, (_, at))| *at > after) {
                frames.push((*at, receipt(room.conversation.id, *user, *to, *at)));
            }
        }
        for stored in &self.messages {
            match (stored.hidden, stored.changed) {
                (Some(at), _) if at > after => frames.push((at, stored.hidden_frame(at))),
                (Some(_), _) => {}
                (None, _) if stored.created > after => {
                    frames.push((stored.created, stored.frame("created", stored.created)));
                }
                (None, Some((at, event))) if at > after => frames.push((at, stored.frame(event, at))),
                (None, _) => {}
            }
        }
        frames.sort_by_key(|(at, _)| *at);
        frames.into_iter().map(|(_, frame)| frame).collect()
    }

    pub fn perform(&mut self, op: Op) {
        self.position += 1;
        let at = self.position;
        let frame = match op {
            Op::Make => Some(self.make(at)),
            Op::Rename(room) => Some(self.rename(room.into(), at)),
            Op::Mute(room) => Some(self.mute(room.into(), at)),
            Op::Receipt(room, user) => self.receipt(room.into(), user, at),
            Op::Send => Some(self.post("hi", None, at)),
            Op::Begin => Some(self.post("", Some("growing"), at)),
            Op::Append(number) => self.append(number.into(), at),
            Op::Finish(number) => self.change(number, "finished", at, |message| {
                message.streaming = Some("finished".into());
            }),
            Op::Edit(number) => self.change(number, "edited", at, |message| {
                message.content = format!("edited at {at}");
                message.edited_at = Some(Time(0));
            }),
            Op::React(number) => self.change(number, "reaction", at, |message| {
                message.reactions.push(Reaction { emoji: format!(":{at}:"), count: 1, me: false });
            }),
            Op::Delete(number) => self.change(number, "deleted", at, |message| {
                message.content.clear();
                message.reactions.clear();
                message.streaming = None;
                message.deleted_at = Some(Time(0));
            }),
            Op::Hide(number) => self.hide(number.into(), at),
        };
        match frame {
            Some(frame) => self.live.push(frame),
            // Nothing happened.
            None => self.position -= 1,
        }
    }

    fn make(&mut self, at: u64) -> ServerFrame {
        let id = i64::try_from(self.rooms.len()).unwrap() + 1;
        let conversation = Conversation {
            id,
            kind: "group".into(),
            user_id: None,
            group_id: Some(id),
            name: Some("new".into()),
            owner_id: Some(2),
            rev: 1,
            last_seq: 0,
            n_members: 4,
            created_at: Time(0),
            last_message: None,
            own: None,
        };
        let own = OwnPart {
            role: Some("member".into()),
            delivered_seq: 0,
            read_seq: 0,
            unread: 0,
            mentions: 0,
            marked_unread: false,
            muted_until: None,
            archived: false,
            pinned: false,
            draft: None,
            capabilities: Vec::new(),
        };
        let room = Room { conversation, own, changed_at: at, pointers: BTreeMap::new() };
        let frame = conversation_frame(room.view(), at);
        self.rooms.push(room);
        frame
    }

    /// All members see this change, so the frame has no per-member state.
    fn rename(&mut self, room: usize, at: u64) -> ServerFrame {
        let room = self.room(room);
        room.conversation.rev += 1;
        room.conversation.name = Some(format!("named at {at}"));
        room.changed_at = at;
        conversation_frame(room.conversation.clone(), at)
    }

    /// Nobody else sees this change, so it moves no `rev`.
    fn mute(&mut self, room: usize, at: u64) -> ServerFrame {
        let room = self.room(room);
        room.own.muted_until = Some(Time(at.try_into().unwrap()));
        room.changed_at = at;
        conversation_frame(room.view(), at)
    }

    fn receipt(&mut self, room: usize, user: u8, at: u64) -> Option<ServerFrame> {
        let room = self.room(room);
        let user = 1 + i64::from(user) % USERS;
        let last = room.conversation.last_seq;
        let entry = room.pointers.entry(user).or_insert(((0, 0), 0));
        let (delivered, read) = entry.0;
        let to = if at.is_multiple_of(2) { (last, read) } else { (last, (read + 1).min(last)) };
        if to == (delivered, read) {
            return None;
        }
        *entry = (to, at);
        if user == ME {
            (room.own.delivered_seq, room.own.read_seq) = to;
        }
        Some(receipt(room.conversation.id, user, to, at))
    }

    fn post(&mut self, content: &str, streaming: Option<&'static str>, at: u64) -> ServerFrame {
        let id = i64::try_from(self.messages.len()).unwrap() + 1;
        let room = self.room(usize::try_from(at).unwrap());
        room.conversation.rev += 1;
        room.conversation.last_seq += 1;
        let message = Message {
            id,
            sender_id: 2,
            recipient_id: 0,
            group_id: room.conversation.id,
            kind: "text".into(),
            content: content.into(),
            media_url: String::new(),
            timestamp: Time(0),
            status: "SENT".into(),
            conversation_id: room.conversation.id,
            seq: room.conversation.last_seq,
            rev: room.conversation.rev,
            media: Vec::new(),
            reply_to: None,
            quote: None,
            thread_id: None,
            thread: None,
            forwarded_from: None,
            reactions: Vec::new(),
            mentions: Vec::new(),
            mention_all: false,
            custom: None,
            client_msg_id: None,
            edited_at: None,
            deleted_at: None,
            pinned_at: None,
            pinned_by: None,
            streaming: streaming.map(Into::into),
        };
        let stored = StoredMessage { message, created: at, changed: None, hidden: None };
        let frame = stored.frame("created", at);
        self.messages.push(stored);
        frame
    }

    fn append(&mut self, number: usize, at: u64) -> Option<ServerFrame> {
        let piece = format!("né{at} ");
        let (index, rev) = self.touch(number, is_growing)?;
        let stored = self.messages.get_mut(index)?;
        let offset = stored.message.content.chars().count().try_into().unwrap();
        stored.message.content.push_str(&piece);
        stored.message.rev = rev;
        stored.changed = Some((at, "appended"));
        Some(ServerFrame::Append(v2::AppendFrame {
            conversation_id: stored.message.conversation_id,
            message_id: stored.message.id,
            seq: stored.message.seq,
            rev,
            offset,
            content: piece,
            cursor: at.to_string(),
        }))
    }

    fn change(
        &mut self,
        number: u8,
        event: &'static str,
        at: u64,
        change: impl FnOnce(&mut Message),
    ) -> Option<ServerFrame> {
        let may_be = |message: &Message| match event {
            "finished" => is_growing(message),
            "edited" => message.deleted_at.is_none() && !is_growing(message),
            _ => message.deleted_at.is_none(),
        };
        let (index, rev) = self.touch(number.into(), may_be)?;
        let stored = self.messages.get_mut(index)?;
        change(&mut stored.message);
        stored.message.rev = rev;
        stored.changed = Some((at, event));
        Some(stored.frame(event, at))
    }

    fn hide(&mut self, number: usize, at: u64) -> Option<ServerFrame> {
        let count = self.messages.len();
        let stored = self.messages.get_mut(number.checked_rem(count)?)?;
        if stored.hidden.is_some() {
            return None;
        }
        stored.hidden = Some(at);
        Some(stored.hidden_frame(at))
    }

    /// Chooses a message for which `matches` holds. Returns its index and the next `rev` of its conversation.
    fn touch(&mut self, number: usize, matches: impl Fn(&Message) -> bool) -> Option<(usize, i64)> {
        let fit: Vec<usize> =
            (0..self.messages.len()).filter(|index| matches(&self.messages[*index].message)).collect();
        let index = fit[number.checked_rem(fit.len())?];
        let conversation = self.messages[index].message.conversation_id;
        let room = self.rooms.iter_mut().find(|room| room.conversation.id == conversation)?;
        room.conversation.rev += 1;
        Some((index, room.conversation.rev))
    }

    fn room(&mut self, number: usize) -> &mut Room {
        let count = self.rooms.len();
        &mut self.rooms[number % count]
    }
}

fn is_growing(message: &Message) -> bool {
    message.streaming.as_deref() == Some("growing")
}

impl Room {
    fn view(&self) -> Conversation {
        Conversation { own: Some(self.own.clone()), ..self.conversation.clone() }
    }
}

impl StoredMessage {
    fn frame(&self, event: &'static str, at: u64) -> ServerFrame {
        ServerFrame::Message(v2::MessageFrame {
            event: event.into(),
            conversation_id: self.message.conversation_id,
            message: Box::new(self.message.clone()),
            cursor: at.to_string(),
        })
    }

    fn hidden_frame(&self, at: u64) -> ServerFrame {
        ServerFrame::Hidden(v2::Hidden {
            conversation_id: self.message.conversation_id,
            message_id: self.message.id,
            cursor: at.to_string(),
            ..v2::Hidden::default()
        })
    }
}

fn conversation_frame(conversation: Conversation, at: u64) -> ServerFrame {
    let cursor = at.to_string();
    ServerFrame::Conversation(v2::ConversationFrame { conversation: Box::new(conversation), cursor })
}

fn receipt(
    conversation_id: i64,
    user_id: i64,
    (delivered_seq, read_seq): (i64, i64),
    at: u64,
) -> ServerFrame {
    ServerFrame::Receipt(v2::Receipt {
        conversation_id,
        user_id,
        delivered_seq,
        read_seq,
        cursor: at.to_string(),
        ..v2::Receipt::default()
    })
}
