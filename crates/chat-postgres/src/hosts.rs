//! Several hosts in one address, of which one accepts writes: `target_session_attrs`. A node writes, so it
//! never wants any other. The driver would try them one after the other and wait for each silent one.
//! Instead, each host becomes an address of its own, and `race.rs` tries them. Nothing here connects.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::error::OpenError;

/// Translates a value of `target_session_attrs` into one that the driver knows.
pub(crate) fn known_to_driver(value: &str) -> Result<&str, OpenError> {
    match value {
        // A primary that is set to read only is as useless as a standby.
        "primary" | "read-write" => Ok("read-write"),
        "any" => Ok("any"),
        _ => Err(OpenError::Hosts(format!(
            "target_session_attrs is {}, but a node writes; it may be read-write or primary",
            quoted(value)
        ))),
    }
}

/// Quotes a word of an address for messages, unless it may be a part of a password.
pub(crate) fn quoted(word: &str) -> String {
    if word.contains('@') { "none of its words".into() } else { format!("{word:?}") }
}

/// Refuses an address in which the rest of a password is parsed as a host, so that messages do not show it.
pub(crate) fn check(config: &Config) -> Result<(), OpenError> {
    let is_torn = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(is_torn) {
        let reason = "there is more than one @ in it; one that belongs to the password is written %40";
        return Err(OpenError::Address(reason.into()));
    }
    Ok(())
}

/// Makes the driver look for the host that accepts writes, if there are several.
pub(crate) fn require_writable(config: &mut Config) -> Result<(), OpenError> {
    if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
        known_to_driver("read-only")?;
    }
    if config.get_hosts().len().max(config.get_hostaddrs().len()) > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(())
}

/// Splits an address into one for each host, with the same options.
pub(crate) fn one_per_host(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |given: usize| given == count || given == 0;
    if count < 2 || !fits(hosts.len()) || !fits(addresses.len()) || !(fits(ports.len()) || ports.len() == 1) {
        // The driver reports what is wrong with it.
        return vec![config.clone()];
    }
    let one = |number: usize| {
        let mut one = without_hosts(config);
        match hosts.get(number) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => drop(one.host_path(folder)),
            None => {}
        }
        if let Some(address) = addresses.get(number) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(number).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(one).collect()
}

/// Copies all options of an address except its hosts.
fn without_hosts(config: &Config) -> Config {
    let mut copy = Config::new();
    if let Some(user) = config.get_user() {
        copy.user(user);
    }
    if let Some(password) = config.get_password() {
        copy.password(password);
    }
    if let Some(name) = config.get_dbname() {
        copy.dbname(name);
    }
    if let Some(options) = config.get_options() {
        copy.options(options);
    }
    copy.keepalives(config.get_keepalives());
    copy.ssl_negotiation(config.get_ssl_negotiation());
    copy.channel_binding(config.get_channel_binding());
    copy.target_session_attrs(config.get_target_session_attrs());
    copy
}

/// Returns all hosts, for messages.
pub(crate) fn describe(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let mut hosts: Vec<_> = hosts.collect();
    if hosts.is_empty() {
        let written = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        hosts = config.get_hostaddrs().iter().map(written).collect();
    }
    if hosts.is_empty() {
        hosts.push("localhost".into());
    }
    let ports = config.get_ports();
    let port = |number: usize| ports.get(number).or(ports.first()).copied().unwrap_or(5432);
    let named: Vec<_> =
        hosts.iter().enumerate().map(|(number, host)| format!("{host}:{}", port(number))).collect();
    named.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(address: &str) -> (TargetSessionAttrs, String) {
        let mut config: Config = address.parse().unwrap();
        require_writable(&mut config).unwrap();
        (config.get_target_session_attrs(), describe(&config))
    }

    #[test]
    fn with_several_hosts_the_writable_one_is_required() {
        let (any, writes) = (TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite);
        assert_eq!(settled("postgres://ann@one:5/chat"), (any, "one:5".into()));
        assert_eq!(settled("postgres://ann@one:5,two/chat"), (writes, "one:5 or two:5432".into()));
        assert_eq!(settled("host=one,two port=7"), (writes, "one:7 or two:7".into()));
        assert_eq!(settled("postgres://ann@one/chat?target_session_attrs=read-write").0, writes);
        assert_eq!(settled("user=ann"), (any, "localhost:5432".into()));
        assert_eq!(settled("host=::1 port=7").1, "[::1]:7");
        assert_eq!(settled("hostaddr=::1 port=7").1, "[::1]:7");
    }

    #[test]
    fn an_unescaped_password_is_not_taken_for_a_host() {
        let config: Config = "postgres://ann:one@two@host/chat".parse().unwrap();
        let refusal = check(&config).unwrap_err().to_string();
        assert!(refusal.contains("%40") && !refusal.contains("two"), "{refusal}");
        assert!(check(&"postgres://ann:one%40two@host/chat".parse().unwrap()).is_ok());
    }

    #[test]
    fn each_host_becomes_an_address_with_the_same_options() {
        let parts = |address: &str| -> Vec<_> {
            let mut config: Config = address.parse().unwrap();
            require_writable(&mut config).unwrap();
            one_per_host(&config)
                .iter()
                .map(|one| (describe(one), one.get_user() == Some("ann"), one.get_target_session_attrs()))
                .collect()
        };
        let (any, writes) = (TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite);
        let is = |name: &str, wanted| (name.to_owned(), true, wanted);
        assert_eq!(parts("postgres://ann@one:5/chat"), [is("one:5", any)]);
        assert_eq!(
            parts("postgres://ann:secret@one:5,two/chat"),
            [is("one:5", writes), is("two:5432", writes)]
        );
        assert_eq!(parts("user=ann host=one,/run port=7"), [is("one:7", writes), is("/run:7", writes)]);
        assert_eq!(
            parts("user=ann hostaddr=10.0.0.1,10.0.0.2"),
            [is("10.0.0.1:5432", writes), is("10.0.0.2:5432", writes)]
        );
    }

    #[test]
    fn no_option_of_an_address_is_lost() {
        let said = "user=ann password=secret dbname=chat options='-c geqo=off' channel_binding=require keepalives=0 \
                    sslnegotiation=direct target_session_attrs=read-write";
        let whole: Config = format!("host=one,two port=5,6 {said}").parse().unwrap();
        let alone = ["one port=5", "two port=6"].map(|host| format!("host={host} {said}").parse().unwrap());
        assert_eq!(one_per_host(&whole), alone);
    }

    #[test]
    fn inconsistent_lists_are_left_to_the_driver() {
        let config: Config = "host=one,two,three port=5,6".parse().unwrap();
        assert_eq!(one_per_host(&config), [config]);
    }

    #[test]
    fn a_read_only_host_is_refused() {
        for (value, known) in [("primary", "read-write"), ("read-write", "read-write"), ("any", "any")] {
            assert_eq!(known_to_driver(value).unwrap(), known);
        }
        assert!(!known_to_driver("any@host").unwrap_err().to_string().contains("host"));
        for value in ["standby", "read-only", "prefer-standby", ""] {
            let refusal = known_to_driver(value).unwrap_err().to_string();
            assert!(refusal.contains("a node writes"), "{refusal}");
        }
        let mut config: Config = "host=one target_session_attrs=read-only".parse().unwrap();
        assert!(require_writable(&mut config).is_err());
    }
}
