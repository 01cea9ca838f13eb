//! Groups and their members.

use async_trait::async_trait;

use crate::conversations::{Conversation, ConversationAccess, OwnPart};
use crate::error::{Error, Kind, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, Position, UserId};
use crate::names::{group_name, is_found};
use crate::policy::{Access, Action, allowed, may_remove};
use crate::time::Timestamp;
use crate::{Chat, accounts};

/// Maximum number of entries on one page of a user's groups or of a group's members.
pub const MAX_LISTED: u16 = 1000;

/// A group: a named conversation of any number of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Id of the group in the API.
    pub id: GroupId,
    pub conversation: ConversationId,
    /// The name, 1 to [`Limits::group_name_chars`](crate::Limits::group_name_chars) characters.
    pub name: String,
    /// The present owner.
    pub owner: UserId,
    pub created_at: Timestamp,
}

/// Role of a member; decides what the member may do. The most powerful comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May do everything; a group always has exactly one.
    Owner,
    /// May add members, and remove those that are not admins; may rename the group and delete every message.
    Admin,
    /// May read and post.
    Member,
}

impl Role {
    /// Returns the name of the role for clients and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Returns the role with that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == text)
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: UserId,
    pub username: String,
    pub role: Role,
}

/// A checked request for a new group.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// The name as it is shown.
    pub name: String,
    /// The user who creates and owns it.
    pub owner: UserId,
    pub at: Timestamp,
}

/// A request to add somebody to a group.
#[derive(Debug, Clone, Copy)]
pub struct AddMember {
    /// The user who makes the request.
    pub actor: UserId,
    pub group: GroupId,
    /// The user to add.
    pub user: UserId,
    pub at: Timestamp,
}

/// A request to remove a member from a group. A user who leaves removes themselves.
#[derive(Debug, Clone, Copy)]
pub struct RemoveMember {
    /// The user who makes the request.
    pub actor: UserId,
    pub group: GroupId,
    /// The user to remove.
    pub user: UserId,
}

/// A request to give a member a new role.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRole {
    /// The user who makes the request.
    pub actor: UserId,
    pub group: GroupId,
    /// The member whose role changes.
    pub user: UserId,
    /// The new role. If it is `Owner`, the actor becomes an admin.
    pub role: Role,
}

/// A group that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub group: Group,
    pub conversation: Conversation,
}

/// The result of a change to a group's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersChanged {
    /// These users have become members, or have a new role.
    Now {
        conversation: Conversation,
        /// The members, with their own parts.
        members: Vec<(UserId, OwnPart)>,
    },
    /// This user is no longer a member.
    Removed {
        conversation: Conversation,
        /// The former member.
        user: UserId,
    },
    /// Nothing changed: the members were already as requested.
    Already,
}

/// A group that was renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed(pub Conversation);

/// The decision on adding a user to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// The user becomes a member.
    Joins,
    /// The user is already a member.
    Already,
}

/// The decision on changing a member's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// The member already has the role.
    Already,
    /// The member gets the role.
    Gets,
    /// The member becomes the owner, and the actor an admin.
    TakesOver,
}

/// Unwraps the group that a request names, with the actor's access to it.
///
/// # Errors
/// `NotFound` if there is no such group.
pub fn found(group: Option<ConversationAccess>) -> Result<ConversationAccess> {
    group.ok_or(Error::NotFound(Kind::Group))
}

/// Unwraps the group that a request names, if the policy allows the actor this action.
///
/// # Errors
/// `NotFound` if there is no such group, else those of [`allowed`].
pub fn found_for(group: Option<ConversationAccess>, action: Action) -> Result<ConversationAccess> {
    let group = found(group)?;
    allowed(group.access, action)?;
    Ok(group)
}

/// Decides whether a user is added to the group, for an actor who may add members.
///
/// # Errors
/// `NotFound` if there is no such user.
pub fn decide_add(user_exists: bool, is_member: bool) -> Result<Joining> {
    accounts::check_user(user_exists)?;
    Ok(if is_member { Joining::Already } else { Joining::Joins })
}

