//! Who may do what, in one place: a table over what the actor is to the conversation. Pure. Stores read the facts of the
//! membership and ask inside the transaction that applies the answer, so that a role taken away a moment ago no longer
//! counts. What is missing refuses: without a membership nothing is allowed.

use Grant::{No, Own, Yes};

use crate::conversations::ConversationKind;
use crate::error::{Error, Kind, Result};
use crate::groups::Role;
use crate::ids::UserId;
use crate::messages::{Message, Recipient};

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

/// What a conversation is between, as far as it matters for what its members may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Two users. Neither of them leads it, whatever role is stored.
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

/// The facts of one membership. It has no default and no public fields: once a fact is added here, no place compiles that
/// reads a membership without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    role: Role,
    between: Between,
}

impl Membership {
    /// The membership that is stored so.
    #[must_use]
    pub fn new(role: Role, between: Between) -> Self {
        Self { role, between }
    }

    /// The membership of both users in the conversation that their first message makes.
    #[must_use]
    pub fn of_new_pair() -> Self {
        Self::new(Role::Member, Between::Pair)
    }
}

/// A user's access to a conversation, and to a message there if one is in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    membership: Option<Membership>,
    is_author: bool,
}

impl Access {
    /// The access that a membership gives; `None`: the user is not a member, or there is no such conversation.
    #[must_use]
    pub fn of(membership: Option<Membership>) -> Self {
        Self { membership, is_author: false }
    }

    /// The same user's, where it is about one message of that conversation.
    ///
    /// # Errors
    /// To those who are not members, the message is not there.
    pub fn to(self, message: &Message, user: UserId) -> Result<Self> {
        self.membership.ok_or(Error::NotFound(Kind::Message))?;
        Ok(Self { is_author: message.sender == user, ..self })
    }

    /// The same, for a member.
    ///
    /// # Errors
    /// To those who are not members, the conversation is not there.
    pub fn of_member(self) -> Result<Self> {
        self.membership.ok_or(Error::NotFound(Kind::Conversation))?;
        Ok(self)
    }

    /// The user's role, for a member.
    pub fn role(self) -> Option<Role> {
        self.membership.map(|membership| membership.role)
    }
}

/// Whether something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Yes,
    /// With messages of one's own.
    Own,
    No,
}

/// The table: what the owner, an admin and a member of a group may do, and each user of a pair; and the sentence that refuses
/// it.
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

/// Succeeds if somebody with this access may do this.
///
/// # Errors
/// `NotMember` to those who are not members, else `Forbidden`.
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

/// Succeeds if somebody with this access may take somebody else, with role `member`, out of a group.
///
/// # Errors
/// As [`allowed`], and `Forbidden` to all but the owner where it is about an admin or the owner.
pub fn may_remove(access: Access, member: Role) -> Result<()> {
    allowed(access, Action::RemoveMember)?;
    match (access.role(), member) {
        (Some(Role::Owner), _) | (_, Role::Member) => Ok(()),
        (_, Role::Owner | Role::Admin) => Err(Error::Forbidden("Only the owner may remove an admin")),
    }
}

/// A message for somebody who is a member of its conversation and wants to see it.
///
/// # Errors
/// For those who have hidden it, it is not there either.
pub fn shown<T>(message: T, is_hidden: bool) -> Result<T> {
    if is_hidden { Err(Error::NotFound(Kind::Message)) } else { Ok(message) }
}

#[cfg(test)]
mod tests;
