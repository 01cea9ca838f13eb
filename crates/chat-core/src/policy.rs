//! Permissions, in one table of actions over the actor's role. Pure functions. Stores read the membership and call
//! these within the transaction that applies the result, so that a role which was just taken away no longer counts.
//! Missing facts refuse: without a membership nothing is allowed.

use Grant::{No, Own, Yes};

use crate::conversations::ConversationKind;
use crate::error::{Error, Kind, Result};
use crate::groups::Role;
use crate::ids::UserId;
use crate::messages::{Message, Recipient};

/// An action of a user in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read messages and the list of members.
    Read,
    /// Post a message.
    Post,
    /// React to a message.
    React,
    /// Pin or unpin a message.
    Pin,
    /// Edit a message's text.
    Edit,
    /// Delete a message for everyone.
    Delete,
    /// Add another user.
    AddMember,
    /// Remove a member with a lower role from the group.
    RemoveMember,
    /// Rename the group.
    Rename,
    /// Give a member a new role.
    ChangeRole,
    /// See which members' clients a message has reached, and when.
    Trace,
}

impl Action {
    /// The actions that clients learn of in advance, with their names in the API; `delete_any` is about messages of
    /// others.
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

/// The kind of a conversation, as far as permissions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Two users, who have equal rights whatever role is stored.
    Pair,
    /// The members of a group.
    Group,
}

impl From<Recipient> for Between {
    fn from(to: Recipient) -> Self {
        match to {
            Recipient::User(_) => Self::Pair,
            Recipient::Group(_) => Self::Group,
        }
    }
}

impl From<&ConversationKind> for Between {
    fn from(kind: &ConversationKind) -> Self {
        match kind {
            ConversationKind::Direct(..) => Self::Pair,
            ConversationKind::Group { .. } => Self::Group,
        }
    }
}

/// The facts of one membership. It has no default and no public fields: once a fact is added here, code that loads a
/// membership without it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    role: Role,
    between: Between,
}

impl Membership {
    /// Makes a membership from the stored facts.
    #[must_use]
    pub fn new(role: Role, between: Between) -> Self {
        Self { role, between }
    }

    /// Returns the membership of both users in the conversation that their first message creates.
    #[must_use]
    pub fn of_new_pair() -> Self {
        Self::new(Role::Member, Between::Pair)
    }
}

/// A user's access to a conversation, and to one of its messages if the action is about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    membership: Option<Membership>,
    is_author: bool,
}

impl Access {
    /// Returns the access that a membership gives; `None` if the user is not a member or the conversation does not
    /// exist.
    #[must_use]
    pub fn of(membership: Option<Membership>) -> Self {
        Self { membership, is_author: false }
    }

    /// Narrows the access to one message of the conversation.
    ///
    /// # Errors
    /// `NotFound` of the message if the user is not a member.
    pub fn to(self, message: &Message, user: UserId) -> Result<Self> {
        self.membership.ok_or(Error::NotFound(Kind::Message))?;
        Ok(Self { is_author: message.sender == user, ..self })
    }

    /// Requires a membership.
    ///
    /// # Errors
    /// `NotFound` of the conversation if the user is not a member.
    pub fn of_member(self) -> Result<Self> {
        self.membership.ok_or(Error::NotFound(Kind::Conversation))?;
        Ok(self)
    }

    /// Returns the user's role; `None` if the user is not a member.
    pub fn role(self) -> Option<Role> {
        self.membership.map(|membership| membership.role)
    }
}

/// Whether an action is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Yes,
    /// Only on one's own messages.
    Own,
    No,
}

/// The table: what the owner, an admin and a member of a group may do, and each user of a pair; and the sentence for a
/// refusal.
#[rustfmt::skip] // A column for each of them.
const fn row(action: Action) -> ([Grant; 4], &'static str) {
    match action {
        //                       owner admin member pair
        Action::Read =>         ([Yes, Yes,  Yes,   Yes], "Only members may read messages"),
        Action::Post =>         ([Yes, Yes,  Yes,   Yes], "Only members may post messages"),
        Action::React =>        ([Yes, Yes,  Yes,   Yes], "Only members may react to messages"),
        Action::Pin =>          ([Yes, Yes,  Yes,   Yes], "Only members may pin messages"),
        Action::Edit =>         ([Own, Own,  Own,   Own], "Only its author may edit a message"),
        Action::Delete =>       ([Yes, Yes,  Own,   Own], "Only its author, the owner or an admin may delete a message for everyone"),
        Action::Trace =>        ([Yes, Yes,  Own,   Own], "Only its author, the owner or an admin may trace a message"),
        Action::AddMember =>    ([Yes, Yes,  No,    No],  "Only the owner or an admin may add members"),
        Action::RemoveMember => ([Yes, Yes,  No,    No],  "Only the owner or an admin may remove members"),
        Action::Rename =>       ([Yes, Yes,  No,    No],  "Only the owner or an admin may rename a group"),
        Action::ChangeRole =>   ([Yes, No,   No,    No],  "Only the owner may change roles"),
    }
}

/// Succeeds if the policy allows this action with this access.
///
/// # Errors
/// `NotMember` for a user who is not a member, else `Forbidden`.
pub fn allowed(access: Access, action: Action) -> Result<()> {
    let Membership { role, between } = access.membership.ok_or(Error::NotMember)?;
    let ([owner, admin, member, pair], refusal) = row(action);
    let grant = match (between, role) {
        (Between::Group, Role::Owner) => owner,
        (Between::Group, Role::Admin) => admin,
        (Between::Group, Role::Member) => member,
        (Between::Pair, _) => pair,
    };
    match grant {
        Yes => Ok(()),
        Own if access.is_author => Ok(()),
        Own | No => Err(Error::Forbidden(refusal)),
    }
}

/// Succeeds if a user with this access may remove another one, with role `member`, from a group.
///
/// # Errors
/// Those of [`allowed`], and `Forbidden` for everybody but the owner if the other one is an admin or the owner.
pub fn may_remove(access: Access, member: Role) -> Result<()> {
    allowed(access, Action::RemoveMember)?;
    match (access.role(), member) {
        (Some(Role::Owner), _) | (_, Role::Member) => Ok(()),
        (_, Role::Owner | Role::Admin) => Err(Error::Forbidden("Only the owner may remove an admin")),
    }
}

/// Returns a message to a member of its conversation, unless that member has hidden it.
///
/// # Errors
/// `NotFound` if the member has hidden it.
pub fn shown<T>(message: T, is_hidden: bool) -> Result<T> {
    if is_hidden { Err(Error::NotFound(Kind::Message)) } else { Ok(message) }
}

#[cfg(test)]
mod tests;
