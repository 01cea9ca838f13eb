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
use tokio_postgres::Row;

use crate::conversations::view;
use crate::db::Db;
use crate::writer::Tx;
use crate::{Postgres, accounts, fault, membership};

#[async_trait]
impl GroupStore for Postgres {
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
        self.readers.read(move |db| groups_of(db, user, page)).await
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
                members(db, conversation, page)
            })
            .await
    }

    async fn memberships(&self, user: UserId) -> Result<Memberships> {
        self.readers
            .read(move |db| {
                let sql = "SELECT l.position, ARRAY(
                               SELECT g.conversation_id FROM members m
                               JOIN groups g ON g.conversation_id = m.conversation_id WHERE m.user_id = $1)
                           FROM log l";
                let row = db.row(sql, &[&user.0])?;
                let conversations = row.try_get::<_, Vec<i64>>(1)?.into_iter().map(ConversationId).collect();
                Ok(Memberships { conversations, position: Position(row.try_get(0)?) })
            })
            .await
    }

    async fn group_conversation(&self, member: UserId, group: GroupId) -> Result<ConversationId> {
        self.readers.read(move |db| conversation_for(db, group, member, Action::Read)).await
    }
}

// Whole lists and pages have statements of their own: of a page, OFFSET keeps the planner to the order of the index and
// to one look-up for each entry, which would be slow for a large list.

fn groups_of(db: &Db, user: UserId, page: Option<IdPage<ConversationId>>) -> fault::Result<Vec<Group>> {
    let rows = if let Some(IdPage { after, limit }) = page {
        let sql = "SELECT g.id, g.conversation_id, g.name, g.owner_id, g.created_at FROM members m
                   JOIN LATERAL (
                       SELECT * FROM groups WHERE conversation_id = m.conversation_id OFFSET 0) g ON true
                   WHERE m.user_id = $1 AND m.conversation_id > $2 ORDER BY m.conversation_id LIMIT $3";
        db.rows(sql, &[&user.0, &after.0, &i64::from(limit)])?
    } else {
        let sql = "SELECT g.id, g.conversation_id, g.name, g.owner_id, g.created_at
                   FROM members m JOIN groups g ON g.conversation_id = m.conversation_id
                   WHERE m.user_id = $1 ORDER BY m.conversation_id";
        db.rows(sql, &[&user.0])?
    };
    rows.iter().map(group).collect()
}

fn members(
    db: &Db,
    conversation: ConversationId,
    page: Option<IdPage<UserId>>,
) -> fault::Result<Vec<Member>> {
    let rows = if let Some(IdPage { after, limit }) = page {
        let sql = "SELECT u.id, u.username, m.role FROM members m
                   JOIN LATERAL (SELECT id, username FROM users WHERE id = m.user_id OFFSET 0) u ON true
                   WHERE m.conversation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";
        db.rows(sql, &[&conversation.0, &after.0, &i64::from(limit)])?
    } else {
        let sql = "SELECT u.id, u.username, m.role FROM members m JOIN users u ON u.id = m.user_id
                   WHERE m.conversation_id = $1 ORDER BY u.id";
        db.rows(sql, &[&conversation.0])?
    };
    rows.iter().map(member).collect()
}

/// Returns the group's conversation if the policy allows this user the action there.
pub(crate) fn conversation_for(
    db: &Db,
    group: GroupId,
    user: UserId,
    action: Action,
) -> fault::Result<ConversationId> {
    Ok(groups::found_for(membership::in_group(db, user, group)?, action)?.id)
}

/// Returns the user's role in the conversation, if the user is a member.
fn role_of(db: &Db, conversation: ConversationId, user: UserId) -> fault::Result<Option<Role>> {
    let sql = "SELECT role FROM members WHERE conversation_id = $1 AND user_id = $2";
    let found = db.opt(sql, &[&conversation.0, &user.0])?;
    Ok(found.map(|row| role_or_none(&row, 0)).transpose()?.flatten())
}

/// Adds a row to `members`, with everything so far as delivered and read. The caller updates the number of
/// members, together with the other changes of the conversation's row.
fn join(
    tx: &Tx<'_>,
    conversation: ConversationId,
    user: UserId,
    role: Role,
    at: Timestamp,
) -> fault::Result<()> {
    // Pointers that do not begin at 0 have moved in the view of the other members.
    let sql = "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at,
                                    joined_position, pointers_position)
               SELECT id, $2, $3, last_seq, last_seq, $4, $5, CASE last_seq WHEN 0 THEN 0 ELSE $5::bigint END
               FROM conversations WHERE id = $1";
    tx.execute(sql, &[&conversation.0, &user.0, &role.as_str(), &at.0, &tx.position().0]).map(drop)
}

fn create(tx: &Tx<'_>, new: &NewGroup) -> fault::Result<Created> {
    check_caller(accounts::exists(tx, new.owner)?)?;
    let sql = "INSERT INTO conversations (last_seq, rev, n_members, created_at, position, meta_position)
               VALUES (0, 1, 1, $1, $2, $2) RETURNING id";
    let conversation = ConversationId(tx.row(sql, &[&new.at.0, &tx.position().0])?.try_get(0)?);
    let sql = "INSERT INTO groups (conversation_id, name, owner_id, created_at) VALUES ($1, $2, $3, $4)
               RETURNING id, conversation_id, name, owner_id, created_at";
    let group = group(&tx.row(sql, &[&conversation.0, &new.name, &new.owner.0, &new.at.0])?)?;
    join(tx, conversation, new.owner, Role::Owner, new.at)?;
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
    let sql = "UPDATE conversations SET rev = rev + 1, n_members = n_members + 1, position = $2,
                      meta_position = $2, receipts_position = $2 WHERE id = $1";
    tx.execute(sql, &[&conversation.0, &tx.position().0])?;
    members_now(tx, conversation, &[user])
}

