//! The groups of a filled database, their members, and how far these have read.

use anyhow::{Context, Result};
use chat_core::groups::{AddMember, NewGroup};
use chat_core::ids::{ConversationId, GroupId, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;

use super::filled::{Filled, Room, Written};
use super::plan::few;
use super::{AT_ONCE, Filler, SPAN, in_parallel};
use crate::bench::testbed::User;

/// Number of users at the beginning who have special parts and write nothing.
pub(super) const SPECIAL: usize = 3;
/// Most messages that an ordinary member has not read yet.
const BEHIND: u64 = 500;

/// Creates all groups with their members.
pub(super) async fn create(filler: &mut Filler<'_>, users: &[User], crowd: &[User]) -> Result<Filled> {
    let [unread, reader, busy, writers @ ..] = users else { anyhow::bail!("there are too few users") };
    let owner = writers.first().context("nobody writes")?;
    let mut rooms = Vec::new();
    for (rank, messages) in filler.plan.group_sizes().into_iter().enumerate() {
        let chosen = choose(filler, writers, filler.plan.members(rank));
        let mut room = create_room(filler, &format!("Group {rank}"), &chosen).await?;
        add(filler, &room, [unread.id, reader.id]).await?;
        room.messages = messages;
        rooms.push(room);
    }
    let crowd_ids = crowd.iter().map(|person| person.id);
    let crowded: Vec<i64> = std::iter::once(owner.id).chain(crowd_ids).collect();
    let mut large = create_room(filler, "Everybody", &crowded).await?;
    // Few of them write.
    large.writers.truncate(1);
    large.messages = filler.plan.elsewhere() - (0..filler.plan.conversations as u64).map(few).sum::<u64>();
    let busy_rooms = create_busy(filler, busy, owner).await?;
    let (unread, reader, busy) = (unread.clone(), reader.clone(), busy.clone());
    let (began, written) = (filler.began, Written::default());
    let (writers, span) = (writers.to_vec(), (began, Timestamp(began.0 + SPAN)));
    Ok(Filled { unread, reader, busy, writers, rooms, crowd: large, busy_rooms, written, span })
}

/// The groups of the user with very many conversations: every second conversation, beginning with the first.
async fn create_busy(filler: &Filler<'_>, busy: &User, other: &User) -> Result<Vec<Room>> {
    let create = |number: usize| {
        let store = filler.database.store.clone();
        let (owner, at) = (UserId(other.id), filler.began);
        let (name, user) = (format!("Team {number}"), UserId(busy.id));
        async move {
            let group = store.create_group(NewGroup { name, owner, at }).await?.group;
            store.add_member(AddMember { actor: owner, group: group.id, user, at }).await?;
            Ok((number, group))
        }
    };
    let numbers = (0..filler.plan.conversations).step_by(2);
    let mut groups = in_parallel(AT_ONCE, numbers.map(create)).await?;
    groups.sort_by_key(|(number, _)| *number);
    let room = |(number, group): (usize, chat_core::groups::Group)| Room {
        group: group.id.0,
        conversation: group.conversation.0,
        writers: vec![other.id],
        messages: few(number as u64),
    };
    Ok(groups.into_iter().map(room).collect())
}

/// Draws some of these users, all different.
fn choose(filler: &mut Filler<'_>, from: &[User], count: usize) -> Vec<i64> {
    let mut ids: Vec<i64> = from.iter().map(|person| person.id).collect();
    let count = count.min(ids.len());
    for index in 0..count {
        let last = (ids.len() - 1) as u64;
        let other = usize::try_from(filler.rng.between(index as u64, last)).unwrap_or(index);
        ids.swap(index, other);
    }
    ids.truncate(count);
    ids
}

/// Creates a group. The first of the members owns it.
async fn create_room(filler: &Filler<'_>, name: &str, members: &[i64]) -> Result<Room> {
    let (owner, others) = members.split_first().context("a group has members")?;
    let new = NewGroup { name: name.into(), owner: UserId(*owner), at: filler.began };
    let created = filler.database.store.create_group(new).await.context("a group cannot be created")?;
    let room = Room {
        group: created.group.id.0,
        conversation: created.group.conversation.0,
        writers: members.to_vec(),
        messages: 0,
    };
    add(filler, &room, others.iter().copied()).await?;
    Ok(room)
}

async fn add(filler: &Filler<'_>, room: &Room, users: impl IntoIterator<Item = i64>) -> Result<()> {
    let (actor, at) = (UserId(*room.writers.first().context("a group has an owner")?), filler.began);
    let group = GroupId(room.group);
    let add = |user: i64| {
        let store = filler.database.store.clone();
        let command = AddMember { actor, group, user: UserId(user), at };
        async move { store.add_member(command).await.map(drop) }
    };
    in_parallel(AT_ONCE, users.into_iter().map(add)).await.map(drop)
}

/// Moves the members' pointers: one has read everything, one nothing, the others are some hundreds behind.
pub(super) async fn read(filler: &mut Filler<'_>, filled: &Filled) -> Result<()> {
    let mut moves = Vec::new();
    for room in &filled.rooms {
        moves.push((filled.reader.id, room.conversation, Pointers::END));
        for writer in &room.writers {
            let behind = filler.rng.between(0, BEHIND);
            let read = Seq(i64::try_from(room.messages.saturating_sub(behind))?);
            if read > Seq(0) {
                moves.push((*writer, room.conversation, Pointers { delivered: read, read }));
            }
        }
    }
    let store = &filler.database.store;
    let step = |(user, conversation, to)| {
        let store = store.clone();
        async move { store.move_pointers(UserId(user), ConversationId(conversation), to).await.map(drop) }
    };
    in_parallel(AT_ONCE, moves.into_iter().map(step)).await.map(drop)
}
