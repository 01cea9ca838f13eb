//! Statements about groups and their members.

use async_trait::async_trait;
use chat_core::error::Kind;
use chat_core::groups::{
    AddMember, ChangeRole, Created, Group, GroupStore, Member, MembersChanged, Memberships, NewGroup,
    RemoveMember, Renamed, Role,
};
use chat_core::ids::{ConversationId, GroupId, Position, UserId};
use chat_core::policy::{Action, Standing, allowed};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::writer::Tx;
use crate::{Sqlite, accounts, fault};

#[async_trait]
impl GroupStore for Sqlite {
    async fn create_group(&self, _new: NewGroup) -> Result<Created> {
        Err(Error::internal("not built yet"))
    }

    async fn remove_member(&self, _command: RemoveMember) -> Result<MembersChanged> {
        Err(Error::internal("not built yet"))
    }

    async fn change_role(&self, _command: ChangeRole) -> Result<MembersChanged> {
        Err(Error::internal("not built yet"))
    }

    async fn rename_group(&self, _actor: UserId, _group: GroupId, _name: String) -> Result<Renamed> {
        Err(Error::internal("not built yet"))
    }

    async fn groups_of(&self, user: UserId) -> Result<Vec<Group>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT g.id, g.conversation_id, g.name, g.owner_id, g.created_at
                           FROM members m JOIN groups g ON g.conversation_id = m.conversation_id
                           WHERE m.user_id = ?1 ORDER BY g.id";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([user.0], group)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn add_member(&self, _command: AddMember) -> Result<MembersChanged> {
        Err(Error::internal("not built yet"))
    }

    async fn members(&self, reader: UserId, group: GroupId) -> Result<Vec<Member>> {
        self.readers
            .read(move |db| {
                let conversation = conversation_for(db, group, reader, Action::Read)?;
                let sql = "SELECT u.id, u.username, m.role FROM members m JOIN users u ON u.id = m.user_id
                           WHERE m.conversation_id = ?1 ORDER BY u.id";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([conversation.0], member)?;
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

/// The group's conversation, if the policy allows the action to that user there.
pub(crate) fn conversation_for(
    db: &Connection,
    group: GroupId,
    user: UserId,
    action: Action,
) -> fault::Result<ConversationId> {
    let sql = "SELECT g.conversation_id, m.role FROM groups g
               LEFT JOIN members m ON m.conversation_id = g.conversation_id AND m.user_id = ?2 WHERE g.id = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([group.0, user.0], |row| Ok((ConversationId(row.get(0)?), role_or_none(row, 1)?)));
    let (conversation, role) = found.optional()?.ok_or(Error::NotFound(Kind::Group))?;
    allowed(Standing::in_group(role), action)?;
    Ok(conversation)
}

/// Adds a row to `members`, with everything so far as delivered and read.
pub(crate) fn join(
    tx: &Connection,
    conversation: ConversationId,
    user: UserId,
    role: Role,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at)
               SELECT id, ?2, ?3, last_seq, last_seq, ?4 FROM conversations WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![conversation.0, user.0, role.as_str(), at.0]).map(drop)
}

fn create(tx: &Tx<'_>, new: &NewGroup) -> fault::Result<Group> {
    if !accounts::exists(tx, new.owner)? {
        return Err(Error::UnknownCaller.into());
    }
    tx.prepare_cached("INSERT INTO conversations (last_seq, rev) VALUES (0, 1)")?.execute(())?;
    let conversation = ConversationId(tx.last_insert_rowid());
    let sql = "INSERT INTO groups (conversation_id, name, owner_id, created_at) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(sql)?.execute(params![conversation.0, new.name, new.owner.0, new.at.0])?;
    let id = GroupId(tx.last_insert_rowid());
    join(tx, conversation, new.owner, Role::Owner, new.at)?;
    Ok(Group { id, conversation, name: new.name.clone(), owner: new.owner, created_at: new.at })
}

fn add(tx: &Tx<'_>, command: AddMember) -> fault::Result<()> {
    let AddMember { actor, group, user, at } = command;
    let conversation = conversation_for(tx, group, actor, Action::AddMember)?;
    if !accounts::exists(tx, user)? {
        return Err(Error::NotFound(Kind::User).into());
    }
    let sql = "SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    if tx.prepare_cached(sql)?.exists([conversation.0, user.0])? {
        return Ok(());
    }
    join(tx, conversation, user, Role::Member, at)?;
    tx.prepare_cached("UPDATE conversations SET rev = rev + 1 WHERE id = ?1")?.execute([conversation.0])?;
    Ok(())
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
