//! Rules for the names of users and groups that others see, so that a name is what it looks like: names that are the
//! same have one stored form, nothing in a name is invisible, and no name can be mistaken for another user's.
//!
//! Names from before these rules stay as they are and keep working: no rule here may be applied to a stored name.

mod looks;
mod marks;
mod misleading;
mod report;
mod unseen;

use std::ops::RangeInclusive;

use chat_names::{folded, spaced};
pub use chat_names::{is_found, normal, start_of, starts, wanted};
pub use looks::{is_mistakable, looks};
pub use report::{Report, report};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::error::{Error, Result};

/// Number of characters of a username.
pub const USERNAME_CHARS: RangeInclusive<usize> = 3..=32;

/// Returns the form in which a username is stored and shown.
///
/// # Errors
/// `Invalid` if it may not be registered; the sentence says why.
pub fn username(requested: &str) -> Result<String> {
    let unfit = |reason: &str| Error::invalid("username", reason);
    let name = cleaned("username", requested)?;
    // Checked on what was typed: a name that is stored differently would surprise its owner at the next login.
    if requested.trim() != requested || !USERNAME_CHARS.contains(&name.chars().count()) {
        return Err(unfit("must be 3 to 32 characters, without leading or trailing spaces"));
    }
    if !name.chars().any(|c| is_of(c, GeneralCategoryGroup::Letter) || is_of(c, GeneralCategoryGroup::Number))
    {
        return Err(unfit("must contain a letter or a digit"));
    }
    if name.contains('@') {
        return Err(unfit("must not contain @, so that no name looks like an email address"));
    }
    if misleading::is_reserved(misleading::trim_signs(&name)) {
        return Err(reserved("username"));
    }
    Ok(name)
}

/// Returns the form in which a group's name is stored and shown. It has at most `max_chars` characters.
///
/// # Errors
/// `Invalid` if no group may have this name; the sentence says why.
pub fn group_name(requested: &str, max_chars: usize) -> Result<String> {
    let name = cleaned("name", requested)?;
    if !(1..=max_chars).contains(&name.chars().count()) {
        return Err(Error::invalid("name", format!("must be 1 to {max_chars} printable characters")));
    }
    if !name.chars().any(|c| !c.is_whitespace() && !is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid("name", "must contain a visible character"));
    }
    Ok(name)
}

/// Returns the forms under which an account may be stored that a user enters as `typed`, the likeliest first: as typed,
/// as it would be stored now, and in decomposed form (NFD), in which some devices sent it to earlier releases.
pub fn login_keys(typed: &str) -> Vec<String> {
    let stored_now = kept_form(typed).unwrap_or_else(|_| spaced(&normal(typed)));
    let mut keys = vec![folded(typed)];
    for other in [folded(&stored_now), folded(&typed.nfd().collect::<String>())] {
        if !keys.contains(&other) {
            keys.push(other);
        }
    }
    keys
}

/// Returns the refusal of a username that could be mistaken for a registered one.
pub fn looks_taken() -> Error {
    Error::conflict("username_taken", "That username looks like a registered one; choose another")
}

/// Whether no character of the text is visible.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || unseen::is_unseen(c))
}

fn reserved(field: &'static str) -> Error {
    Error::invalid(field, "must not be a reserved word, or look like one")
}

/// Returns the stored form of a name: NFKC, trimmed, with single spaces inside. Refuses invisible characters, piled
/// marks, addresses and reserved words.
fn cleaned(field: &'static str, requested: &str) -> Result<String> {
    let unseen = |c: char| {
        let reason = format!("must not contain invisible characters, such as U+{:04X}", u32::from(c));
        Error::invalid(field, reason)
    };
    let name = kept_form(requested).map_err(unseen)?;
    if name.chars().next().is_some_and(|c| is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid(field, "must not begin with a combining mark"));
    }
    if marks::are_piled(&name) {
        return Err(Error::invalid(
            field,
            "must not have more combining marks on a letter than any language uses",
        ));
    }
    if misleading::is_address(&name) {
        return Err(Error::invalid(field, "must not look like a web or email address"));
    }
    if misleading::is_reserved(&name) {
        return Err(reserved(field));
    }
    Ok(name)
}

/// Returns the form in which a name is stored, or a character that is not allowed in names.
fn kept_form(typed: &str) -> std::result::Result<String, char> {
    let seen = unseen::strip_ineffective(typed.trim())?;
    Ok(spaced(&normal(&looks::undotted(&normal(&seen)))))
}

fn is_of(c: char, group: GeneralCategoryGroup) -> bool {
    c.general_category_group() == group
}

#[cfg(test)]
mod tests;
