//! Groups and their members.

use async_trait::async_trait;

use crate::Chat;
use crate::conversations::{Conversation, OwnPart};
use crate::error::Result;
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, Position, UserId};
use crate::names::group_name;
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
    /// The name as it is shown.
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

/// A request to take somebody out of a group; oneself, to leave it.
#[derive(Debug, Clone, Copy)]
pub struct RemoveMember {
    /// Who asks.
    pub actor: UserId,
    /// Of which group.
    pub group: GroupId,
    /// Whom to remove.
    pub user: UserId,
}

/// A request to give a member another role.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRole {
    /// Who asks.
    pub actor: UserId,
    /// In which group.
    pub group: GroupId,
    /// Whose role.
    pub user: UserId,
    /// The role from now on; by making somebody else the owner, the actor becomes an admin.
    pub role: Role,
}

/// A group that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The group.
    pub group: Group,
    /// Its conversation.
    pub conversation: Conversation,
}

/// What came of a change to a group's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersChanged {
    /// These users have become members, or have another role; the parts are theirs.
    Now {
        /// The group's conversation.
        conversation: Conversation,
        /// Who, and as what.
        members: Vec<(UserId, OwnPart)>,
    },
    /// This user is no longer a member.
    Removed {
        /// The group's conversation.
        conversation: Conversation,
        /// Who was a member.
        user: UserId,
    },
    /// It was so before; nothing changed.
    Already,
}

/// A group that has another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed(pub Conversation);

impl Outcome for Created {
    fn changes(&self) -> Vec<Change> {
        let own = OwnPart { role: Some(Role::Owner), ..OwnPart::default() };
        vec![Change::MemberChanged { conversation: self.conversation.clone(), user: self.group.owner, own }]
    }
}

impl Outcome for MembersChanged {
    fn changes(&self) -> Vec<Change> {
        match self {
            Self::Now { conversation, members } => {
                let change = |(user, own): &(UserId, OwnPart)| Change::MemberChanged {
                    conversation: conversation.clone(),
                    user: *user,
                    own: own.clone(),
                };
                members.iter().map(change).collect()
            }
            Self::Removed { conversation, user } => {
                vec![Change::MemberRemoved { conversation: conversation.clone(), user: *user }]
            }
            Self::Already => Vec::new(),
        }
    }
}

impl Outcome for Renamed {
    fn changes(&self) -> Vec<Change> {
        vec![Change::ConversationChanged(self.0.clone())]
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
    async fn create_group(&self, new: NewGroup) -> Result<Created>;
    /// The groups of which the user is a member, oldest first.
    async fn groups_of(&self, user: UserId) -> Result<Vec<Group>>;
    /// MUST check, in the same transaction and in this order, that the group exists, that the policy allows it to
    /// the actor's role and that the user exists; MUST answer `Already` for a member. A new member starts with
    /// everything before as delivered.
    async fn add_member(&self, command: AddMember) -> Result<MembersChanged>;
    /// MUST check, in the same transaction, that the group exists, that its actor is a member and, unless it is
    /// themselves, may remove the user ([`may_remove`](crate::policy::may_remove)); MUST refuse to let the owner leave,
    /// since a group always has one; MUST answer `NotFound(User)` for somebody who is not a member.
    async fn remove_member(&self, command: RemoveMember) -> Result<MembersChanged>;
    /// MUST ask the policy in the same transaction; MUST answer `NotFound(User)` for somebody who is not a member and
    /// refuse to take the owner's role away but by giving it to another member.
    async fn change_role(&self, command: ChangeRole) -> Result<MembersChanged>;
    /// Gives the group another name. MUST ask the policy in the same transaction.
    async fn rename_group(&self, actor: UserId, group: GroupId, name: String) -> Result<Renamed>;
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
        let name = group_name(name, self.limits.group_name_chars)?;
        let created = self.store.create_group(NewGroup { name, owner, at: self.clock.now() }).await?;
        Ok(created.group)
    }

    /// Gives a group another name on behalf of `actor`.
    pub async fn rename_group(&self, actor: UserId, group: GroupId, name: &str) -> Result<Conversation> {
        let name = match group_name(name, self.limits.group_name_chars) {
            Ok(name) => name,
            Err(unfit) => self.name_from_before(actor, group, name).await?.ok_or(unfit)?,
        };
        Ok(self.store.rename_group(actor, group, name).await?.0)
    }

    /// The wished name, if it is the one that the group has: one from before the rules stays what it is.
    async fn name_from_before(&self, member: UserId, group: GroupId, wished: &str) -> Result<Option<String>> {
        let groups = self.store.groups_of(member).await?;
        Ok(groups.into_iter().find(|it| it.id == group && it.name == wished).map(|it| it.name))
    }

    /// The groups of which the user is a member.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<Group>> {
        self.store.groups_of(user).await
    }

    /// Adds a user to a group on behalf of `actor`; adding a member twice changes nothing.
    pub async fn add_member(&self, actor: UserId, group: GroupId, user: UserId) -> Result<MembersChanged> {
        self.store.add_member(AddMember { actor, group, user, at: self.clock.now() }).await
    }

    /// Takes a user out of a group on behalf of `actor`, who may be that user.
    pub async fn remove_member(&self, actor: UserId, group: GroupId, user: UserId) -> Result<()> {
        self.store.remove_member(RemoveMember { actor, group, user }).await.map(drop)
    }

    /// Gives a member another role.
    pub async fn change_role(&self, command: ChangeRole) -> Result<()> {
        self.store.change_role(command).await.map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_survive_spelling() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
