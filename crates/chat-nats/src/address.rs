//! Parses the addresses of NATS servers, all in one setting, and the credentials in them.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::NatsError;

/// The servers of one cluster and the credentials from their addresses.
pub(crate) struct Servers {
    pub(crate) addresses: Vec<ServerAddr>,
    pub(crate) credentials: Credentials,
}

/// Credentials from an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    None,
    Token(String),
    User(String, String),
}

/// Parses addresses separated by commas. Takes the credentials of the first address that has any: they are the same on
/// every server of a cluster.
pub(crate) fn parse(text: &str) -> Result<Servers, NatsError> {
    let addresses = text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(address);
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() {
        return Err(NatsError::NoAddress);
    }
    let credentials = addresses.iter().find_map(credentials).unwrap_or(Credentials::None);
    Ok(Servers { addresses, credentials })
}

fn address(text: &str) -> Result<ServerAddr, NatsError> {
    text.parse().map_err(|reason| NatsError::Address { address: without_credentials(text), reason })
}

/// Removes the credentials, since errors are logged and passwords must not be.
fn without_credentials(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}***@{host}")
}

fn credentials(address: &ServerAddr) -> Option<Credentials> {
    let user = decoded(address.username()?);
    match address.password() {
        Some(password) => Some(Credentials::User(user, decoded(password))),
        None => Some(Credentials::Token(user)),
    }
}

impl Servers {
    /// All servers as one string for log lines.
    pub(crate) fn names(&self) -> String {
        let names = self.addresses.iter().map(|address| format!("{}:{}", address.host(), address.port()));
        names.collect::<Vec<_>>().join(" or ")
    }
}

/// Decodes characters that are written as `%` and two hexadecimal digits because they have a meaning in addresses.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Credentials {
        parse(text).ok().unwrap().credentials
    }

    #[test]
    fn several_servers_are_separated_by_commas() {
        let servers = parse("nats://a:4222, tls://b:4333,").ok().unwrap();
        let ports: Vec<_> = servers.addresses.iter().map(|one| (one.host(), one.port())).collect();
        assert_eq!(ports, [("a", 4222), ("b", 4333)]);
        assert!(servers.addresses[1].tls_required());
        assert_eq!(servers.credentials, Credentials::None);
    }

    #[test]
    fn credentials_come_before_the_host() {
        let tom = Credentials::User("tom".into(), "p@ss/1%".into());
        assert_eq!(credentials("nats://tom:p%40ss%2F1%25@a:4222,nats://b"), tom);
        assert_eq!(credentials("nats://a,nats://s3cret@b"), Credentials::Token("s3cret".into()));
    }

    #[test]
    fn a_wrong_address_is_named_without_its_password() {
        let error = parse("http://tom:secret@a:1").err().unwrap().to_string();
        assert!(error.contains("http://***@a:1"), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert!(matches!(parse(" , "), Err(NatsError::NoAddress)));
    }
}
