//! What is said at the end.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::verdict::{Findings, Violation};

/// What happened, and what was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) cycles: u32,
    pub(super) clients: usize,
    pub(super) sent: usize,
    pub(super) acked: usize,
    pub(super) resumes: u64,
    /// From a crash to the first acknowledgement after it.
    pub(super) longest_recovery: Duration,
    pub(super) findings: Findings,
    /// Where the data is kept, if anything was found.
    pub(super) folder: Option<String>,
}

impl Report {
    pub(super) fn is_good(&self) -> bool {
        self.findings.is_nothing()
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!("seed {}: {} crashes, {} clients", self.seed, self.cycles, self.clients),
            line("sent", self.sent),
            line("acked", self.acked),
        ];
        lines.extend(Violation::ALL.map(|(violation, name)| line(name, self.findings.count(violation))));
        lines.push(line("resumes", self.resumes));
        lines.push(line("longest recovery", format!("{} ms", self.longest_recovery.as_millis())));
        lines.extend(self.findings.examples.iter().map(|example| format!("* {example}")));
        if let Some(folder) = &self.folder {
            lines.push(format!("The database and the log of the server are kept in {folder}"));
        }
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let found: Map<String, Value> = Violation::ALL
            .into_iter()
            .map(|(violation, name)| (name.to_owned(), json!(self.findings.count(violation))))
            .collect();
        json!({
            "seed": self.seed,
            "cycles": self.cycles,
            "clients": self.clients,
            "sent": self.sent,
            "acked": self.acked,
            "violations": found,
            "resumes": self.resumes,
            "longest_recovery_ms": u64::try_from(self.longest_recovery.as_millis()).unwrap_or(u64::MAX),
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
    fn a_violation_is_counted_and_told_in_words() {
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
}
