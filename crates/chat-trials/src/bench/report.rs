//! The figures of all runs, the choice of those shown in the table, and the output as text and as JSON.

use serde_json::{Map, Value, json};

use super::table::{Table, number};
use super::testbed::Effort;

/// An additional figure.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    name: &'static str,
    /// Empty for a plain number.
    unit: &'static str,
    value: f64,
}

impl Figure {
    pub(super) fn new(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self { name, unit, value }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn unit(&self) -> &'static str {
        self.unit
    }

    fn key(&self) -> String {
        let name = self.name.replace(' ', "_");
        if self.unit.is_empty() { name } else { format!("{name}_{}", self.unit.replace('/', "_per_")) }
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.name, number(self.value), self.unit).trim_end().to_owned()
    }
}

/// Something that should not happen, and how often it did.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    name: &'static str,
    count: u64,
}

impl Fault {
    pub(super) fn new(name: &'static str, count: u64) -> Self {
        Self { name, count }
    }
}

/// One run of a scenario.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// The figure by which the runs of a scenario are compared.
    pub(super) main: f64,
    pub(super) details: Vec<Figure>,
    pub(super) faults: Vec<Fault>,
    pub(super) effort: Effort,
}

/// All runs of a scenario.
pub(super) struct Measured {
    pub(super) scenario: String,
    pub(super) unit: &'static str,
    pub(super) runs: Vec<Run>,
}

impl Measured {
    /// The runs from the smallest main figure to the largest.
    fn ordered(&self) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by(|one, other| one.main.total_cmp(&other.main));
        runs
    }

    /// The median run. Of an even number the lower one of the two in the middle, so that it is a run that happened.
    fn median(&self) -> Option<&Run> {
        let ordered = self.ordered();
        ordered.get(ordered.len().saturating_sub(1) / 2).copied()
    }

    /// The faults of all runs together: one outside the median run must show, too.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut sums: Vec<Fault> = Vec::new();
        for fault in self.runs.iter().flat_map(|run| &run.faults) {
            match sums.iter_mut().find(|sum| sum.name == fault.name) {
                Some(sum) => sum.count += fault.count,
                None => sums.push(fault.clone()),
            }
        }
        sums
    }

    fn row(&self) -> Option<[String; 6]> {
        let (median, ordered) = (self.median()?, self.ordered());
        let range = match (ordered.first(), ordered.last()) {
            (Some(least), Some(most)) if self.runs.len() > 1 => {
                format!("{} .. {}", number(least.main), number(most.main))
            }
            _ => String::new(),
        };
        let details: Vec<String> = median.details.iter().map(Figure::text).collect();
        let main = format!("{} {}", number(median.main), self.unit);
        let faults = faults_text(&self.faults());
        Some([self.scenario.clone(), main, range, details.join(", "), faults, cpu(median.effort)])
    }

    pub(super) fn json(&self) -> Value {
        let ordered = self.ordered();
        json!({
            "scenario": self.scenario,
            "unit": self.unit,
            "median": self.median().map(|run| run.main),
            "min": ordered.first().map(|run| run.main),
            "max": ordered.last().map(|run| run.main),
            "faults": faults_json(&self.faults()),
            "median_run": self.median().map(Run::json),
            "runs": self.runs.iter().map(Run::json).collect::<Vec<_>>(),
        })
    }
}

