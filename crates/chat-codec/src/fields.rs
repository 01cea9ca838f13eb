//! What the mirrors of the core's types share: which fields need not be written, and what stands for what a later
//! release means.

use chat_core::ids::UserId;

/// Something of a kind that only a later release knows: whatever is about it is left out.
#[derive(Debug)]
pub(crate) struct Unknown;

/// Whether a field need not be written, since a reader takes it for this where it is missing.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn numbers(users: &[UserId]) -> Vec<i64> {
    users.iter().map(|user| user.0).collect()
}

pub(crate) fn users(numbers: Vec<i64>) -> Vec<UserId> {
    numbers.into_iter().map(UserId).collect()
}
