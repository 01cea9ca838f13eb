//! The report at the end of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::inject::Injected;
use super::verdict::{Findings, Violation};

/// The results of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) cycles: u32,
    /// Number of nodes; `None` for a single server.
    pub(super) nodes: Option<usize>,
    pub(super) clients: usize,
    pub(super) sent: usize,
    pub(super) acked: usize,
    pub(super) resumes: u64,
    /// Number of messages that were acknowledged by a database that has lost them.
    pub(super) n_lost: usize,
    pub(super) times: Times,
    pub(super) findings: Findings,
    /// Path of the data, which is kept if a violation was found.
    pub(super) folder: Option<String>,
}

/// Recovery times.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Longest time from a crash, or from the end of another fault, to the first acknowledgement after it.
    longest_recovery: Duration,
    of_faults: BTreeMap<Fault, TimesOfFault>,
}

/// The longest recovery times of one kind of fault.
#[derive(Debug, Default)]
struct TimesOfFault {
    count: u32,
    /// From the fault until nodes without a database reported that they are not ready.
    unready: Option<Duration>,
    /// From its end to the first acknowledgement.
    resumed: Duration,
    /// From its end to when all nodes were ready.
    ready: Duration,
    /// From its end to when the last client that had to reload was live.
    live: Option<Duration>,
    /// From its end to when the last client had everything.
    equal: Duration,
}

impl Times {
    pub(super) fn add(&mut self, fault: Fault, recovery: Duration, injected: &Injected, equal: Duration) {
        self.longest_recovery = self.longest_recovery.max(recovery);
        let times = self.of_faults.entry(fault).or_default();
        times.count += 1;
        times.unready = times.unready.max(injected.unready);
        times.resumed = times.resumed.max(recovery);
        times.ready = times.ready.max(injected.ready);
        times.live = times.live.max(injected.live);
        times.equal = times.equal.max(equal);
    }
}

impl TimesOfFault {
    fn all(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("unready", self.unready.map(millis)),
            ("resumed", Some(millis(self.resumed))),
            ("ready", Some(millis(self.ready))),
            ("live", self.live.map(millis)),
            ("equal", Some(millis(self.equal))),
        ]
    }

    fn text(&self, fault: Fault) -> String {
        let times = self.all().map(|(name, took)| match took {
            Some(took) => format!("{name:>9} {:>8}", format!("{took} ms")),
            None => " ".repeat(18),
        });
        format!("  {:<16}{:>3} times{}", fault.name(), self.count, times.concat())
    }

    fn json(&self, fault: Fault) -> Value {
        let mut times = json!({ "fault": fault.name(), "count": self.count });
        for (name, took) in self.all() {
            if let (Some(took), Some(times)) = (took, times.as_object_mut()) {
                times.insert(format!("{name}_ms"), took.into());
            }
        }
        times
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Report {
    pub(super) fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether there were other faults than crashes of a single server.
    fn has_faults(&self) -> bool {
        self.nodes.is_some() || self.times.of_faults.keys().any(|fault| *fault != Fault::KillNode)
    }

    pub(super) fn text(&self) -> String {
        let what = match self.nodes {
            Some(nodes) => format!("{} faults, {nodes} nodes", self.cycles),
            None if self.has_faults() => format!("{} faults", self.cycles),
            None => format!("{} crashes", self.cycles),
        };
        let mut lines = vec![
            format!("seed {}: {what}, {} clients", self.seed, self.clients),
            line("sent", self.sent),
            line("acked", self.acked),
        ];
        lines.extend(Violation::ALL.map(|(violation, name)| line(name, self.findings.count(violation))));
        if self.nodes.is_some() {
            lines.push(line("lost by database", self.n_lost));
        }
        lines.push(line("resumes", self.resumes));
        lines.push(line("longest recovery", format!("{} ms", millis(self.times.longest_recovery))));
        if self.has_faults() {
            lines.push(
                "the longest times from a fault until nodes without a database said that they are not ready, and from \
                 its end until something was acknowledged, all nodes were ready, all clients that had to reload \
                 were live, and all clients had the same:"
                    .into(),
            );
            lines.extend(self.times.of_faults.iter().map(|(fault, times)| times.text(*fault)));
        }
        lines.extend(self.findings.examples.iter().map(|example| format!("* {example}")));
        if let Some(folder) = &self.folder {
            lines.push(match self.nodes {
                Some(_) => format!("The logs of the nodes are kept in {folder}"),
                None => format!("The database and the log of the server are kept in {folder}"),
            });
        }
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let found: Map<String, Value> = Violation::ALL
            .into_iter()
            .map(|(violation, name)| (name.to_owned(), json!(self.findings.count(violation))))
            .collect();
        let faults: Vec<_> = self.times.of_faults.iter().map(|(fault, times)| times.json(*fault)).collect();
        json!({
            "seed": self.seed,
            "cycles": self.cycles,
            "nodes": self.nodes,
            "clients": self.clients,
            "sent": self.sent,
            "acked": self.acked,
            "violations": found,
            "lost_by_database": self.nodes.map(|_| self.n_lost),
            "resumes": self.resumes,
            "longest_recovery_ms": millis(self.times.longest_recovery),
            "faults": self.has_faults().then_some(faults),
            "examples": self.findings.examples,
            "folder": self.folder,
        })
    }
}

fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:<18}{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_counted_and_described() {
        let mut report = Report { seed: 7, acked: 3, ..Report::default() };
        assert!(report.is_good());
        assert!(report.text().contains("lost              0\n"), "{}", report.text());
        report.findings.note(Violation::Lost, || "a message".into());
        assert!(!report.is_good());
        assert!(report.text().contains("lost              1\n"));
        assert!(report.text().ends_with("* Lost: a message"));
        assert_eq!(report.json()["violations"]["lost"], 1);
        assert_eq!(report.json()["violations"]["gaps"], 0);
    }

    #[test]
    fn each_fault_has_its_longest_times() {
        let mut times = Times::default();
        for millis in [20, 10] {
            let took = Duration::from_millis(millis);
            let injected = Injected {
                since: tokio::time::Instant::now(),
                healed: tokio::time::Instant::now(),
                unready: (millis == 10).then_some(took),
                ready: took,
                live: None,
                kept: None,
                findings: Findings::default(),
            };
            times.add(Fault::CutPostgres, took, &injected, took * 2);
        }
        let report = Report { nodes: Some(3), times, ..Report::default() };
        let expected = json!([{
            "fault": "cut-postgres", "count": 2, "unready_ms": 10, "resumed_ms": 20, "ready_ms": 20, "equal_ms": 40,
        }]);
        assert_eq!(report.json()["faults"], expected);
        assert!(report.text().contains("\n  cut-postgres      2 times"), "{}", report.text());
    }
}