impl Run {
    /// The additional figure of this name.
    pub(super) fn detail(&self, name: &str) -> Option<f64> {
        self.details.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    fn json(&self) -> Value {
        let figures: Map<String, Value> =
            self.details.iter().map(|figure| (figure.key(), json!(figure.value))).collect();
        json!({
            "main": self.main,
            "figures": figures,
            "faults": faults_json(&self.faults),
            "seconds": self.effort.seconds,
            "server_cpu_s": self.effort.server_cpu_s,
            "client_cpu_s": self.effort.client_cpu_s,
            "server_cpu_us_per_unit": self.effort.cpu_us_per_unit(),
        })
    }
}

/// The faults that happened, as text.
pub(super) fn faults_text(faults: &[Fault]) -> String {
    let happened: Vec<String> = faults
        .iter()
        .filter(|fault| fault.count > 0)
        .map(|fault| format!("{} {}", fault.count, fault.name))
        .collect();
    if happened.is_empty() { "none".into() } else { happened.join(", ") }
}

fn faults_json(faults: &[Fault]) -> Value {
    faults
        .iter()
        .map(|fault| (fault.name.replace(' ', "_"), json!(fault.count)))
        .collect::<Map<_, _>>()
        .into()
}

/// CPU time of server and client, each as a share of one core.
fn cpu(effort: Effort) -> String {
    let part = |used: Option<f64>| match used {
        Some(used) if effort.seconds > 0.0 => format!("{:.2}", used / effort.seconds),
        _ => "?".into(),
    };
    format!("{} / {}", part(effort.server_cpu_s), part(effort.client_cpu_s))
}

/// All measurements and how they were made.
pub(super) struct Report {
    pub(super) server: String,
    pub(super) runs: usize,
    pub(super) seconds: u64,
    pub(super) measured: Vec<Measured>,
    pub(super) notes: Vec<String>,
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut table = Table::new([
            "scenario",
            "median",
            "min .. max",
            "in the median run",
            "faults, all runs",
            "cores server / client",
        ]);
        self.measured.iter().filter_map(Measured::row).for_each(|row| table.add(row));
        let mut lines = vec![
            format!("ChatServer {}: {}, {} cores", env!("CARGO_PKG_VERSION"), self.server, cores()),
            format!("runs: {}, of {} s each; a row shows the median run", self.runs, self.seconds),
            String::new(),
            table.to_string(),
        ];
        lines.extend(self.notes.iter().map(|note| format!("* {note}")));
        lines.join("\n").trim_end().to_owned()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "server": self.server,
            "cores": cores(),
            "debug_build": cfg!(debug_assertions),
            "runs": self.runs,
            "seconds": self.seconds,
            "scenarios": self.measured.iter().map(Measured::json).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// Number of cores that this program may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(main: f64, refused: u64) -> Run {
        Run {
            main,
            details: vec![Figure::new("p99", "ms", main / 2.0)],
            faults: vec![Fault::new("refused", refused)],
            effort: Effort { seconds: 2.0, server_cpu_s: Some(3.0), client_cpu_s: None, units: None },
        }
    }

    fn measured(mains: &[f64]) -> Measured {
        let runs = mains.iter().map(|main| run(*main, 0)).collect();
        Measured { scenario: "sends".into(), unit: "sends/s", runs }
    }

    #[test]
    fn the_median_is_a_run_that_happened() {
        let median = |mains: &[f64]| measured(mains).median().map(|run| run.main);
        assert_eq!(median(&[5.0, 1.0, 9.0, 3.0, 7.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(median(&[8.0]), Some(8.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_fault_in_any_run_is_shown() {
        let mut measured = measured(&[]);
        measured.runs = vec![run(1.0, 2), run(2.0, 0), run(3.0, 5)];
        let row = measured.row().expect("a row");
        assert_eq!(row[4], "7 refused");
        assert_eq!(measured.json()["faults"]["refused"], 7);
    }

    #[test]
    fn a_row_shows_the_median_run_and_the_range() {
        let row = measured(&[1200.0, 1000.0, 1100.0]).row().expect("a row");
        let expected = ["sends", "1,100 sends/s", "1,000 .. 1,200", "p99 550 ms", "none", "1.50 / ?"];
        assert_eq!(row, expected);
    }

    #[test]
    fn json_has_every_run() {
        let json = measured(&[3.0, 1.0, 2.0]).json();
        assert_eq!(json["median"], 2.0);
        assert_eq!((&json["min"], &json["max"]), (&json!(1.0), &json!(3.0)));
        let runs = json["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), 3);
        assert_eq!(runs[0]["figures"]["p99_ms"], 1.5);
        assert_eq!(runs[0]["server_cpu_s"], 3.0);
    }
}
