//! `chatserver bench --only slow` at a small size: it runs, all slow clients are connected and kept, and its figures
//! are consistent. Their size can only be measured on a quiet machine.

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
