//! Password hashing: argon2id with the parameters that OWASP recommends (19 MiB, two passes, one lane). Also checks the
//! bcrypt hashes of the earlier Go server and reports them as outdated.

mod queue;

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use chat_core::ports::{Passwords, Turn, Verdict};
use chat_core::{Error, Result};
use queue::Queue;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hash to compare with when the user does not exist, so that the answer takes as long. No password matches it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes passwords on blocking threads, a few at a time.
pub(crate) struct Argon2Passwords {
    queue: Arc<Queue>,
    /// Working memory of finished hashes, for reuse. The allocator keeps freed blocks of this size, so that they would
    /// add up.
    spare: Arc<Mutex<Vec<Memory>>>,
}

type Memory = Vec<Block>;

impl Argon2Passwords {
    /// At most `at_once` hashes run at a time.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { queue: Queue::new(at_once), spare: Arc::default() }
    }

    async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.queue.enter(turn).await?;
        let spare = self.spare.clone();
        let working = tokio::task::spawn_blocking(move || {
            // Held until the work is done even if the caller has gone: the bound is on the work, not on the callers.
            let _permit = permit;
            let mut memory = lock(&spare).pop().unwrap_or_default();
            let done = work(&mut memory);
            lock(&spare).push(memory);
            done
        });
        working.await.map_err(Error::internal)?
    }
}

fn lock(spare: &Mutex<Vec<Memory>>) -> std::sync::MutexGuard<'_, Vec<Memory>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: String, turn: Turn) -> Result<String> {
        self.run(turn, move |memory| hash(memory, &password)).await
    }

    async fn verify(&self, password: String, hash: Option<String>, turn: Turn) -> Result<Verdict> {
        self.run(turn, move |memory| verify(memory, &password, hash.as_deref().unwrap_or(NOBODY))).await
    }
}

/// Hashes a password on the caller's thread, for commands that serve nobody. Blocks.
pub(crate) fn hash_at_once(password: &str) -> Result<String> {
    hash(&mut Memory::new(), password)
}

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::internal)
}

/// Computes the argon2id output for a password and a salt.
fn compute(memory: &mut Memory, password: &str, salt: &[u8]) -> Result<Output> {
    let params = params()?;
    memory.resize(params.block_count(), Block::new());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory.as_mut_slice())
        .map_err(Error::internal)?;
    Output::new(&output).map_err(Error::internal)
}

fn hash(memory: &mut Memory, password: &str) -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::internal(error.to_string()))?;
    let salt = Salt::new(&random).map_err(Error::internal)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()?).map_err(Error::internal)?,
        salt: Some(salt),
        hash: Some(compute(memory, password, &salt)?),
    };
    Ok(hash.to_string())
}

fn verify(memory: &mut Memory, password: &str, hash: &str) -> Result<Verdict> {
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) {
        let matches = bcrypt::verify(password, hash).unwrap_or(false);
        return Ok(if matches { Verdict::MatchOutdated } else { Verdict::Mismatch });
    }
    // No password matches an unreadable hash, so such an account cannot log in.
    let Ok(parsed) = PasswordHash::new(hash) else { return Ok(Verdict::Mismatch) };
    let present = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    if let (true, Some(salt), Some(output)) = (hash.starts_with(&present), parsed.salt, parsed.hash) {
        // Comparing two `Output`s takes constant time.
        let matches = compute(memory, password, &salt)? == output;
        return Ok(if matches { Verdict::Match } else { Verdict::Mismatch });
    }
    let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    Ok(if matches { Verdict::MatchOutdated } else { Verdict::Mismatch })
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    #[tokio::test]
    async fn a_hash_matches_its_password_alone() {
        let passwords = Argon2Passwords::new(2);
        let hash = passwords.hash("correct horse".into(), Turn::OWN).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = |password: &str| passwords.verify(password.into(), Some(hash.clone()), Turn::OWN);
        assert_eq!(verify("correct horse").await.unwrap(), Verdict::Match);
        assert_eq!(verify("correct horsf").await.unwrap(), Verdict::Mismatch);
        assert_ne!(hash, passwords.hash("correct horse".into(), Turn::OWN).await.unwrap(), "salted");
        // The library's own functions agree, so other programs can read the hashes.
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        let theirs = Argon2::default().hash_password(b"battery staple").unwrap().to_string();
        assert_eq!(
            passwords.verify("battery staple".into(), Some(theirs), Turn::OWN).await.unwrap(),
            Verdict::Match
        );
    }

    #[tokio::test]
    async fn go_hashes_and_weaker_parameters_are_outdated() {
        let passwords = Argon2Passwords::new(2);
        let bcrypt = bcrypt::hash("password123", 4).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let weak = weak.hash_password(b"password123").unwrap().to_string();
        for hash in [bcrypt.replace("$2b$", "$2a$"), bcrypt, weak] {
            let verdict = |password: &str| passwords.verify(password.into(), Some(hash.clone()), Turn::OWN);
            assert_eq!(verdict("password123").await.unwrap(), Verdict::MatchOutdated, "{hash}");
            assert_eq!(verdict("password124").await.unwrap(), Verdict::Mismatch, "{hash}");
        }
    }

    #[tokio::test]
    async fn nobody_and_nonsense_match_nothing() {
        let passwords = Argon2Passwords::new(2);
        assert!(PasswordHash::new(NOBODY).is_ok(), "else an unknown user would be answered at once");
        for hash in [None, Some(""), Some("password123"), Some("$2a$nonsense"), Some("!")] {
            let verdict =
                passwords.verify("password123".into(), hash.map(str::to_owned), Turn::OWN).await.unwrap();
            assert_eq!(verdict, Verdict::Mismatch, "{hash:?}");
        }
    }
}
