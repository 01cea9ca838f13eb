//! Two servers side by side: the figures of their runs in pairs, the ratios, and the output as text and as JSON. Pure:
//! nothing is measured here.

use serde_json::{Value, json};

use super::report::{Figure, Measured, Run, cores, faults_text};
use super::table::{Table, number};

/// Median: of an even count, the mean of the two in the middle. `None` without values.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Ratio of one to the other; `None` if that is no number, because the other is 0.
pub(super) fn ratio(one: f64, other: f64) -> Option<f64> {
    Some(one / other).filter(|ratio| ratio.is_finite())
}

/// Ratios of values that were measured in pairs.
#[derive(Debug, Clone, PartialEq)]
struct Ratios {
    /// Median of one side divided by the median of the other.
    of_medians: Option<f64>,
    /// The smallest and the largest ratio of a pair.
    of_pairs: Option<(f64, f64)>,
}

impl Ratios {
    fn of(pairs: &[(f64, f64)]) -> Self {
        let one = median(pairs.iter().map(|pair| pair.0));
        let other = median(pairs.iter().map(|pair| pair.1));
        let each: Vec<f64> = pairs.iter().filter_map(|(one, other)| ratio(*one, *other)).collect();
        let least = each.iter().copied().min_by(f64::total_cmp);
        let most = each.iter().copied().max_by(f64::total_cmp);
        Self {
            of_medians: one.zip(other).and_then(|(one, other)| ratio(one, other)),
            of_pairs: least.zip(most),
        }
    }
}

/// A scenario that was measured on both servers, run by run in pairs.
pub(super) struct Compared {
    one: Measured,
    other: Measured,
}

impl Compared {
    /// Joins the two sides' rows of the same name, and returns the names of those that only one side has.
    pub(super) fn join(ones: Vec<Measured>, mut others: Vec<Measured>) -> (Vec<Self>, Vec<String>) {
        let (mut joined, mut single) = (Vec::new(), Vec::new());
        for one in ones {
            match others.iter().position(|other| other.scenario == one.scenario) {
                Some(found) => joined.push(Self { one, other: others.remove(found) }),
                None => single.push(one.scenario),
            }
        }
        single.extend(others.into_iter().map(|other| other.scenario));
        (joined, single)
    }

    /// A value of each pair of runs that has it on both sides.
    fn pairs(&self, of: impl Fn(&Run) -> Option<f64>) -> Vec<(f64, f64)> {
        self.one.runs.iter().zip(&self.other.runs).filter_map(|(one, other)| of(one).zip(of(other))).collect()
    }

    fn main(&self) -> Vec<(f64, f64)> {
        self.pairs(|run| Some(run.main))
    }

    fn cpu(&self) -> Vec<(f64, f64)> {
        self.pairs(|run| run.effort.cpu_us_per_unit())
    }

    fn row(&self) -> [String; 7] {
        let main = self.main();
        let ratios = Ratios::of(&main);
        let faults = [&self.one, &self.other].map(|side| faults_text(&side.faults()));
        let faults = match faults {
            [one, other] if one == other => one,
            [one, other] => format!("{one} | {other}"),
        };
        [
            self.one.scenario.clone(),
            self.value(main.iter().map(|pair| pair.0)),
            self.value(main.iter().map(|pair| pair.1)),
            factor(ratios.of_medians),
            ratios.of_pairs.map(|(least, most)| format!("{least:.2} .. {most:.2}")).unwrap_or_default(),
            self.cpu_text(),
            faults,
        ]
    }

    /// The median of one side's values, with the unit.
    fn value(&self, values: impl Iterator<Item = f64>) -> String {
        median(values).map(|value| with_unit(&number(value), self.one.unit)).unwrap_or_default()
    }

    fn cpu_text(&self) -> String {
        let cpu = self.cpu();
        let [one, other] = [median(cpu.iter().map(|pair| pair.0)), median(cpu.iter().map(|pair| pair.1))];
        match one.zip(other) {
            Some((one, other)) => {
                format!("{} / {} = {}", number(one), number(other), factor(ratio(one, other)))
            }
            None => String::new(),
        }
    }

    /// A line with the other figures of the runs, such as a 99th percentile, and their ratios; `None` if there are none.
    fn details(&self) -> Option<String> {
        let figures = self.one.runs.first().map(|run| run.details.as_slice()).unwrap_or_default();
        let text = |figure: &Figure| {
            let pairs = self.pairs(|run| run.detail(figure.name()));
            let one = median(pairs.iter().map(|pair| pair.0))?;
            let other = median(pairs.iter().map(|pair| pair.1))?;
            let (sides, ratio) = (format!("{} / {}", number(one), number(other)), ratio(one, other)?);
            Some(format!("{} {} = {ratio:.2}", figure.name(), with_unit(&sides, figure.unit())))
        };
        let texts: Vec<String> = figures.iter().filter_map(text).collect();
        if texts.is_empty() { None } else { Some(format!("{}: {}", self.one.scenario, texts.join(", "))) }
    }

    fn json(&self, labels: [&str; 2]) -> Value {
        let (main, cpu) = (self.main(), self.cpu());
        let (ratios, cpu_ratios) = (Ratios::of(&main), Ratios::of(&cpu));
        json!({
            "scenario": self.one.scenario,
            "unit": self.one.unit,
            labels[0]: median(main.iter().map(|pair| pair.0)),
            labels[1]: median(main.iter().map(|pair| pair.1)),
            "ratio": ratios.of_medians,
            "min_ratio": ratios.of_pairs.map(|range| range.0),
            "max_ratio": ratios.of_pairs.map(|range| range.1),
            "cpu_us_per_unit": { labels[0]: median(cpu.iter().map(|pair| pair.0)),
                                 labels[1]: median(cpu.iter().map(|pair| pair.1)),
                                 "ratio": cpu_ratios.of_medians },
            "runs": { labels[0]: self.one.json()["runs"], labels[1]: self.other.json()["runs"] },
        })
    }
}

