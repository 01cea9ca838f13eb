//! The key that signs tokens: set by the operator, or made once and kept beside the database.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chat_sqlite::followed;
use data_encoding::HEXLOWER;

/// Minimum length of a key, in bytes: the size of HS256's hash output (RFC 7518, 3.2).
const MIN_BYTES: usize = 32;
/// Minimum number of different bytes in a key. A random key practically never has fewer; of random keys of 32 decimal
/// digits, one in 800 does.
const MIN_DIFFERENT: usize = 8;
/// Beginnings of placeholder keys from documentation.
const WELL_KNOWN: [&str; 7] =
    ["default_secret", "changeme", "change-me", "change_me", "secret", "your-secret", "your_secret"];
/// Words and keyboard rows that people type when asked for a key.
const RUNS: [&str; 9] = [
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1234567890",
    "password",
    "secret",
    "your-256-bit-",
];
/// Minimum length of a part of a run that counts, in characters.
const SHORTEST_RUN: usize = 4;

/// Checks and returns the operator's key, if there is one.
///
/// # Errors
/// The key is too short or a placeholder.
pub(crate) fn given(secret: Option<&str>) -> Result<Option<Vec<u8>>> {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(None) };
    check(secret).context("JWT_SECRET is refused")?;
    warn_if_weak(secret, "JWT_SECRET");
    Ok(Some(secret.as_bytes().to_vec()))
}

/// Returns the kept key of a database, and makes it on the first start.
pub(crate) fn kept(database: &Path, is_new: bool) -> Result<Vec<u8>> {
    let path = path_of(database);
    let beside_file = kept_at(&followed(database));
    if path != beside_file && std::fs::read(&path).ok() != std::fs::read(&beside_file).ok() {
        tracing::warn!(
            "the key that signs tokens is beside the link to the database, not beside the database: if the server \
             were started on the database itself, everybody would have to log in again; move {} to {}",
            path.display(),
            beside_file.display()
        );
    }
    if let Ok(false) = path.try_exists()
        && !is_new
    {
        tracing::warn!(
            "the key that signs tokens was not beside the database, so everybody has to log in again; if you have it \
             elsewhere, stop the server, put it at {} and start again",
            path.display()
        );
    }
    checked(read_or_make(&path), &path).map(String::into_bytes)
}

/// Returns the kept key of a database, if one was ever made.
pub(crate) fn kept_if_made(database: &Path) -> Result<Option<String>> {
    let path = path_of(database);
    if !path.exists() {
        return Ok(None);
    }
    checked(read(&path), &path).map(Some)
}

/// Keeps a key for a database. A different key that exists already is replaced only if `may_replace`, and then moved to
/// the name of the former database.
///
/// # Errors
/// The key is refused, or the existing one may not be replaced or cannot be moved.
pub(crate) fn put(database: &Path, secret: &str, may_replace: bool, former: &str) -> Result<()> {
    check(secret).context("the key in the backup is refused")?;
    let path = path_of(database);
    if path.exists() {
        if read(&path).is_ok_and(|there| there == secret) {
            return Ok(());
        }
        if !may_replace {
            bail!(
                "the key in {} differs from the backup's; move it away, or use --force to replace it",
                path.display()
            );
        }
        let aside = kept_at(&renamed(database, former));
        if !may_be_kept_as(database, former) {
            bail!("cannot move the existing key: {} exists too", aside.display());
        }
        std::fs::rename(&path, aside).context("cannot move the existing key")?;
    }
    write(&path, secret)
}

/// Whether the path is free that this database's key would have under its former name.
pub(crate) fn may_be_kept_as(database: &Path, former: &str) -> bool {
    let place = kept_at(&renamed(database, former)).symlink_metadata();
    place.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn renamed(database: &Path, former: &str) -> PathBuf {
    let mut path = followed(database).into_os_string();
    path.push(former);
    path.into()
}

fn checked(secret: Result<String>, path: &Path) -> Result<String> {
    let secret = secret.with_context(|| format!("the key file {}", path.display()))?;
    check(&secret).with_context(|| format!("the key file {} is refused", path.display()))?;
    warn_if_weak(&secret, &format!("the key file {}", path.display()));
    Ok(secret)
}

/// Warns of a weak key. It is accepted all the same, because refusing it would log everybody out.
fn warn_if_weak(secret: &str, which: &str) {
    if let Some(reason) = weakness(secret) {
        tracing::warn!(
            "{which} is weak: {reason}, so it may be guessed, and anyone who has it can log in as any user; replace \
             it, which logs everybody out, with one from: openssl rand -hex 32"
        );
    }
}

/// Returns why a key is easy to guess although it is long. `None` for keys that were drawn at random.
fn weakness(secret: &str) -> Option<&'static str> {
    let bytes = secret.as_bytes();
    // At least four in five.
    let mostly = |equal: usize, of: usize| equal * 5 >= of * 4;
    let repeats = |period: usize| {
        let pairs = bytes.iter().zip(bytes.iter().skip(period));
        mostly(pairs.filter(|(one, other)| one == other).count(), bytes.len() - period)
    };
    let n_steps = bytes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    let different: std::collections::BTreeSet<_> = bytes.iter().collect();
    // Up to three fifths of the length, enough bytes are compared to exclude chance.
    if (1..=bytes.len() * 3 / 5).any(repeats) {
        Some("it repeats itself")
    } else if mostly(typed(&secret.to_ascii_lowercase()), bytes.len()) {
        Some("it consists of well-known words or keyboard rows")
    } else if mostly(n_steps, bytes.len() - 1) {
        Some("its characters are a sequence")
    } else if different.len() < MIN_DIFFERENT {
        Some("it has too few different characters")
    } else {
        None
    }
}

