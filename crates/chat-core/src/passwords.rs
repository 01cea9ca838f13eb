//! Passwords: which may be chosen, in which form they are hashed, and checking them so that how long it takes tells
//! nobody whether there is an account, or of what kind its hash is.

use crate::Chat;
use crate::accounts::folded;
use crate::error::{Error, Result};
use crate::names::{is_blank, normal};
use crate::ports::{Turn, Verdict};

/// What hashes of the earlier Go server begin with.
const BCRYPT: &str = "$2";

impl Chat {
    /// Hashes a password in the form that is the same from every keyboard.
    pub(crate) async fn hash_password(&self, password: &str, turn: Turn) -> Result<String> {
        self.passwords.hash(normal(password), turn).await
    }

    /// Checks a password, or does the same work where there is no account.
    ///
    /// A mismatch always costs the same: every form of what was typed against one argon2id hash and, as long as there
    /// are accounts with bcrypt hashes, against one of these. The forms depend on what was typed alone.
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
                // Of another form than it would be now.
                Verdict::Match if number > 0 => return Ok(Verdict::MatchOutdated),
                right => return Ok(right),
            }
        }
        if let Some(bcrypt) = self.store.bcrypt_hash().await? {
            // Whichever of the two kinds was not asked yet.
            let other = if hash.is_some_and(|hash| hash.starts_with(BCRYPT)) { None } else { Some(bcrypt) };
            for form in forms {
                self.passwords.verify(form, other.clone(), turn).await?;
            }
        }
        Ok(Verdict::Mismatch)
    }
}

/// What is compared with a hash: the form that is hashed now and, where it differs, what was typed, which earlier
/// releases have hashed.
fn forms(typed: &str) -> Vec<String> {
    let normal = normal(typed);
    if normal == typed { vec![normal] } else { vec![normal, typed.to_owned()] }
}

/// Refuses what is too short or too long, and what is no secret at all; not what is merely easy to guess.
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