/// Succeeds if the user may be removed from the group; `role` is the user's role there, `None` for a user who is not a
/// member.
///
/// # Errors
/// The policy's refusal; `NotFound` if the user is not a member; `owner_needed` if the owner leaves.
pub fn decide_remove(command: RemoveMember, access: Access, role: Option<Role>) -> Result<()> {
    let RemoveMember { actor, user, .. } = command;
    if user == actor {
        allowed(access, Action::Read)?;
        return if access.role() == Some(Role::Owner) { Err(owner_needed()) } else { Ok(()) };
    }
    allowed(access, Action::RemoveMember)?;
    may_remove(access, of_member(role)?)
}

/// Decides the effect of giving a member the role `wanted`; `present` is the role so far, `None` for a user who is not
/// a member.
///
/// # Errors
/// The policy's refusal; `NotFound` if the user is not a member; `owner_needed` if the group would have no owner.
pub fn decide_role(access: Access, present: Option<Role>, wanted: Role) -> Result<RoleChange> {
    allowed(access, Action::ChangeRole)?;
    match (of_member(present)?, wanted) {
        (present, wanted) if present == wanted => Ok(RoleChange::Already),
        (Role::Owner, _) => Err(owner_needed()),
        (_, Role::Owner) => Ok(RoleChange::TakesOver),
        (Role::Admin | Role::Member, Role::Admin | Role::Member) => Ok(RoleChange::Gets),
    }
}

/// Returns the role of a user who has to be a member of the group.
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

/// Selects a page of a list in the order of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPage<Id> {
    /// Only entries with a larger id; 0 for the first page.
    pub after: Id,
    /// Maximum number of entries, 1 to [`MAX_LISTED`].
    pub limit: u16,
}

/// The groups of a user as of one log position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memberships {
    /// The conversations of the user's groups.
    pub conversations: Vec<ConversationId>,
    /// Log position of the last change that `conversations` takes into account.
    pub position: Position,
}

/// The durable side of groups.
#[async_trait]
pub trait GroupStore: Send + Sync + 'static {
    /// Creates a group with its owner as the only member. MUST refuse an owner who does not exist with `UnknownCaller`.
    async fn create_group(&self, new: NewGroup) -> Result<Created>;
    /// Returns the groups of which the user is a member, oldest first, which is the order of their conversations' ids:
    /// a page of them, or all.
    async fn groups_of(&self, user: UserId, page: Option<IdPage<ConversationId>>) -> Result<Vec<Group>>;
    /// Adds a member. MUST call [`found_for`] and then [`decide_add`], in the same transaction. For a new member, all
    /// earlier messages count as delivered.
    async fn add_member(&self, command: AddMember) -> Result<MembersChanged>;
    /// Removes a member. MUST call [`found`] and then [`decide_remove`], in the same transaction.
    async fn remove_member(&self, command: RemoveMember) -> Result<MembersChanged>;
    /// Changes a role. MUST call [`found`] and then [`decide_role`], in the same transaction.
    async fn change_role(&self, command: ChangeRole) -> Result<MembersChanged>;
    /// Renames a group. MUST call [`found_for`] in the same transaction.
    async fn rename_group(&self, actor: UserId, group: GroupId, name: String) -> Result<Renamed>;
    /// Returns the members in the order of their ids: a page of them, or all. MUST refuse readers who are not members.
    async fn members(
        &self,
        reader: UserId,
        group: GroupId,
        page: Option<IdPage<UserId>>,
    ) -> Result<Vec<Member>>;
    /// Returns the user's groups and the log position of that snapshot, read in one transaction.
    async fn memberships(&self, user: UserId) -> Result<Memberships>;
    /// Returns the group's conversation. MUST refuse users who are not members.
    async fn group_conversation(&self, member: UserId, group: GroupId) -> Result<ConversationId>;
}

impl Chat {
    /// Creates a group that `owner` owns.
    ///
    /// # Errors
    /// `Invalid` if the name breaks the rules for group names.
    pub async fn create_group(&self, owner: UserId, name: &str) -> Result<Group> {
        let name = group_name(name, self.limits.group_name_chars)?;
        let created = self.store.create_group(NewGroup { name, owner, at: self.clock.now() }).await?;
        Ok(created.group)
    }

