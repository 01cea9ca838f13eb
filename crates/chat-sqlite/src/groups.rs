//! Statements about groups and their members.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::accounts::check_caller;
use chat_core::conversations::ConversationAccess;
use chat_core::groups::{
    self, AddMember, ChangeRole, Created, Group, GroupStore, IdPage, Joining, Member, MembersChanged,
    Memberships, NewGroup, RemoveMember, Renamed, Role, RoleChange,
};
use chat_core::ids::{ConversationId, GroupId, Position, UserId};
use chat_core::policy::Action;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::conversations::view;
use crate::writer::Tx;
use crate::{Sqlite, accounts, fault, membership};

#[async_trait]
impl GroupStore for Sqlite {
    async fn create_group(&self, new: NewGroup) -> Result<Created> {
        self.writer.write(move |tx| create(tx, &new)).await
    }

    async fn add_member(&self, command: AddMember) -> Result<MembersChanged> {
        self.writer.write(move |tx| add(tx, command)).await
    }

    async fn remove_member(&self, command: RemoveMember) -> Result<MembersChanged> {
        self.writer.write(move |tx| remove(tx, command)).await
    }

    async fn change_role(&self, command: ChangeRole) -> Result<MembersChanged> {
        self.writer.write(move |tx| change_role(tx, command)).await
    }

    async fn rename_group(&self, actor: UserId, group: GroupId, name: String) -> Result<Renamed> {
        self.writer.write(move |tx| rename(tx, actor, group, &name)).await
    }

    async fn groups_of(&self, user: UserId, page: Option<IdPage<ConversationId>>) -> Result<Vec<Group>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT g.id, g.conversation_id, g.name, g.owner_id, g.created_at
                           FROM members m INDEXED BY members_by_user
                           CROSS JOIN groups g ON g.conversation_id = m.conversation_id
                           WHERE m.user_id = ?1 AND m.conversation_id > ?2
                           ORDER BY m.conversation_id LIMIT ?3";
                let mut statement = db.prepare_cached(sql)?;
                let (after, limit) = bounds(page.map(|page| (page.after.0, page.limit)));
                let rows = statement.query_map([user.0, after, limit], group)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn members(
        &self,
        reader: UserId,
        group: GroupId,
        page: Option<IdPage<UserId>>,
    ) -> Result<Vec<Member>> {
        self.readers
            .read(move |db| {
                let conversation = conversation_for(db, group, reader, Action::Read)?;
                let sql =
                    "SELECT u.id, u.username, m.role FROM members m CROSS JOIN users u ON u.id = m.user_id
                           WHERE m.conversation_id = ?1 AND m.user_id > ?2 ORDER BY m.user_id LIMIT ?3";
                let mut statement = db.prepare_cached(sql)?;
                let (after, limit) = bounds(page.map(|page| (page.after.0, page.limit)));
                let rows = statement.query_map([conversation.0, after, limit], member)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn memberships(&self, user: UserId) -> Result<Memberships> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                let position = snapshot
                    .prepare_cached("SELECT position FROM log")?
                    .query_row((), |row| row.get(0))
                    .map(Position)?;
                let sql = "SELECT g.conversation_id FROM members m
                           JOIN groups g ON g.conversation_id = m.conversation_id WHERE m.user_id = ?1";
                let mut statement = snapshot.prepare_cached(sql)?;
                let rows = statement.query_map([user.0], |row| row.get(0).map(ConversationId))?;
                Ok(Memberships { conversations: rows.collect::<rusqlite::Result<_>>()?, position })
            })
            .await
    }

    async fn group_conversation(&self, member: UserId, group: GroupId) -> Result<ConversationId> {
        self.readers.read(move |db| conversation_for(db, group, member, Action::Read)).await
    }
}

/// The group's conversation, if the policy allows this user the action there.
pub(crate) fn conversation_for(
    db: &Connection,
    group: GroupId,
    user: UserId,
    action: Action,
) -> fault::Result<ConversationId> {
    Ok(groups::found_for(membership::in_group(db, user, group)?, action)?.id)
}

