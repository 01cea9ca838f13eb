//! `chatserver bench --cluster`: each scenario that needs nodes runs and loses nothing, and its figures are consistent.
//! Their size can only be measured on a quiet machine.

use std::process::{Command, Output};

use serde_json::Value;

const TRIES: usize = 3;

fn bench(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(folder.path()).args(["bench", "--json", "--seconds", "1"]).args(args);
    let output = command.env_remove("CHATSERVER_FAILPOINTS").output().unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "it leaves {left:?} behind");
    output
}

/// On a busy machine, a commit may take longer than nodes let a write wait. A run in which they refused a write for
/// that reason proves nothing and is repeated, up to `TRIES` times.
fn report(args: &[&str]) -> Value {
    for _ in 0..TRIES {
        let output = bench(args);
        if String::from_utf8_lossy(&output.stderr).contains("answered 503") {
            continue;
        }
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert!(output.status.success(), "{report:#}");
        if !was_kept_waiting(&report) {
            return report;
        }
    }
    panic!("the nodes could not write in time in any of {TRIES} runs");
}

fn was_kept_waiting(report: &Value) -> bool {
    let scenarios = report["scenarios"].as_array().unwrap();
    scenarios.iter().any(|scenario| scenario["faults"]["unavailable"].as_u64().is_some_and(|count| count > 0))
}

/// Returns the scenario's runs, none of which had a failure. On a busy machine, messages may be sent late.
fn runs<'a>(report: &'a Value, scenario: &str) -> &'a [Value] {
    let scenarios = report["scenarios"].as_array().unwrap();
    let found = scenarios.iter().find(|found| found["scenario"] == scenario);
    let found = found.unwrap_or_else(|| panic!("no {scenario} in {report:#}"));
    let faults = found["faults"].as_object().unwrap();
    assert!(faults.iter().all(|(name, count)| name == "sent_late" || *count == 0), "{found:#}");
    found["runs"].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn about(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6 * one.abs().max(1.0)
}

#[test]
fn two_nodes_are_measured_and_compared_with_the_database_alone() {
    let report = report(&["--cluster", "2", "--runs", "2", "--senders", "1,4"]);
    assert!(report["server"].as_str().unwrap().contains("2 nodes"), "{report:#}");
    for scenario in ["sends, 1 sender", "sends, 4 senders", "v2-sends, 64 connections, 8 in flight"] {
        let runs = runs(&report, scenario);
        assert!(runs.len() == 2 && runs.iter().all(|run| number(&run["main"]) > 0.0), "{runs:#?}");
    }
    assert_eq!(runs(&report, "latency, 50 messages/s to 100").len(), 2);
    for run in runs(&report, "other-node, 50 messages/s") {
        let of = |name: &str| number(&run["figures"][name]);
        assert!(of("same_node_p50_ms") > 0.0 && of("other_node_p50_ms") > 0.0, "{run:#}");
        assert!(about(number(&run["main"]), of("other_node_p50_ms") - of("same_node_p50_ms")), "{run:#}");
        assert!(about(of("later_at_p99_ms"), of("other_node_p99_ms") - of("same_node_p99_ms")), "{run:#}");
    }
    let sends = runs(&report, "pgbench, 64 senders over REST");
    let rows = runs(&report, "pgbench, the same rows without a server");
    let shares = runs(&report, "pgbench, sends as a share of rows");
    assert_eq!((sends.len(), rows.len(), shares.len()), (2, 2, 2));
    for ((sent, inserted), share) in sends.iter().zip(rows).zip(shares) {
        let (mean, batch) =
            (number(&sent["figures"]["in_a_commit"]), number(&inserted["figures"]["in_a_commit"]));
        assert!((mean - batch).abs() <= 0.5 && batch >= 1.0, "{mean} and {batch}");
        assert!(number(&inserted["figures"]["journal_bytes_in_a_commit"]) > 50.0 * batch, "{inserted:#}");
        assert!(about(number(&inserted["main"]), batch * number(&inserted["figures"]["commits__per_s"])));
        assert!(about(number(&share["main"]), 100.0 * number(&sent["main"]) / number(&inserted["main"])));
    }
}

#[test]
fn a_lone_node_is_measured_and_what_needs_another_is_left_out() {
    let report =
        report(&["--cluster", "1", "--runs", "1", "--senders", "2", "--only", "sends,other-node,resume"]);
    assert!(report["server"].as_str().unwrap().contains("1 node on PostgreSQL"), "{report:#}");
    assert!(number(&runs(&report, "sends, 2 senders")[0]["main"]) > 0.0);
    assert_eq!(report["scenarios"].as_array().unwrap().len(), 1, "{report:#}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("other-node: left out") && notes.contains("resume: left out"), "{notes}");
}

#[test]
fn a_server_that_runs_elsewhere_is_no_cluster_of_its_own() {
    for args in
        [&["--cluster", "2", "--url", "http://127.0.0.1:1"][..], &["--cluster", "0"], &["--cluster", "9"]]
    {
        assert_eq!(bench(args).status.code(), Some(2), "{args:?}");
    }
}
