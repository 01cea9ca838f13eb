//! Who may do what, in one place: a pure function of the actor's standing. Stores call it inside the transaction that
//! does the deed, so that a role taken away a moment ago no longer counts.

use crate::error::{Error, Result};
use crate::groups::Role;

/// What a user may want to do in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read messages and the list of members.
    Read,
    /// Post a message.
    Post,
    /// React to a message.
    React,
    /// Pin a message, or take a pin away.
    Pin,
    /// Change a message's text.
    Edit,
    /// Delete a message for everyone.
    Delete,
    /// Add another user.
    AddMember,
    /// Take a member who is below oneself out of the group.
    RemoveMember,
    /// Give the group another name.
    Rename,
    /// Give a member another role.
    ChangeRole,
    /// See when a message reached whom.
    Trace,
}

impl Action {
    /// What clients are told of beforehand, as they spell it; `delete_any` is about messages of others.
    pub const CAPABILITIES: [(Self, &'static str); 8] = [
        (Self::Post, "post"),
        (Self::React, "react"),
        (Self::Pin, "pin"),
        (Self::Delete, "delete_any"),
        (Self::AddMember, "add_member"),
        (Self::RemoveMember, "remove_member"),
        (Self::Rename, "rename"),
        (Self::ChangeRole, "change_role"),
    ];
}

/// What the actor is to the conversation, and to the message if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The actor's role; `None`: not a member.
    pub role: Option<Role>,
    /// Whether the conversation is a direct one.
    pub is_direct: bool,
    /// Whether the actor wrote the message in question.
    pub is_author: bool,
}

impl Standing {
    /// Somebody in a group, with no message in question.
    pub fn in_group(role: Option<Role>) -> Self {
        Self { role, is_direct: false, is_author: false }
    }
}

/// Succeeds if somebody of this standing may do this.
pub fn allowed(standing: Standing, action: Action) -> Result<()> {
    let Some(role) = standing.role else {
        return Err(Error::NotMember);
    };
    let leads = !standing.is_direct && matches!(role, Role::Owner | Role::Admin);
    let refusal = match action {
        Action::Read | Action::Post | Action::React | Action::Pin => return Ok(()),
        Action::Edit if standing.is_author => return Ok(()),
        Action::Delete | Action::Trace if standing.is_author || leads => return Ok(()),
        Action::AddMember | Action::RemoveMember | Action::Rename if leads => return Ok(()),
        Action::ChangeRole if leads && role == Role::Owner => return Ok(()),
        Action::Edit => "Only its author may edit a message",
        Action::Delete => "Only its author, the owner or an admin may delete a message for everyone",
        Action::AddMember => "Only the owner or an admin may add members",
        Action::RemoveMember => "Only the owner or an admin may remove members",
        Action::Rename => "Only the owner or an admin may rename a group",
        Action::ChangeRole => "Only the owner may change roles",
        Action::Trace => "Only its author, the owner or an admin may trace a message",
    };
    Err(Error::Forbidden(refusal))
}

/// Succeeds if somebody with role `actor` may take somebody with role `member` out of a group, leaving aside.
pub fn may_remove(actor: Option<Role>, member: Role) -> Result<()> {
    allowed(Standing::in_group(actor), Action::RemoveMember)?;
    match (actor, member) {
        (Some(Role::Owner), _) | (_, Role::Member) => Ok(()),
        _ => Err(Error::Forbidden("Only the owner may remove an admin")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Action; 11] = [
        Action::Read,
        Action::Post,
        Action::React,
        Action::Pin,
        Action::Edit,
        Action::Delete,
        Action::AddMember,
        Action::RemoveMember,
        Action::Rename,
        Action::ChangeRole,
        Action::Trace,
    ];

    fn group(role: Role) -> Standing {
        Standing::in_group(Some(role))
    }

    #[test]
    fn strangers_may_do_nothing() {
        for action in ALL {
            for is_author in [false, true] {
                let stranger = Standing { role: None, is_direct: false, is_author };
                assert!(matches!(allowed(stranger, action), Err(Error::NotMember)), "{action:?}");
            }
        }
    }

    #[test]
    fn only_owner_and_admin_lead_a_group() {
        let of_leaders =
            [Action::AddMember, Action::RemoveMember, Action::Rename, Action::Delete, Action::Trace];
        for action in of_leaders {
            assert!(allowed(group(Role::Owner), action).is_ok(), "{action:?}");
            assert!(allowed(group(Role::Admin), action).is_ok(), "{action:?}");
            assert!(matches!(allowed(group(Role::Member), action), Err(Error::Forbidden(_))), "{action:?}");
        }
        assert!(allowed(group(Role::Owner), Action::ChangeRole).is_ok());
        assert!(allowed(group(Role::Admin), Action::ChangeRole).is_err());
    }

    #[test]
    fn nobody_leads_a_direct_conversation() {
        let side = Standing { role: Some(Role::Member), is_direct: true, is_author: false };
        for action in [Action::AddMember, Action::Rename, Action::Delete, Action::Edit, Action::ChangeRole] {
            assert!(allowed(side, action).is_err(), "{action:?}");
        }
        let owner = Standing { role: Some(Role::Owner), ..side };
        assert!(allowed(owner, Action::Delete).is_err());
        assert!(allowed(owner, Action::Trace).is_err());
    }

    #[test]
    fn authors_edit_and_delete_what_is_theirs_and_nobody_else_edits() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert!(allowed(group(role), Action::Edit).is_err());
            let author = Standing { is_author: true, ..group(role) };
            assert!(allowed(author, Action::Edit).is_ok());
            assert!(allowed(author, Action::Delete).is_ok());
            assert!(allowed(author, Action::Trace).is_ok());
        }
    }

    #[test]
    fn every_member_reads_posts_reacts_and_pins() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            for action in [Action::Read, Action::Post, Action::React, Action::Pin] {
                assert!(allowed(group(role), action).is_ok());
            }
        }
    }

    #[test]
    fn an_admin_removes_members_and_only_the_owner_removes_admins() {
        assert!(may_remove(Some(Role::Admin), Role::Member).is_ok());
        assert!(may_remove(Some(Role::Admin), Role::Admin).is_err());
        assert!(may_remove(Some(Role::Admin), Role::Owner).is_err());
        assert!(may_remove(Some(Role::Owner), Role::Admin).is_ok());
        assert!(may_remove(Some(Role::Member), Role::Member).is_err());
    }
}
