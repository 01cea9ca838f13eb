//! Credentials for NATS and the authorities to trust, from the addresses or from files. Files are read once, at the
//! start, so that errors in them are reported then.

use std::path::{Path, PathBuf};

use async_nats::{ConnectOptions, rustls};
use nkeys::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::address::{Credentials, Servers};
use crate::{NatsError, NatsOptions};

const ADDRESS: &str = "NATS_URL";
const NKEY: &str = "NATS_NKEY_FILE";
const CREDENTIALS: &str = "NATS_CREDS_FILE";
const AUTHORITIES: &str = "NATS_CA_FILE";

/// The credentials to log in with.
enum Login<'a> {
    None,
    Token(&'a str),
    User(&'a str, &'a str),
    Nkey(String),
    /// The text of a credentials file that was parsed once already.
    Credentials(String),
}

/// Credentials and trusted authorities.
pub(crate) struct Identity<'a> {
    login: Login<'a>,
    authorities: Option<PathBuf>,
}

/// Combines the settings. Fails if a file cannot be used or two settings give credentials.
pub(crate) fn from_options<'a>(
    options: &NatsOptions,
    servers: &'a Servers,
) -> Result<Identity<'a>, NatsError> {
    let given = [
        (servers.credentials != Credentials::None).then_some(ADDRESS),
        options.nkey.as_ref().map(|_| NKEY),
        options.credentials.as_ref().map(|_| CREDENTIALS),
    ];
    if let [one, other, ..] = given.into_iter().flatten().collect::<Vec<_>>()[..] {
        return Err(NatsError::TwoCredentials(one, other));
    }
    let login = match (&options.nkey, &options.credentials, &servers.credentials) {
        (Some(file), ..) => Login::Nkey(seed(file)?),
        (_, Some(file), _) => {
            let text = read(CREDENTIALS, file)?;
            let tried = ConnectOptions::new().credentials(&text);
            tried.map_err(|error| unusable(CREDENTIALS, file, &error))?;
            Login::Credentials(text)
        }
        (_, _, Credentials::None) => Login::None,
        (_, _, Credentials::Token(token)) => Login::Token(token),
        (_, _, Credentials::User(user, password)) => Login::User(user, password),
    };
    if let Some(file) = &options.authorities {
        authorities(file)?;
    }
    Ok(Identity { login, authorities: options.authorities.clone() })
}

impl Identity<'_> {
    /// Adds the identity to the client's options. The client does not take credentials from addresses by itself.
    pub(crate) fn apply_to(self, options: ConnectOptions) -> Result<ConnectOptions, NatsError> {
        let options = match self.authorities {
            Some(file) => options.add_root_certificates(file),
            None => options,
        };
        match self.login {
            Login::None => Ok(options),
            Login::Token(token) => Ok(options.token(token.to_owned())),
            Login::User(user, password) => {
                Ok(options.user_and_password(user.to_owned(), password.to_owned()))
            }
            Login::Nkey(seed) => Ok(options.nkey(seed)),
            Login::Credentials(text) => {
                options.credentials(&text).map_err(|error| unusable(CREDENTIALS, Path::new(""), &error))
            }
        }
    }
}

/// Reads the first line that is a seed. Other lines may be comments, which tools that generate keys write.
fn seed(file: &Path) -> Result<String, NatsError> {
    let text = read(NKEY, file)?;
    let seed = text.lines().map(str::trim).find(|line| line.starts_with('S'));
    let seed = seed.ok_or_else(|| unusable(NKEY, file, &"it contains no nkey seed (SU...)"))?;
    KeyPair::from_seed(seed).map_err(|error| unusable(NKEY, file, &error))?;
    Ok(seed.to_owned())
}

fn authorities(file: &Path) -> Result<(), NatsError> {
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| unusable(AUTHORITIES, file, &error))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    match certificates.map_err(|error| unusable(AUTHORITIES, file, &error))?[..] {
        [] => Err(unusable(AUTHORITIES, file, &"it contains no certificate")),
        _ => Ok(()),
    }
}

fn read(setting: &'static str, file: &Path) -> Result<String, NatsError> {
    std::fs::read_to_string(file).map_err(|error| unusable(setting, file, &error))
}

fn unusable(setting: &'static str, file: &Path, reason: &dyn ToString) -> NatsError {
    NatsError::File { setting, file: file.display().to_string(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address;

    const SEED: &str = "SUANQDPB2RUOE4ETUA26CNX7FUKE5ZZKFCQIIW63OX225F2CO7UEXTM7ZY";

    fn refusal(servers: &str, options: &NatsOptions) -> String {
        from_options(options, &address::parse(servers).ok().unwrap()).err().unwrap().to_string()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_seed_is_found_among_comments_and_never_logged() {
        for text in [SEED.to_owned(), format!("# of nk -gen user\n\n  {SEED}\n")] {
            assert_eq!(seed(file(&text).path()).ok().unwrap(), SEED);
        }
        let nkey = file(&SEED[..20]);
        let options = NatsOptions { nkey: Some(nkey.path().into()), ..NatsOptions::default() };
        let said = refusal("a", &options);
        assert!(said.starts_with("NATS_NKEY_FILE: ") && !said.contains(&SEED[..20]), "{said}");
    }

    #[test]
    fn two_settings_with_credentials_are_refused() {
        let (one, other) = (Some(PathBuf::from("/a")), Some(PathBuf::from("/b")));
        let both = NatsOptions { nkey: one.clone(), credentials: other, ..NatsOptions::default() };
        assert!(refusal("a", &both).contains("NATS_NKEY_FILE and NATS_CREDS_FILE both set"));
        let twice = NatsOptions { nkey: one, ..NatsOptions::default() };
        assert!(refusal("tom:secret@a", &twice).contains("NATS_URL and NATS_NKEY_FILE both set"));
    }

    #[test]
    fn unusable_files_are_named_at_the_start() {
        let nothing = file("nothing");
        for (options, setting) in [
            (NatsOptions { nkey: Some("/no/such/file".into()), ..NatsOptions::default() }, "NATS_NKEY_FILE"),
            (NatsOptions { nkey: Some(nothing.path().into()), ..NatsOptions::default() }, "NATS_NKEY_FILE"),
            (
                NatsOptions { credentials: Some(nothing.path().into()), ..NatsOptions::default() },
                "NATS_CREDS_FILE",
            ),
            (
                NatsOptions { authorities: Some(nothing.path().into()), ..NatsOptions::default() },
                "NATS_CA_FILE",
            ),
        ] {
            let said = refusal("a", &options);
            assert!(said.starts_with(&format!("{setting}: /")), "{said}");
        }
    }
}
