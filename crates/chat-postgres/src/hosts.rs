//! Several hosts in one address, of which one takes writes: `target_session_attrs`. A node writes, so it never wants any
//! other. Nothing here connects.

use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::open::OpenError;

/// What the driver calls a value of `target_session_attrs`.
pub(crate) fn known_to_driver(value: &str) -> Result<&str, OpenError> {
    match value {
        // A primary that is set read-only is of as little use as a standby.
        "primary" | "read-write" => Ok("read-write"),
        "any" => Ok("any"),
        _ => Err(OpenError::Hosts(format!(
            "target_session_attrs is {value:?}, but a node writes; it may be read-write or primary"
        ))),
    }
}

/// Has the one that takes writes looked for where there are several.
pub(crate) fn settle(config: &mut Config) -> Result<(), OpenError> {
    if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
        known_to_driver("read-only")?;
    }
    if config.get_hosts().len().max(config.get_hostaddrs().len()) > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(())
}

/// All of them, for messages.
pub(crate) fn describe(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let mut hosts: Vec<_> = hosts.collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
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
        settle(&mut config).unwrap();
        (config.get_target_session_attrs(), describe(&config))
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_wanted() {
        let (any, writes) = (TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite);
        assert_eq!(settled("postgres://ann@one:5/chat"), (any, "one:5".into()));
        assert_eq!(settled("postgres://ann@one:5,two/chat"), (writes, "one:5 or two:5432".into()));
        assert_eq!(settled("host=one,two port=7"), (writes, "one:7 or two:7".into()));
        assert_eq!(settled("postgres://ann@one/chat?target_session_attrs=read-write").0, writes);
        assert_eq!(settled("user=ann"), (any, "localhost:5432".into()));
    }

    #[test]
    fn a_host_that_takes_none_is_not_for_a_node() {
        for (value, known) in [("primary", "read-write"), ("read-write", "read-write"), ("any", "any")] {
            assert_eq!(known_to_driver(value).unwrap(), known);
        }
        for value in ["standby", "read-only", "prefer-standby", ""] {
            let refusal = known_to_driver(value).unwrap_err().to_string();
            assert!(refusal.contains("a node writes"), "{refusal}");
        }
        let mut config: Config = "host=one target_session_attrs=read-only".parse().unwrap();
        assert!(settle(&mut config).is_err());
    }
}