/// Counts the bytes that belong to well-known runs.
fn typed(secret: &str) -> usize {
    let bytes = secret.as_bytes();
    let run_at = |at: usize| {
        let rest = &bytes[at..];
        let common = |run: &[u8]| rest.iter().zip(run).take_while(|(one, other)| one == other).count();
        let runs = RUNS.iter().flat_map(|run| (0..run.len()).map(|from| common(&run.as_bytes()[from..])));
        runs.max().filter(|length| *length >= SHORTEST_RUN)
    };
    let (mut at, mut typed) = (0, 0);
    while at < bytes.len() {
        let run = run_at(at);
        typed += run.unwrap_or(0);
        at += run.unwrap_or(1);
    }
    typed
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
        bail!("it is a single repeated character; {advice}");
    }
    Ok(())
}

/// Returns the path of a database's key: beside the file, or beside the link to it, where earlier releases made it.
fn path_of(database: &Path) -> PathBuf {
    let beside_link = kept_at(database);
    if beside_link.exists() { beside_link } else { kept_at(&followed(database)) }
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

/// Draws a new key at random.
pub(crate) fn draw() -> Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system provides no randomness")?;
    Ok(HEXLOWER.encode(&random))
}

fn make(path: &Path) -> Result<String> {
    let secret = draw()?;
    write(path, &secret)?;
    Ok(secret)
}

/// Writes a new file that only the owner can read.
fn write(path: &Path, secret: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).context("it cannot be made; check the folder's permissions")?;
    file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).context("it cannot be written")
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
    fn keys_that_can_be_guessed_are_known_from_those_that_were_drawn() {
        for weak in [
            &"0123456789".repeat(4),
            &"abc".repeat(11),
            "swordfish-swordfish-swordfish-sw0rdfish",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "zyxwvutsrqponmlkjihgfedcba9876543210",
            "11111111112222222222333333333344",
            "1212211221221121212112212112212121",
            "your-256-bit-secret-your-256-bit-secret",
            "correct horse battery staple correct horse battery staple",
            "password1234567890password1234567",
            "qwertyuiopasdfghjklzxcvbnm123456",
            "Password-1234567-Secret-1234567!!",
            "aabbccddeeffgghhiijjkkllmmnnooppqq",
        ] {
            assert!(check(weak).is_ok() && weakness(weak).is_some(), "{weak}");
        }
        for good in [
            "correct horse battery staple and more",
            "c4b8e0f1d3a5967287f0d1c2b3a4e5f6",
            "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g",
        ] {
            assert_eq!(weakness(good), None, "{good}");
        }
        for _ in 0..1000 {
            assert_eq!(weakness(&draw().unwrap()), None);
        }
    }

    #[test]
    fn the_kept_key_is_made_once_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.db");
        let first = kept(&database, true).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(kept(&database, true).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(kept_at(&database)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_from_a_backup_replaces_another_only_if_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.db");
        let (one, other) = (draw().unwrap(), draw().unwrap());
        put(&database, &one, false, ".old").unwrap();
        put(&database, &one, false, ".old").unwrap();
        assert!(put(&database, &other, false, ".old").is_err());
        assert_eq!(kept(&database, true).unwrap(), one.as_bytes());
        put(&database, &other, true, ".old").unwrap();
        assert_eq!(kept(&database, true).unwrap(), other.as_bytes());
        let kept_as_old = || kept(&folder.path().join("chat.db.old"), true).unwrap();
        assert_eq!(kept_as_old(), one.as_bytes());
        // An older key is never overwritten.
        assert!(!may_be_kept_as(&database, ".old") && may_be_kept_as(&database, ".older"));
        assert!(put(&database, &one, true, ".old").is_err());
        assert_eq!((kept(&database, true).unwrap(), kept_as_old()), (other.into_bytes(), one.into_bytes()));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_beside_the_file_or_where_an_earlier_release_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.db"), folder.path().join("link.db"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let by_link = kept(&link, true).unwrap();
        assert_eq!(std::fs::read(kept_at(&file)).unwrap(), by_link, "beside the file");
        assert_eq!(kept(&file, false).unwrap(), by_link);
        std::fs::rename(kept_at(&file), kept_at(&link)).unwrap();
        assert_eq!(kept(&link, false).unwrap(), by_link, "as it was used before");
        assert_eq!(kept_if_made(&link).unwrap().unwrap().into_bytes(), by_link);
        // A restored key is found by the next start.
        let other = draw().unwrap();
        put(&link, &other, true, ".old").unwrap();
        assert_eq!(kept(&link, false).unwrap(), other.into_bytes());
    }

    #[test]
    fn an_empty_key_counts_as_unset() {
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(given(Some(key)).unwrap().as_deref(), Some(key.as_bytes()));
        assert_eq!(given(Some("")).unwrap(), None);
        assert_eq!(given(None).unwrap(), None);
        assert!(given(Some("changeme")).is_err());
    }
}
