//! Shared by the types that mirror the core's: which fields can be omitted, and the error for values that only a later
//! release knows.

use chat_core::ids::UserId;

/// A value of a kind that only a later release knows; the object that contains it is left out.
#[derive(Debug)]
pub(crate) struct Unknown;

/// Whether a field can be omitted, because a reader assumes this value if it is missing.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn numbers(users: &[UserId]) -> Vec<i64> {
    users.iter().map(|user| user.0).collect()
}

pub(crate) fn users(numbers: Vec<i64>) -> Vec<UserId> {
    numbers.into_iter().map(UserId).collect()
}