    /// Renames a group on behalf of `actor`.
    pub async fn rename_group(&self, actor: UserId, group: GroupId, name: &str) -> Result<Conversation> {
        let name = match group_name(name, self.limits.group_name_chars) {
            Ok(name) => name,
            Err(unfit) => self.name_from_before(actor, group, name).await?.ok_or(unfit)?,
        };
        Ok(self.store.rename_group(actor, group, name).await?.0)
    }

    /// Returns the requested name if the group already has it: a name from before the present rules may stay.
    async fn name_from_before(
        &self,
        member: UserId,
        group: GroupId,
        requested: &str,
    ) -> Result<Option<String>> {
        let groups = self.store.groups_of(member, None).await?;
        Ok(groups.into_iter().find(|it| it.id == group && it.name == requested).map(|it| it.name))
    }

    /// Returns the groups of which the user is a member and that a query finds: a page of them, or all. `wanted` is the
    /// result of [`wanted`](crate::names::wanted).
    pub async fn groups_of(
        &self,
        user: UserId,
        wanted: &str,
        page: Option<IdPage<ConversationId>>,
    ) -> Result<Vec<Group>> {
        let mut found = Vec::new();
        let mut read =
            page.map(|page| if wanted.is_empty() { page } else { IdPage { limit: MAX_LISTED, ..page } });
        loop {
            let groups = self.store.groups_of(user, read).await?;
            let (n_read, last) = (groups.len(), groups.last().map(|group| group.conversation));
            found.extend(groups.into_iter().filter(|group| is_found(&group.name, wanted)));
            let (Some(page), Some(part), Some(last)) = (page, &mut read, last) else { return Ok(found) };
            if found.len() >= page.limit.into() || n_read < part.limit.into() {
                found.truncate(page.limit.into());
                return Ok(found);
            }
            part.after = last;
        }
    }

    /// Adds a user to a group on behalf of `actor`; adding a member twice changes nothing.
    ///
    /// # Errors
    /// Those of [`found_for`] and [`decide_add`].
    pub async fn add_member(&self, actor: UserId, group: GroupId, user: UserId) -> Result<MembersChanged> {
        self.store.add_member(AddMember { actor, group, user, at: self.clock.now() }).await
    }

    /// Removes a user from a group on behalf of `actor`, who may be that user.
    ///
    /// # Errors
    /// Those of [`decide_remove`].
    pub async fn remove_member(&self, actor: UserId, group: GroupId, user: UserId) -> Result<()> {
        self.store.remove_member(RemoveMember { actor, group, user }).await.map(drop)
    }

    /// Gives a member a new role.
    ///
    /// # Errors
    /// Those of [`decide_role`].
    pub async fn change_role(&self, command: ChangeRole) -> Result<()> {
        self.store.change_role(command).await.map(drop)
    }

    /// Returns the members of a group, for a member: a page of them, or all.
    pub async fn members(
        &self,
        reader: UserId,
        group: GroupId,
        page: Option<IdPage<UserId>>,
    ) -> Result<Vec<Member>> {
        self.store.members(reader, group, page).await
    }

    /// Returns the user's group conversations, for routing live events.
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
    fn roles_can_be_parsed() {
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
    fn a_missing_group_is_reported_before_the_policy() {
        let group = |role| {
            let (id, to) = (ConversationId(1), Recipient::Group(GroupId(1)));
            Some(ConversationAccess { id, to, access: access(role) })
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
    fn everybody_but_the_owner_may_leave() {
        for role in [Role::Admin, Role::Member] {
            assert!(remove(Some(role), UserId(1), Some(role)).is_ok());
        }
        assert_eq!(refused(remove(Some(Role::Owner), UserId(1), Some(Role::Owner))), "owner_needed");
        assert_eq!(refused(remove(None, UserId(1), None)), "not_a_member");
    }

    #[test]
    fn admins_remove_others_who_are_members() {
        let other = UserId(2);
        assert!(remove(Some(Role::Owner), other, Some(Role::Admin)).is_ok());
        assert!(remove(Some(Role::Admin), other, Some(Role::Member)).is_ok());
        assert_eq!(refused(remove(Some(Role::Admin), other, Some(Role::Admin))), "forbidden");
        assert_eq!(refused(remove(Some(Role::Owner), other, None)), "user_not_found");
        // A caller who may not remove members does not learn whether a user is a member.
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
