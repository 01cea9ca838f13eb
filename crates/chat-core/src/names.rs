//! What a name may be that others see, of users and of groups, so that it is what it looks like: one form for what is
//! the same, nothing that cannot be seen, and nobody's name mistaken for another's.
//!
//! Names from before these rules stay as they are and go on working: nothing here may be asked of a name that is stored.

mod else_meant;
mod looks;
mod marks;
mod report;
mod unseen;

use std::ops::RangeInclusive;

pub use chat_names::{beginnings, end_of, is_found, normal, wanted};
use chat_names::{folded, spaced};
pub use looks::{is_mistakable, looks};
pub use report::{Report, report};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::error::{Error, Result};

/// How many characters a username has.
pub const USERNAME_CHARS: RangeInclusive<usize> = 3..=32;

/// The form in which a username is kept and shown.
///
/// # Errors
/// If it may not be registered; the sentence says why.
pub fn username(wished: &str) -> Result<String> {
    let unfit = |reason: &str| Error::invalid("username", reason);
    let name = cleaned("username", wished)?;
    // Said of what was typed: a name that came out differently would surprise whoever logs in with it.
    if wished.trim() != wished || !USERNAME_CHARS.contains(&name.chars().count()) {
        return Err(unfit("must be 3 to 32 characters, without leading or trailing spaces"));
    }
    if !name.chars().any(|c| is_of(c, GeneralCategoryGroup::Letter) || is_of(c, GeneralCategoryGroup::Number))
    {
        return Err(unfit("must contain a letter or a digit"));
    }
    if name.contains('@') {
        return Err(unfit("must not contain @, so that no name looks like an email address"));
    }
    if else_meant::is_reserved(else_meant::without_signs(&name)) {
        return Err(reserved("username"));
    }
    Ok(name)
}

/// The form in which a group's name is kept and shown.
///
/// # Errors
/// If no group may be called so; the sentence says why.
pub fn group_name(wished: &str, max_chars: usize) -> Result<String> {
    let name = cleaned("name", wished)?;
    if !(1..=max_chars).contains(&name.chars().count()) {
        return Err(Error::invalid("name", format!("must be 1 to {max_chars} printable characters")));
    }
    if !name.chars().any(|c| !c.is_whitespace() && !is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid("name", "must contain a visible character"));
    }
    Ok(name)
}

/// The forms under which an account may be stored that somebody names so, the likeliest first: as it was typed, as it
/// would be stored now, and as devices that take letters apart have given it to earlier releases.
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

/// What somebody is told whose wished name could be taken for somebody else's.
pub fn looks_taken() -> Error {
    Error::conflict("username_taken", "That username looks like a registered one; choose another")
}

/// Whether nothing is to be seen of the text.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || unseen::is_unseen(c))
}

fn reserved(field: &'static str) -> Error {
    Error::invalid(field, "must not be a reserved word, or look like one")
}

/// NFKC, without white space at the ends and with single spaces inside, of visible characters only, and what no reader
/// takes for an address or for a word with a meaning.
fn cleaned(field: &'static str, wished: &str) -> Result<String> {
    let unseen = |c: char| {
        let reason = format!("must not contain invisible characters, such as U+{:04X}", u32::from(c));
        Error::invalid(field, reason)
    };
    let name = kept_form(wished).map_err(unseen)?;
    if name.chars().next().is_some_and(|c| is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid(field, "must not begin with a combining mark"));
    }
    if marks::are_piled(&name) {
        return Err(Error::invalid(
            field,
            "must not have more combining marks on a letter than any language uses",
        ));
    }
    if else_meant::is_address(&name) {
        return Err(Error::invalid(field, "must not look like a web or email address"));
    }
    if else_meant::is_reserved(&name) {
        return Err(reserved(field));
    }
    Ok(name)
}

/// The form in which a name is kept; or a character that no name may have.
fn kept_form(typed: &str) -> std::result::Result<String, char> {
    let seen = unseen::without_idle(typed.trim())?;
    Ok(spaced(&normal(&looks::undotted(&normal(&seen)))))
}

fn is_of(c: char, group: GeneralCategoryGroup) -> bool {
    c.general_category_group() == group
}

#[cfg(test)]
mod tests;
