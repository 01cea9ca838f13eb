//! Passwords: which are allowed, the form in which they are hashed, and checking them so that the time it takes reveals
//! neither whether an account exists nor the kind of its hash.

use crate::Chat;
use crate::accounts::folded;
use crate::error::{Error, Result};
use crate::names::{is_blank, normal};
use crate::ports::{Turn, Verdict};

/// Prefix of the bcrypt hashes of the earlier Go server.
const BCRYPT: &str = "$2";

impl Chat {
    /// Hashes a password in its normal form, which is the same from every keyboard.
    pub(crate) async fn hash_password(&self, password: &str, turn: Turn) -> Result<String> {
        self.passwords.hash(normal(password), turn).await
    }

    /// Checks a password, or does the same work if there is no account (`hash` is `None`).
    ///
    /// A mismatch always costs the same: every form of what was typed is checked against one argon2id hash and, as long
    /// as there are accounts with bcrypt hashes, against one of these. The forms depend on what was typed alone.
    pub(crate) async fn check_password(
        &self,
        typed: &str,
        hash: Option<String>,
        turn: Turn,
    ) -> Result<Verdict> {
        let forms = forms(typed);
        for (number, form) in forms.iter().enumerate() {
            match self.passwords.verify(form.clone(), hash.clone(), turn).await? {
                Verdict::Mismatch => {}
                // The hash is of a form that would not be hashed now.
                Verdict::Match if number > 0 => return Ok(Verdict::MatchOutdated),
                right => return Ok(right),
            }
        }
        if let Some(bcrypt) = self.store.bcrypt_hash().await? {
            // A hash of the kind that was not checked above.
            let other = if hash.is_some_and(|hash| hash.starts_with(BCRYPT)) { None } else { Some(bcrypt) };
            for form in forms {
                self.passwords.verify(form, other.clone(), turn).await?;
            }
        }
        Ok(Verdict::Mismatch)
    }
}

/// Returns the forms to compare with a hash: the one that is hashed now and, if it differs, the text as typed, which
/// earlier releases hashed.
fn forms(typed: &str) -> Vec<String> {
    let normal = normal(typed);
    if normal == typed { vec![normal] } else { vec![normal, typed.to_owned()] }
}

/// Refuses passwords that are too short or too long, and those that are no secret; not those that are merely easy to
/// guess.
pub(crate) fn check_password(password: &str, username: &str, email: &str) -> Result<()> {
    let unfit = |reason: &str| Err(Error::invalid("password", reason));
    let password = normal(password);
    if !(8..=128).contains(&password.chars().count()) {
        return unfit("must be 8 to 128 characters");
    }
    if is_blank(&password) {
        return unfit("must contain visible characters");
    }
    let same = folded(password.trim());
    let local = email.split_once('@').map_or(email, |(local, _)| local);
    if [username, email, local].into_iter().any(|name| folded(&normal(name)) == same) {
        return unfit("must not be the username or the email address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fit(password: &str) -> bool {
        check_password(password, "Spike the Dog", "spike.dog@temp.com").is_ok()
    }

    #[test]
    fn passwords_have_8_to_128_characters_of_any_kind() {
        for good in ["password", "password123", "пароль12", &"x".repeat(128), "       .", "gru\u{308}ne wi"]
        {
            assert!(is_fit(good), "{good:?}");
        }
        for bad in ["", "1234567", &"x".repeat(129), "gru\u{308}ne w"] {
            assert!(!is_fit(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_no_password() {
        for bad in [
            "        ",
            "\u{200b}\u{3164}\u{2800} \u{a0}\t\u{ad}\u{2003}",
            "Spike the Dog",
            "spike the dog",
            "SPIKE.DOG@temp.com",
            "spike.dog",
            " spike.dog ",
            "ｓｐｉｋｅ．ｄｏｇ",
        ] {
            assert!(!is_fit(bad), "{bad:?}");
        }
        assert!(is_fit("spike.dog1") && is_fit("temp.com"));
    }

    #[test]
    fn what_was_typed_is_tried_too_where_it_is_of_another_form() {
        assert_eq!(forms("password123"), ["password123"]);
        assert_eq!(forms("gru\u{308}n"), ["grün", "gru\u{308}n"]);
    }
}
