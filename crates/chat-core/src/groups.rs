//! Groups and their members.

use async_trait::async_trait;

use crate::Chat;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, Position, UserId};
use crate::time::Timestamp;

/// A named conversation of any number of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The group as clients name it.
    pub id: GroupId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// 1 to [`Limits::group_name_chars`](crate::Limits::group_name_chars) characters.
    pub name: String,
    /// Who created it.
    pub owner: UserId,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a member may do, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything; a group always has one.
    Owner,
    /// May add members.
    Admin,
    /// Reads and posts.
    Member,
}

impl Role {
    /// The role as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// The role that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == text)
    }
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's account.
    pub id: UserId,
    /// The member's name.
    pub username: String,
    /// The member's role.
    pub role: Role,
}

/// A checked request for a new group.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// The trimmed name.
    pub name: String,
    /// Who creates and owns it.
    pub owner: UserId,
    /// When.
    pub at: Timestamp,
}

/// A request to add somebody to a group.
#[derive(Debug, Clone, Copy)]
pub struct AddMember {
    /// Who asks.
    pub actor: UserId,
    /// To which group.
    pub group: GroupId,
    /// Whom to add.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
}

/// What came of adding a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The user is a member now.
    New {
        /// The group.
        group: GroupId,
        /// Its conversation.
        conversation: ConversationId,
        /// The new member.
        user: UserId,
    },
    /// The user was a member before; nothing changed.
    Already,
}

impl Outcome for Group {
    fn change(&self) -> Option<Change> {
        Some(Change::GroupCreated(self.clone()))
    }
}

impl Outcome for Added {
    fn change(&self) -> Option<Change> {
        match *self {
            Self::New { group, conversation, user } => {
                Some(Change::MemberAdded { group, conversation, user, role: Role::Member })
            }
            Self::Already => None,
        }
    }
}

/// The groups of a user as of one place in the log of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memberships {
    /// The conversations of the user's groups.
    pub conversations: Vec<ConversationId>,
    /// The last change that `conversations` takes into account.
    pub position: Position,
}

/// The durable side of groups.
#[async_trait]
pub trait GroupStore: Send + Sync + 'static {
    /// Creates the group with its owner as member. MUST refuse an owner who does not exist with `UnknownCaller`.
    async fn create_group(&self, new: NewGroup) -> Result<Group>;
    /// The groups of which the user is a member, oldest first.
    async fn groups_of(&self, user: UserId) -> Result<Vec<Group>>;
    /// MUST check, in the same transaction and in this order, that the group exists, that the policy allows it to
    /// the actor's role and that the user exists; MUST answer `Already` for a member. A new member starts with
    /// everything before as delivered.
    async fn add_member(&self, command: AddMember) -> Result<Added>;
    /// The members, in the order of their ids. MUST refuse readers who are not members.
    async fn members(&self, reader: UserId, group: GroupId) -> Result<Vec<Member>>;
    /// The user's groups and the position of that snapshot, read in one transaction.
    async fn memberships(&self, user: UserId) -> Result<Memberships>;
    /// The group's conversation. MUST refuse those who are not members.
    async fn group_conversation(&self, member: UserId, group: GroupId) -> Result<ConversationId>;
}

impl Chat {
    /// Creates a group that `owner` owns.
    pub async fn create_group(&self, owner: UserId, name: &str) -> Result<Group> {
        let name = checked_name(name, self.limits.group_name_chars)?;
        self.store.create_group(NewGroup { name, owner, at: self.clock.now() }).await
    }

    /// The groups of which the user is a member.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<Group>> {
        self.store.groups_of(user).await
    }

    /// Adds a user to a group on behalf of `actor`; adding a member twice changes nothing.
    pub async fn add_member(&self, actor: UserId, group: GroupId, user: UserId) -> Result<Added> {
        self.store.add_member(AddMember { actor, group, user, at: self.clock.now() }).await
    }

    /// The members of a group, for a member.
    pub async fn members(&self, reader: UserId, group: GroupId) -> Result<Vec<Member>> {
        self.store.members(reader, group).await
    }

    /// The user's group conversations, for routing live events.
    pub async fn memberships(&self, user: UserId) -> Result<Memberships> {
        self.store.memberships(user).await
    }
}

fn checked_name(name: &str, max_chars: usize) -> Result<String> {
    let name = name.trim();
    let fits = (1..=max_chars).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", format!("must be 1 to {max_chars} printable characters")));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_are_trimmed_and_bounded() {
        assert_eq!(checked_name("  Cheese \n", 100).unwrap(), "Cheese");
        for bad in ["", "   ", "a\u{7}b", &"x".repeat(101)] {
            assert!(matches!(checked_name(bad, 100), Err(Error::Invalid { field: "name", .. })), "{bad:?}");
        }
        assert!(checked_name(&"é".repeat(100), 100).is_ok());
    }

    #[test]
    fn roles_survive_spelling() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
