//! The key that signs tokens: given by the operator, or made once and kept beside the database.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Shortest key that is taken, in bytes: as long as what HS256 gives (RFC 7518, 3.2).
const MIN_BYTES: usize = 32;
/// Beginnings of keys that stand in somebody's documentation.
const WELL_KNOWN: [&str; 7] =
    ["default_secret", "changeme", "change-me", "change_me", "secret", "your-secret", "your_secret"];

/// The operator's key, if there is one.
pub(crate) fn given(secret: Option<&str>) -> Result<Option<Vec<u8>>> {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(None) };
    check(secret).context("JWT_SECRET is refused")?;
    Ok(Some(secret.as_bytes().to_vec()))
}

/// The kept key of a database, which is made on the first start.
pub(crate) fn kept(database: &Path) -> Result<Vec<u8>> {
    let path = kept_at(database);
    checked(read_or_make(&path), &path).map(String::into_bytes)
}

/// The kept key of a database, if one was ever needed.
pub(crate) fn kept_if_made(database: &Path) -> Result<Option<String>> {
    let path = kept_at(database);
    if !path.exists() {
        return Ok(None);
    }
    checked(read(&path), &path).map(Some)
}

fn checked(secret: Result<String>, path: &Path) -> Result<String> {
    let secret = secret.with_context(|| format!("the key file {}", path.display()))?;
    check(&secret).with_context(|| format!("the key file {} is refused", path.display()))?;
    Ok(secret)
}

fn check(secret: &str) -> Result<()> {
    let advice = "make a good one with: openssl rand -hex 32";
    let lower = secret.to_ascii_lowercase();
    if WELL_KNOWN.iter().any(|known| lower.starts_with(known)) {
        bail!("it is a placeholder that anybody can guess; {advice}");
    }
    if secret.len() < MIN_BYTES {
        bail!("it has {} bytes and needs at least {MIN_BYTES}; {advice}", secret.len());
    }
    let first = secret.bytes().next();
    if secret.bytes().all(|byte| Some(byte) == first) {
        bail!("it is one character over and over; {advice}");
    }
    Ok(())
}

fn kept_at(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".jwt-secret");
    path.into()
}

fn read_or_make(path: &Path) -> Result<String> {
    match path.try_exists() {
        Ok(false) => make(path),
        _ => read(path),
    }
}

fn read(path: &Path) -> Result<String> {
    let secret = std::fs::read_to_string(path).context("it cannot be read")?;
    Ok(secret.trim().to_owned())
}

/// A new key.
pub(crate) fn draw() -> Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system gave no randomness")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make(path: &Path) -> Result<String> {
    let secret = draw()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).context("it cannot be made; check the folder's permissions")?;
    file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).context("it cannot be written")?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_well_known_keys_are_refused() {
        let long = |beginning: &str| format!("{beginning}{}", "0123456789abcdef".repeat(4));
        for bad in
            ["", "short", &"x".repeat(64), &long("changeme"), &long("Default_Secret"), &"ab".repeat(15)]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&long("k")).is_ok());
    }

    #[test]
    fn the_kept_key_is_made_once_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.db");
        let first = kept(&database).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(kept(&database).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(kept_at(&database)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_empty_key_is_none_given() {
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(given(Some(key)).unwrap().as_deref(), Some(key.as_bytes()));
        assert_eq!(given(Some("")).unwrap(), None);
        assert_eq!(given(None).unwrap(), None);
        assert!(given(Some("changeme")).is_err());
    }
}
