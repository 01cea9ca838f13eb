//! `chatserver bench` at a small size: it runs, nothing is lost, and its figures are consistent. Their size can only be
//! measured on a quiet machine.

mod filled;

use std::process::Command;

use serde_json::Value;

#[test]
fn slow_clients_are_measured_against_their_absence() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(folder.path()).env_remove("CHATSERVER_FAILPOINTS");
    command.args(["bench", "--json", "--only", "slow", "--resumers", "40", "--runs", "1", "--seconds", "1"]);
    let output = command.output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(output.status.success(), "{report:#}");
    let scenario = &report["scenarios"][0];
    assert_eq!(scenario["scenario"], "slow, 40 resume at 1 KiB/s", "{report:#}");
    assert!(scenario["faults"].as_object().unwrap().values().all(|count| *count == 0), "{report:#}");
    let run = &scenario["runs"][0];
    let figure = |name: &str| run["figures"][name].as_f64().unwrap_or_else(|| panic!("{name} in {run:#}"));
    let ratio = figure("p99_with_ms") / figure("p99_without_ms");
    assert!((run["main"].as_f64().unwrap() - ratio).abs() < 1e-6 * ratio, "{run:#}");
    assert!(figure("memory_without_MiB") > 1.0, "{run:#}");
}

#[test]
fn two_builds_are_compared_run_by_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(folder.path()).env_remove("CHATSERVER_FAILPOINTS");
    command.args(["bench", "--json", "--against", env!("CARGO_BIN_EXE_chatserver"), "--only", "sends,start"]);
    command.args(["--senders", "2", "--messages", "20", "--runs", "2", "--seconds", "1"]);
    let output = command.output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(output.status.success(), "{report:#}");
    let scenarios = report["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 2, "{report:#}");
    for scenario in scenarios {
        let mains = |side: &str| -> Vec<f64> {
            let runs = scenario["runs"][side].as_array().unwrap();
            runs.iter().map(|run| run["main"].as_f64().unwrap()).collect()
        };
        let (this, that) = (mains("this"), mains("that"));
        assert_eq!((this.len(), that.len()), (2, 2), "{scenario:#}");
        let mut ratios: Vec<f64> = this.iter().zip(&that).map(|(this, that)| this / that).collect();
        ratios.sort_by(f64::total_cmp);
        let expected = [(this[0] + this[1]) / (that[0] + that[1]), ratios[0], ratios[1]];
        for (name, expected) in ["ratio", "min_ratio", "max_ratio"].into_iter().zip(expected) {
            let shown = scenario[name].as_f64().unwrap_or_else(|| panic!("{name} in {scenario:#}"));
            assert!((shown - expected).abs() < 1e-6 * expected, "{name}: {shown}, not {expected}");
        }
    }
    assert!(scenarios[0]["cpu_us_per_unit"]["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{report:#}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "it leaves {left:?} behind");
}
