//! Rules for names that the server and its clients share: which names are the same, and by which queries a name is
//! found.
//!
//! Works on names only. Which names are allowed, and which could be mistaken for each other, is decided by the server
//! alone (`chat_core::names`).

mod finding;
mod form;

pub use finding::{NameMatch, is_found, is_word_char, match_name, plain, start_of, starts, wanted};
pub use form::{comparable, folded, is_same_name, normal, spaced};
