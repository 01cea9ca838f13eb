//! Groups and their members.

use async_trait::async_trait;

use crate::conversations::{Conversation, OwnPart, Reached};
use crate::error::{Error, Kind, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, Position, UserId};
use crate::names::group_name;
use crate::policy::{Access, Action, allowed, may_remove};
use crate::time::Timestamp;
use crate::{Chat, accounts};

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

/// Whether a user is to be added to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// As a member.
    Joins,
    /// The user is a member already.
    Already,
}

/// What a change of a role comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// The member has the role already.
    Already,
    /// The member gets it.
    Gets,
    /// The member becomes the owner, and the actor an admin.
    TakesOver,
}

/// The group that a request names, with the actor's access to it.
///
/// # Errors
/// `NotFound` where there is no such group.
pub fn found(group: Option<Reached>) -> Result<Reached> {
    group.ok_or(Error::NotFound(Kind::Group))
}

/// The same, where the policy allows the actor this.
///
/// # Errors
/// `NotFound` where there is no such group, else as [`allowed`].
pub fn found_for(group: Option<Reached>, action: Action) -> Result<Reached> {
    let group = found(group)?;
    allowed(group.access, action)?;
    Ok(group)
}

/// Whether somebody is to be added to the group, for an actor who may add members.
///
/// # Errors
/// `NotFound` where there is no such user.
pub fn decide_add(user_exists: bool, is_member: bool) -> Result<Joining> {
    accounts::check_user(user_exists)?;
    Ok(if is_member { Joining::Already } else { Joining::Joins })
}

/// Succeeds if the user is to be taken out of the group; `role` is the user's there, if the user is a member.
///
/// # Errors
/// Where the policy does not allow it, the user is not a member, or the group would have no owner.
pub fn decide_remove(command: RemoveMember, access: Access, role: Option<Role>) -> Result<()> {
    let RemoveMember { actor, user, .. } = command;
    if user == actor {
        allowed(access, Action::Read)?;
        return if access.role() == Some(Role::Owner) { Err(owner_needed()) } else { Ok(()) };
    }
    allowed(access, Action::RemoveMember)?;
    may_remove(access, of_member(role)?)
}

/// What giving a member the role `wanted` comes to; `present` is the user's role so far, if the user is a member.
///
/// # Errors
/// Where the policy does not allow it, the user is not a member, or the group would have no owner.
pub fn decide_role(access: Access, present: Option<Role>, wanted: Role) -> Result<RoleChange> {
    allowed(access, Action::ChangeRole)?;
    match (of_member(present)?, wanted) {
        (present, wanted) if present == wanted => Ok(RoleChange::Already),
        (Role::Owner, _) => Err(owner_needed()),
        (_, Role::Owner) => Ok(RoleChange::TakesOver),
        (Role::Admin | Role::Member, Role::Admin | Role::Member) => Ok(RoleChange::Gets),
    }
}

/// The role of a user who has to be a member of the group.
fn of_member(role: Option<Role>) -> Result<Role> {
    role.ok_or(Error::NotFound(Kind::User))
}

fn owner_needed() -> Error {
    Error::conflict("owner_needed", "A group always has an owner; make another member the owner first")
}

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
    /// MUST ask [`found_for`] and then [`decide_add`], in the same transaction. A new member starts with everything before
    /// as delivered.
    async fn add_member(&self, command: AddMember) -> Result<MembersChanged>;
    /// MUST ask [`found`] and then [`decide_remove`], in the same transaction.
    async fn remove_member(&self, command: RemoveMember) -> Result<MembersChanged>;
    /// MUST ask [`found`] and then [`decide_role`], in the same transaction.
    async fn change_role(&self, command: ChangeRole) -> Result<MembersChanged>;
    /// Gives the group another name. MUST ask [`found_for`] in the same transaction.
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
    use crate::messages::Recipient;
    use crate::policy::{Between, Membership};

    #[test]
    fn roles_survive_spelling() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    fn access(role: Option<Role>) -> Access {
        Access::of(role.map(|role| Membership::new(role, Between::Group)))
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(decision: Result<T>) -> &'static str {
        decision.unwrap_err().code()
    }

    fn remove(actor: Option<Role>, user: UserId, role: Option<Role>) -> Result<()> {
        decide_remove(RemoveMember { actor: UserId(1), group: GroupId(1), user }, access(actor), role)
    }

    #[test]
    fn a_group_that_is_not_there_is_said_before_what_the_policy_says() {
        let group = |role| {
            let (id, to) = (ConversationId(1), Recipient::Group(GroupId(1)));
            Some(Reached { id, to, access: access(role) })
        };
        assert_eq!(refused(found_for(None, Action::Rename)), "group_not_found");
        assert_eq!(refused(found_for(group(None), Action::Rename)), "not_a_member");
        assert_eq!(refused(found_for(group(Some(Role::Member)), Action::Rename)), "forbidden");
        assert_eq!(found_for(group(Some(Role::Admin)), Action::Rename).unwrap().id, ConversationId(1));
    }

    #[test]
    fn a_member_is_not_added_again() {
        assert_eq!(decide_add(true, false).unwrap(), Joining::Joins);
        assert_eq!(decide_add(true, true).unwrap(), Joining::Already);
        assert_eq!(refused(decide_add(false, false)), "user_not_found");
    }

    #[test]
    fn everybody_leaves_but_the_owner() {
        for role in [Role::Admin, Role::Member] {
            assert!(remove(Some(role), UserId(1), Some(role)).is_ok());
        }
        assert_eq!(refused(remove(Some(Role::Owner), UserId(1), Some(Role::Owner))), "owner_needed");
        assert_eq!(refused(remove(None, UserId(1), None)), "not_a_member");
    }

    #[test]
    fn leaders_remove_others_who_are_members() {
        let other = UserId(2);
        assert!(remove(Some(Role::Owner), other, Some(Role::Admin)).is_ok());
        assert!(remove(Some(Role::Admin), other, Some(Role::Member)).is_ok());
        assert_eq!(refused(remove(Some(Role::Admin), other, Some(Role::Admin))), "forbidden");
        assert_eq!(refused(remove(Some(Role::Owner), other, None)), "user_not_found");
        // Whether somebody is a member is not said to a caller who may not remove members.
        assert_eq!(refused(remove(Some(Role::Member), other, None)), "forbidden");
        assert_eq!(refused(remove(None, other, None)), "not_a_member");
    }

    #[test]
    fn the_owners_role_is_handed_over_and_never_taken() {
        let change = |actor, present, wanted| decide_role(access(actor), present, wanted);
        let owner = Some(Role::Owner);
        assert_eq!(change(owner, Some(Role::Member), Role::Admin).unwrap(), RoleChange::Gets);
        assert_eq!(change(owner, Some(Role::Admin), Role::Member).unwrap(), RoleChange::Gets);
        assert_eq!(change(owner, Some(Role::Admin), Role::Owner).unwrap(), RoleChange::TakesOver);
        assert_eq!(change(owner, Some(Role::Admin), Role::Admin).unwrap(), RoleChange::Already);
        assert_eq!(change(owner, owner, Role::Owner).unwrap(), RoleChange::Already);
        assert_eq!(refused(change(owner, owner, Role::Admin)), "owner_needed");
        assert_eq!(refused(change(owner, None, Role::Admin)), "user_not_found");
        assert_eq!(refused(change(Some(Role::Admin), None, Role::Admin)), "forbidden");
    }
}
