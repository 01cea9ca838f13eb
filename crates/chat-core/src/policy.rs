//! Who may do what, in one place: a pure function of the actor's role. Stores call it inside the transaction that
//! does the deed, so that a role taken away a moment ago no longer counts.

use crate::error::{Error, Result};
use crate::groups::Role;

/// What a member may want to do in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read messages and the list of members.
    Read,
    /// Post a message.
    Post,
    /// Add another user.
    AddMember,
}

/// Succeeds if somebody with this role (`None`: not a member) may do this.
pub fn allowed(role: Option<Role>, action: Action) -> Result<()> {
    let Some(role) = role else {
        return Err(Error::NotMember);
    };
    match (action, role) {
        (Action::Read | Action::Post, _) | (Action::AddMember, Role::Owner | Role::Admin) => Ok(()),
        (Action::AddMember, Role::Member) => {
            Err(Error::Forbidden("Only the owner or an admin may add members"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_may_do_nothing() {
        for action in [Action::Read, Action::Post, Action::AddMember] {
            assert!(matches!(allowed(None, action), Err(Error::NotMember)), "{action:?}");
        }
    }

    #[test]
    fn only_owner_and_admin_add_members() {
        assert!(allowed(Some(Role::Owner), Action::AddMember).is_ok());
        assert!(allowed(Some(Role::Admin), Action::AddMember).is_ok());
        assert!(matches!(allowed(Some(Role::Member), Action::AddMember), Err(Error::Forbidden(_))));
    }

    #[test]
    fn every_member_reads_and_posts() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert!(allowed(Some(role), Action::Read).is_ok());
            assert!(allowed(Some(role), Action::Post).is_ok());
        }
    }
}