fn with_unit(value: &str, unit: &str) -> String {
    format!("{value} {unit}").trim_end().to_owned()
}

fn factor(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "?".into(), |ratio| format!("{ratio:.2}"))
}

/// All rows that were compared, and how.
pub(super) struct Comparison {
    /// Short names of the two servers. A ratio is the first one's figure divided by the second one's.
    pub(super) labels: [&'static str; 2],
    /// Descriptions of the two servers.
    pub(super) servers: [String; 2],
    pub(super) runs: u32,
    pub(super) seconds: u64,
    pub(super) rows: Vec<Compared>,
    pub(super) notes: Vec<String>,
    /// What the first server's database was filled with.
    pub(super) filled: Option<Value>,
}

impl Comparison {
    pub(super) fn text(&self) -> String {
        let [one, other] = self.labels;
        let ratio = format!("{one} / {other}");
        let mut table = Table::new([
            "scenario",
            one,
            other,
            &ratio,
            "ratios of pairs",
            "server CPU, us per unit",
            "faults",
        ]);
        self.rows.iter().for_each(|row| table.add(row.row()));
        let table = if self.rows.is_empty() { String::new() } else { table.to_string() };
        let [first, second] = &self.servers;
        let mut lines = vec![
            format!("ChatServer {}: {one} is {first}, {other} is {second}, {} cores", version(), cores()),
            format!("pairs of runs: {}, of {} s each, in turns; medians", self.runs, self.seconds),
            String::new(),
            table,
        ];
        lines.extend(self.rows.iter().filter_map(Compared::details));
        lines.extend(self.notes.iter().map(|note| format!("* {note}")));
        lines.join("\n").trim_end().to_owned()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "version": version(),
            "servers": { self.labels[0]: self.servers[0], self.labels[1]: self.servers[1] },
            "cores": cores(),
            "debug_build": cfg!(debug_assertions),
            "runs": self.runs,
            "seconds": self.seconds,
            "scenarios": self.rows.iter().map(|row| row.json(self.labels)).collect::<Vec<_>>(),
            "notes": self.notes,
            "filled": self.filled,
        })
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::Fault;
    use crate::bench::testbed::Effort;

    fn run(main: f64, cpu: f64) -> Run {
        let effort =
            Effort { seconds: 1.0, server_cpu_s: Some(cpu), client_cpu_s: None, units: Some(1000.0) };
        let details = vec![Figure::new("p99", "ms", main / 100.0)];
        Run { main, details, faults: vec![Fault::new("refused", 0)], effort }
    }

    fn measured(scenario: &str, mains: &[f64]) -> Measured {
        let runs = mains.iter().map(|main| run(*main, 0.02)).collect();
        Measured { scenario: scenario.into(), unit: "sends/s", runs }
    }

    #[test]
    fn a_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([7.0]), Some(7.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_range_is_of_pairs_and_not_of_extremes() {
        // The machine was half as fast in the second pair: both sides were, so their ratio stays.
        let ratios = Ratios::of(&[(100.0, 200.0), (50.0, 100.0), (120.0, 160.0)]);
        assert_eq!(ratios, Ratios { of_medians: Some(0.625), of_pairs: Some((0.5, 0.75)) });
    }

    #[test]
    fn a_ratio_to_zero_is_not_shown() {
        assert_eq!(Ratios::of(&[(1.0, 0.0)]), Ratios { of_medians: None, of_pairs: None });
        assert_eq!(Ratios::of(&[(1.0, 0.0), (4.0, 2.0)]).of_pairs, Some((2.0, 2.0)));
        assert_eq!(Ratios::of(&[]), Ratios { of_medians: None, of_pairs: None });
    }

    #[test]
    fn rows_are_joined_by_name_and_single_ones_are_named() {
        let ones = vec![measured("a", &[1.0]), measured("b", &[2.0])];
        let others = vec![measured("c", &[3.0]), measured("a", &[4.0])];
        let (joined, single) = Compared::join(ones, others);
        assert_eq!(joined.iter().map(Compared::main).collect::<Vec<_>>(), [[(1.0, 4.0)]]);
        assert_eq!(single, ["b", "c"]);
    }

    #[test]
    fn a_row_shows_both_sides_and_the_ratios() {
        let one = measured("sends", &[2000.0, 3000.0]);
        let other = measured("sends", &[4000.0, 4000.0]);
        let compared = Compared { one, other };
        let expected =
            ["sends", "2,500 sends/s", "4,000 sends/s", "0.62", "0.50 .. 0.75", "20 / 20 = 1.00", "none"];
        assert_eq!(compared.row(), expected);
        assert_eq!(compared.details().as_deref(), Some("sends: p99 25 / 40 ms = 0.62"));
    }

    #[test]
    fn json_has_the_ratios_and_every_run() {
        let (one, other) = (measured("sends", &[1.0, 3.0]), measured("sends", &[2.0, 2.0]));
        let json = Compared { one, other }.json(["this", "that"]);
        assert_eq!((&json["this"], &json["that"], &json["ratio"]), (&json!(2.0), &json!(2.0), &json!(1.0)));
        assert_eq!((&json["min_ratio"], &json["max_ratio"]), (&json!(0.5), &json!(1.5)));
        assert_eq!(json["cpu_us_per_unit"]["that"], 20.0);
        assert_eq!(json["runs"]["that"].as_array().map(Vec::len), Some(2));
    }
}
