//! Copies the groups, which keep their ids, and their members.

use chat_core::groups::Role;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::messages::UNSET;
use super::tally::Tally;
use super::times::{self, Times};
use super::{each, select, users, values};

/// Users who could write to each group. Only this tells whether a message's `recipient_id` is a group or a user.
const SENDERS: &str = "CREATE TEMP TABLE senders (
    group_id INTEGER NOT NULL, user_id INTEGER NOT NULL, PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID";

pub(super) fn copy(db: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
    let sql = select(db, "groups", &["id", "name", "owner_id", "created_at"], "id")?;
    let mut times = Times::of_column(db, &select(db, "groups", &["created_at"], "id")?)?;
    tally.without_id += each(db, &sql, |id, row| {
        let name = values::text(row.get_ref(1)?).unwrap_or_else(|| format!("group-{id}"));
        let created_at = times.read(row, 3)?;
        let owner = values::id(row.get_ref(2)?);
        if let Some(owner) = owner {
            users::ensure(db, owner, created_at, tally)?;
        }
        db.prepare_cached("INSERT INTO conversations (last_seq, rev) VALUES (0, 0)")?.execute(())?;
        let conversation = db.last_insert_rowid();
        let sql = "INSERT INTO groups (id, conversation_id, name, owner_id, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![id, conversation, name, owner.unwrap_or(0), created_at.0];
        db.prepare_cached(sql)?.execute(values)?;
        tally.groups += 1;
        Ok(())
    })?;
    tally.unreadable_times += times.unreadable;
    copy_members(db, tally)?;
    assign_owners(db)
}

fn copy_members(db: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
    db.execute_batch(SENDERS)?;
    let wanted = ["group_id", "user_id", "joined_at", "is_admin"];
    let mut statement = db.prepare(&select(db, "group_members", &wanted, "group_id, user_id")?)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (group, user) = (values::id(row.get_ref(0)?), values::id(row.get_ref(1)?));
        let (Some(group), Some(user)) = (group, user) else {
            tally.memberships_of_nobody += 1;
            continue;
        };
        db.prepare_cached("INSERT OR IGNORE INTO senders VALUES (?1, ?2)")?.execute([group, user])?;
        let Some((conversation, created_at)) = joinable(db, group, user)? else {
            tally.memberships_of_nobody += 1;
            continue;
        };
        let joined_at = times::parse(row.get_ref(2)?).map_or(created_at, Timestamp);
        let role = if values::flag(row.get_ref(3)?) { Role::Admin } else { Role::Member };
        let sql = "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at)
                   VALUES (?1, ?2, ?3, ?4, ?4, ?5)
                   ON CONFLICT DO UPDATE SET role = excluded.role WHERE excluded.role = 'admin'";
        db.prepare_cached(sql)?.execute(params![conversation, user, role.as_str(), UNSET, joined_at.0])?;
        tally.members += 1;
    }
    Ok(())
}

/// The group's conversation and its creation time, if both the group and the user exist.
fn joinable(db: &Connection, group: i64, user: i64) -> rusqlite::Result<Option<(i64, Timestamp)>> {
    let sql =
        "SELECT g.conversation_id, g.created_at FROM groups g JOIN users u ON u.id = ?2 WHERE g.id = ?1";
    db.prepare_cached(sql)?
        .query_row([group, user], |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))
        .optional()
}

/// Gives every group an owner who is its member. If the row names none, the first admin becomes the owner, or else the
/// first member. A group without members stays, so that its id is not reused; nobody sees it.
fn assign_owners(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE groups SET owner_id = coalesce(
             (SELECT user_id FROM members m WHERE m.conversation_id = groups.conversation_id
              ORDER BY m.role = 'admin' DESC, m.user_id LIMIT 1), 0)
         WHERE owner_id = 0",
        (),
    )?;
    db.execute(
        "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at)
         SELECT conversation_id, owner_id, 'owner', ?1, ?1, created_at FROM groups WHERE owner_id <> 0
         ON CONFLICT DO UPDATE SET role = 'owner'",
        [UNSET],
    )?;
    Ok(())
}