fn role_of(db: &Connection, conversation: ConversationId, user: UserId) -> rusqlite::Result<Option<Role>> {
    let sql = "SELECT role FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    let found =
        db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| role_or_none(row, 0)).optional()?;
    Ok(found.flatten())
}

/// Adds a row to `members`, with all messages so far as delivered and read. The caller updates the number of members,
/// together with the other changes of the conversation's row.
fn join(
    tx: &Tx<'_>,
    conversation: ConversationId,
    user: UserId,
    role: Role,
    at: Timestamp,
) -> rusqlite::Result<()> {
    // A pointer that does not start at 0 has moved, as far as the other members can tell.
    let sql = "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at,
                                    joined_position, pointers_position)
               SELECT id, ?2, ?3, last_seq, last_seq, ?4, ?5, CASE last_seq WHEN 0 THEN 0 ELSE ?5 END
               FROM conversations WHERE id = ?1";
    tx.prepare_cached(sql)?
        .execute(params![conversation.0, user.0, role.as_str(), at.0, tx.position.0])
        .map(drop)
}

fn create(tx: &Tx<'_>, new: &NewGroup) -> fault::Result<Created> {
    check_caller(accounts::exists(tx, new.owner)?)?;
    let sql = "INSERT INTO conversations (last_seq, rev, n_members, created_at, position, meta_position)
               VALUES (0, 1, 1, ?1, ?2, ?2)";
    tx.prepare_cached(sql)?.execute([new.at.0, tx.position.0])?;
    let conversation = ConversationId(tx.last_insert_rowid());
    let sql = "INSERT INTO groups (conversation_id, name, owner_id, created_at) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(sql)?.execute(params![conversation.0, new.name, new.owner.0, new.at.0])?;
    let id = GroupId(tx.last_insert_rowid());
    join(tx, conversation, new.owner, Role::Owner, new.at)?;
    let group = Group { id, conversation, name: new.name.clone(), owner: new.owner, created_at: new.at };
    Ok(Created { group, conversation: view::load(tx, conversation)? })
}

fn add(tx: &Tx<'_>, command: AddMember) -> fault::Result<MembersChanged> {
    let AddMember { actor, group, user, at } = command;
    let conversation = conversation_for(tx, group, actor, Action::AddMember)?;
    let is_member = membership::is_member(tx, user, conversation)?;
    if groups::decide_add(accounts::exists(tx, user)?, is_member)? == Joining::Already {
        return Ok(MembersChanged::Already);
    }
    join(tx, conversation, user, Role::Member, at)?;
    let sql = "UPDATE conversations SET rev = rev + 1, n_members = n_members + 1, position = ?2,
                      meta_position = ?2, receipts_position = ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([conversation.0, tx.position.0])?;
    members_now(tx, conversation, &[user])
}

fn remove(tx: &Tx<'_>, command: RemoveMember) -> fault::Result<MembersChanged> {
    let RemoveMember { actor, group, user } = command;
    let ConversationAccess { id: conversation, access, .. } =
        groups::found(membership::in_group(tx, actor, group)?)?;
    groups::decide_remove(command, access, role_of(tx, conversation, user)?)?;
    for sql in [
        "DELETE FROM members WHERE conversation_id = ?1 AND user_id = ?2",
        "DELETE FROM drafts WHERE conversation_id = ?1 AND user_id = ?2",
    ] {
        tx.prepare_cached(sql)?.execute([conversation.0, user.0])?;
    }
    let sql = "UPDATE conversations SET rev = rev + 1, n_members = n_members - 1, position = ?2,
                      meta_position = ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([conversation.0, tx.position.0])?;
    // The draft was deleted too.
    tx.note_deletion();
    note_departure(tx, conversation, user)?;
    Ok(MembersChanged::Removed { conversation: view::load(tx, conversation)?, user })
}