fn remove(tx: &Tx<'_>, command: RemoveMember) -> fault::Result<MembersChanged> {
    let RemoveMember { actor, group, user } = command;
    let ConversationAccess { id: conversation, access, .. } =
        groups::found(membership::in_group(tx, actor, group)?)?;
    groups::decide_remove(command, access, role_of(tx, conversation, user)?)?;
    for sql in [
        "DELETE FROM members WHERE conversation_id = $1 AND user_id = $2",
        "DELETE FROM drafts WHERE conversation_id = $1 AND user_id = $2",
    ] {
        tx.execute(sql, &[&conversation.0, &user.0])?;
    }
    let sql = "UPDATE conversations SET rev = rev + 1, n_members = n_members - 1, position = $2,
                      meta_position = $2 WHERE id = $1";
    tx.execute(sql, &[&conversation.0, &tx.position().0])?;
    note_departure(tx, conversation, user)?;
    Ok(MembersChanged::Removed { conversation: view::load(tx, conversation)?, user })
}

/// Records that the user has left, and the state of the group at that moment.
fn note_departure(tx: &Tx<'_>, conversation: ConversationId, user: UserId) -> fault::Result<()> {
    let sql = "INSERT INTO departures (user_id, conversation_id, position, as_of, rev, owner_id)
               SELECT $1, c.id, $3, $3, c.rev, g.owner_id
               FROM conversations c JOIN groups g ON g.conversation_id = c.id WHERE c.id = $2
               ON CONFLICT (user_id, conversation_id) DO UPDATE SET position = excluded.position,
                   as_of = excluded.as_of, rev = excluded.rev, owner_id = excluded.owner_id";
    tx.execute(sql, &[&user.0, &conversation.0, &tx.position().0]).map(drop)
}

/// Records the current state of groups for the users who left them through a node of the previous release,
/// which does not record the state at that time. From here on, at least, they see no later changes.
pub(crate) fn keep_departures(db: &Db) -> fault::Result<()> {
    let sql = "UPDATE departures d SET as_of = d.position, rev = c.rev, owner_id = g.owner_id
               FROM conversations c, groups g
               WHERE c.id = d.conversation_id AND g.conversation_id = d.conversation_id
                 AND d.as_of IS DISTINCT FROM d.position";
    db.execute(sql, &[]).map(drop)
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
        tx.execute("UPDATE groups SET owner_id = $2 WHERE id = $1", &[&group.0, &user.0])?;
        &[user, actor]
    } else {
        &[user]
    };
    // Each member whose role changes is a change of its own; only the log position of the last one is
    // recorded.
    let further = i64::from(takes_over);
    let sql = "UPDATE conversations SET rev = rev + 1 + $2, position = $3, meta_position = $3 WHERE id = $1";
    tx.execute(sql, &[&conversation.0, &further, &(tx.position().0 + further)])?;
    members_now(tx, conversation, members)
}

fn set_role(tx: &Tx<'_>, conversation: ConversationId, user: UserId, role: Role) -> fault::Result<()> {
    let sql = "UPDATE members SET role = $3 WHERE conversation_id = $1 AND user_id = $2";
    tx.execute(sql, &[&conversation.0, &user.0, &role.as_str()]).map(drop)
}

fn rename(tx: &Tx<'_>, actor: UserId, group: GroupId, name: &str) -> fault::Result<Renamed> {
    let conversation = conversation_for(tx, group, actor, Action::Rename)?;
    tx.execute("UPDATE groups SET name = $2 WHERE id = $1", &[&group.0, &name])?;
    let sql = "UPDATE conversations SET rev = rev + 1, position = $2, meta_position = $2 WHERE id = $1";
    tx.execute(sql, &[&conversation.0, &tx.position().0])?;
    Ok(Renamed(view::load(tx, conversation)?))
}

/// Returns the result of changing these members, as the transaction sees it now.
fn members_now(tx: &Tx<'_>, conversation: ConversationId, users: &[UserId]) -> fault::Result<MembersChanged> {
    let part = |&user| Ok((user, view::own_part(tx, user, conversation)?.unwrap_or_default()));
    let members = users.iter().map(part).collect::<fault::Result<_>>()?;
    Ok(MembersChanged::Now { conversation: view::load(tx, conversation)?, members })
}

fn group(row: &Row) -> fault::Result<Group> {
    Ok(Group {
        id: GroupId(row.try_get(0)?),
        conversation: ConversationId(row.try_get(1)?),
        name: row.try_get(2)?,
        owner: UserId(row.try_get(3)?),
        created_at: Timestamp(row.try_get(4)?),
    })
}

fn member(row: &Row) -> fault::Result<Member> {
    Ok(Member {
        id: UserId(row.try_get(0)?),
        username: row.try_get(1)?,
        role: role_or_none(row, 2)?.unwrap_or(Role::Member),
    })
}

fn role_or_none(row: &Row, column: usize) -> fault::Result<Option<Role>> {
    Ok(row.try_get::<_, Option<&str>>(column)?.and_then(Role::parse))
}
