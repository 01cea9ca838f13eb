//! What the server and its clients have to agree on about names: which are one, and by what they are found.
//!
//! Looks at names and at nothing else; what a name may be, and which of them are mistaken for each other, only the server
//! decides (`chat_core::names`).

mod finding;
mod form;

pub use finding::{Fit, beginnings, end_of, fit, is_found, is_of_words, plain, wanted};
pub use form::{comparable, folded, is_same_name, normal, spaced};