/// Records that the user has left, and the state of the group at that moment.
fn note_departure(tx: &Tx<'_>, conversation: ConversationId, user: UserId) -> rusqlite::Result<()> {
    let sql = "INSERT INTO departures (user_id, conversation_id, position, as_of, rev, owner_id)
               SELECT ?1, c.id, ?3, ?3, c.rev, g.owner_id
               FROM conversations c JOIN groups g ON g.conversation_id = c.id WHERE c.id = ?2
               ON CONFLICT DO UPDATE SET position = excluded.position, as_of = excluded.as_of,
                                         rev = excluded.rev, owner_id = excluded.owner_id";
    tx.prepare_cached(sql)?.execute([user.0, conversation.0, tx.position.0]).map(drop)
}

fn change_role(tx: &Tx<'_>, command: ChangeRole) -> fault::Result<MembersChanged> {
    let ChangeRole { actor, group, user, role } = command;
    let ConversationAccess { id: conversation, access, .. } =
        groups::found(membership::in_group(tx, actor, group)?)?;
    let takes_over = match groups::decide_role(access, role_of(tx, conversation, user)?, role)? {
        RoleChange::Already => return Ok(MembersChanged::Already),
        RoleChange::Gets => false,
        RoleChange::TakesOver => true,
    };
    set_role(tx, conversation, user, role)?;
    let members: &[UserId] = if takes_over {
        set_role(tx, conversation, actor, Role::Admin)?;
        let sql = "UPDATE groups SET owner_id = ?2 WHERE id = ?1";
        tx.prepare_cached(sql)?.execute([group.0, user.0])?;
        &[user, actor]
    } else {
        &[user]
    };
    // Each member with a new role is a change of its own; only the position of the last one is stored.
    let further = i64::from(takes_over);
    let sql = "UPDATE conversations SET rev = rev + 1 + ?2, position = ?3, meta_position = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([conversation.0, further, tx.position.0 + further])?;
    members_now(tx, conversation, members)
}

fn set_role(tx: &Connection, conversation: ConversationId, user: UserId, role: Role) -> rusqlite::Result<()> {
    let sql = "UPDATE members SET role = ?3 WHERE conversation_id = ?1 AND user_id = ?2";
    tx.prepare_cached(sql)?.execute(params![conversation.0, user.0, role.as_str()]).map(drop)
}

fn rename(tx: &Tx<'_>, actor: UserId, group: GroupId, name: &str) -> fault::Result<Renamed> {
    let conversation = conversation_for(tx, group, actor, Action::Rename)?;
    tx.prepare_cached("UPDATE groups SET name = ?2 WHERE id = ?1")?.execute(params![group.0, name])?;
    tx.note_deletion();
    let sql = "UPDATE conversations SET rev = rev + 1, position = ?2, meta_position = ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([conversation.0, tx.position.0])?;
    Ok(Renamed(view::load(tx, conversation)?))
}

/// The changed members, as they are in this transaction.
fn members_now(
    tx: &Connection,
    conversation: ConversationId,
    users: &[UserId],
) -> fault::Result<MembersChanged> {
    let part = |&user| Ok((user, view::own_part(tx, user, conversation)?.unwrap_or_default()));
    let members = users.iter().map(part).collect::<rusqlite::Result<_>>()?;
    Ok(MembersChanged::Now { conversation: view::load(tx, conversation)?, members })
}

/// The id after which a page begins, and its size. SQLite takes -1 for no limit.
fn bounds(page: Option<(i64, u16)>) -> (i64, i64) {
    page.map_or((0, -1), |(after, limit)| (after, limit.into()))
}

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: GroupId(row.get(0)?),
        conversation: ConversationId(row.get(1)?),
        name: row.get(2)?,
        owner: UserId(row.get(3)?),
        created_at: Timestamp(row.get(4)?),
    })
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        id: UserId(row.get(0)?),
        username: row.get(1)?,
        role: role_or_none(row, 2)?.unwrap_or(Role::Member),
    })
}

fn role_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Role>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    Ok(text.and_then(Role::parse))
}
