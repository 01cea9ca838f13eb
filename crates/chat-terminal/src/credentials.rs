//! Saved logins, in a file that only its owner can read. Passwords are never saved.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chat_names::is_same_name;
use chat_protocol::time::Time;
use serde::{Deserialize, Serialize};

/// A saved login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// URL of the server.
    pub(crate) server: String,
    /// Name of the user.
    pub(crate) username: String,
    /// JWT that the server issued.
    pub(crate) token: String,
    /// When the token expires.
    pub(crate) expires_at: Time,
    /// Cookie by which the server recognizes this device, so that strangers who guess the password do not lock its
    /// owner out. It stays valid after the token has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<String>,
}

/// The saved logins, latest first.
#[derive(Debug)]
pub(crate) struct Credentials {
    file: PathBuf,
    logins: Vec<Login>,
}

impl Credentials {
    /// Reads the user's file, if there is one.
    pub(crate) fn read() -> Result<Self> {
        let Some(folder) = folder() else { bail!("there is no home folder to keep the login in: set HOME") };
        Self::read_from(folder.join("chatserver").join("credentials.json"))
    }

    fn read_from(file: PathBuf) -> Result<Self> {
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { file, logins: Vec::new() });
            }
            Err(error) => return Err(error).context(format!("{} cannot be read", file.display())),
        };
        refuse_readable_by_others(&file)?;
        let logins = serde_json::from_slice(&text);
        let logins = logins.with_context(|| format!("{} is damaged; remove it", file.display()))?;
        Ok(Self { file, logins })
    }

    /// The latest login at a server that has not expired, of this user if a name is given.
    pub(crate) fn find(&self, server: &str, username: Option<&str>, now: Time) -> Option<&Login> {
        let is_named = |login: &Login| username.is_none_or(|name| is_same_name(name, &login.username));
        self.logins.iter().find(|login| login.server == server && is_named(login) && login.expires_at > now)
    }

    /// The device cookie of the user's latest login at a server, also if that has expired.
    pub(crate) fn device(&self, server: &str, username: &str) -> Option<&str> {
        let of_user = |login: &&Login| login.server == server && is_same_name(&login.username, username);
        self.logins.iter().find(of_user)?.device.as_deref()
    }

    /// Saves a login. Replaces an earlier one of the same user at the same server.
    pub(crate) fn remember(&mut self, login: Login) -> Result<()> {
        self.forget_in_memory(&login.server, &login.username);
        self.logins.insert(0, login);
        self.write()
    }

    /// Removes a login. Removes the file with the last one.
    pub(crate) fn forget(&mut self, server: &str, username: &str) -> Result<()> {
        self.forget_in_memory(server, username);
        if self.logins.is_empty() {
            return fs::remove_file(&self.file)
                .with_context(|| format!("{} cannot be removed", self.file.display()));
        }
        self.write()
    }

    fn forget_in_memory(&mut self, server: &str, username: &str) {
        self.logins.retain(|login| login.server != server || !is_same_name(&login.username, username));
    }

    /// Writes a new file and renames it over the old one, so that a full disk destroys no saved login.
    fn write(&self) -> Result<()> {
        let cannot = || format!("the login cannot be kept in {}", self.file.display());
        let folder = self.file.parent().with_context(cannot)?;
        make_private_folder(folder).with_context(cannot)?;
        let text = serde_json::to_vec_pretty(&self.logins).with_context(cannot)?;
        let draft = self.file.with_extension(format!("{}.new", std::process::id()));
        write_private(&draft, &text).with_context(cannot)?;
        fs::rename(&draft, &self.file).with_context(cannot)
    }
}

fn folder() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // An empty or relative path must be ignored (XDG Base Directory Specification).
    let configured = named("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let default =
        if cfg!(windows) { named("APPDATA") } else { named("HOME").map(|home| home.join(".config")) };
    configured.or(default)
}

#[cfg(unix)]
fn refuse_readable_by_others(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "others can read the logins in {0}, so they may have leaked: log out everywhere, or run chmod 600 {0} if \
             nobody has read them",
            file.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_file: &Path) -> Result<()> {
    // The folder of a user profile is readable by its owner only.
    Ok(())
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

fn write_private(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    // An interrupted run may have left its file behind.
    let _ = fs::remove_file(file);
    let mut open = options.open(file)?;
    open.write_all(text)?;
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(username: &str, token: &str) -> Login {
        let server = "http://127.0.0.1:8080".to_owned();
        let device = Some(format!("chatserver_device={token}"));
        Login { server, username: username.into(), token: token.into(), expires_at: Time(1000), device }
    }

    fn read(folder: &tempfile::TempDir) -> Result<Credentials> {
        Credentials::read_from(folder.path().join("chatserver").join("credentials.json"))
    }

    fn token(credentials: &Credentials, username: Option<&str>, now: i64) -> Option<String> {
        credentials.find("http://127.0.0.1:8080", username, Time(now)).map(|login| login.token.clone())
    }

    #[test]
    fn logins_are_remembered_until_they_end_or_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut credentials = read(&folder).unwrap();
        for (username, token) in [("tom", "1"), ("jerry", "2"), ("Tom", "3")] {
            credentials.remember(login(username, token)).unwrap();
        }
        let mut credentials = read(&folder).unwrap();
        assert_eq!(token(&credentials, None, 0).as_deref(), Some("3"));
        assert_eq!(token(&credentials, Some("JERRY"), 999).as_deref(), Some("2"));
        assert_eq!(token(&credentials, Some("jerry"), 1000), None);
        assert_eq!(credentials.find("http://elsewhere:80", None, Time(0)), None);
        for username in ["tom", "jerry"] {
            credentials.forget("http://127.0.0.1:8080", username).unwrap();
        }
        assert!(!credentials.file.exists());
    }

    #[test]
    fn a_device_is_known_beyond_its_login_and_one_of_an_older_release_is_not() {
        let folder = tempfile::tempdir().unwrap();
        read(&folder).unwrap().remember(login("tom", "1")).unwrap();
        let server = "http://127.0.0.1:8080";
        let credentials = read(&folder).unwrap();
        assert_eq!(credentials.device(server, "TOM"), Some("chatserver_device=1"));
        assert_eq!(token(&credentials, Some("tom"), 2000), None);
        for (server, username) in [("http://elsewhere:80", "tom"), (server, "jerry")] {
            assert_eq!(credentials.device(server, username), None);
        }
        let file = folder.path().join("chatserver").join("credentials.json");
        let older = r#"[{"server":"http://127.0.0.1:8080","username":"tom","token":"1","expires_at":"2030-01-01T00:00:00Z"}]"#;
        fs::write(&file, older).unwrap();
        let credentials = read(&folder).unwrap();
        assert_eq!(token(&credentials, None, 0).as_deref(), Some("1"));
        assert_eq!(credentials.device(server, "tom"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_or_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        read(&folder).unwrap().remember(login("tom", "1")).unwrap();
        let file = folder.path().join("chatserver").join("credentials.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read(&folder).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
